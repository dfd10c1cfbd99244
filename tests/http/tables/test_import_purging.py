"""What is deleted for good is in no comparison and no plan of a further file; its upload stays as it is."""

import asyncio
import gzip
import json
from contextlib import closing
from pathlib import Path

from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.http.tables.test_imports import uploaded
from tests.http.tables.test_updates import (
    ADA,
    LATER,
    ada,
    apply,
    compared,
    edit,
    figures,
    found,
    settings,
    settled,
    table,
    text_of,
)
from tests.servers import wait_for
from webapp.extensions import db
from webapp.models import Import
from webapp.models.tables.columns import delete_column
from webapp.models.tables.editing import delete_rows
from webapp.web.application import Application

__all__ = ["ada", "settings", "table"]


async def delete_row(app: Application, table: int, row: int) -> int:
    seq = (await db.of(app).write(delete_rows, ADA, table, [row])).seq
    assert seq is not None
    return int(seq)


async def purge(settings: Settings, client: QuartClient, table: int, seq: int) -> None:
    """To the end."""
    answer = await client.post(f"/tables/{table}/trash/purge", form={"seq": str(seq)})
    assert answer.status_code == 303

    def is_over() -> bool:
        with closing(connect(settings.data_dir / "rowcast.db")) as connection:
            return not connection.execute("SELECT 1 FROM change_sets WHERE is_purging").fetchone()

    await asyncio.to_thread(wait_for, is_over)


async def left_of(app: Application, settings: Settings, location: str) -> str:
    """All that is kept of an import, but for the upload and, until it is imported, what was read from that alone."""
    folder: Path = settings.imports_dir / location.rpartition("/")[2]
    import_, update = await found(app, location)
    is_done, texts = import_.state == "done", [json.dumps(update.comparison, ensure_ascii=False)]
    if is_done:
        texts.append(json.dumps(import_.inspection, ensure_ascii=False))
    for path in folder.iterdir():
        if path.name not in ("original", "lock") and (is_done or path.name != "inspection.json"):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            texts.append(content.decode())
    return "\n".join(texts)


async def test_a_file_that_waits_for_a_decision_is_compared_again(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    location = await compared(app, ada, table, missing="delete")
    assert "Narvik" in await left_of(app, settings, location)

    await purge(settings, ada, table, await delete_row(app, table, 3))

    assert (await settled(app, location)).state == "ready"
    assert "Narvik" not in await left_of(app, settings, location)
    page = await text_of(ada, location)
    assert "deleted for good, so the file was compared with it again" in page
    assert figures(page) == {"added": "1", "changed": "1", "unchanged": "1"}


async def test_a_purged_column_is_in_no_plan_even_if_it_was_deleted_before_the_comparison(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    seq = (await db.of(app).write(delete_column, ADA, table, 3)).seq
    location = await compared(app, ada, table, "id,City\n1,Oslo\n2,Bergen\n", missing="delete")
    assert "1902" in await left_of(app, settings, location)
    await purge(settings, ada, table, seq)
    await settled(app, location)
    assert "1902" not in await left_of(app, settings, location)


async def test_a_file_compared_after_the_deletion_keeps_its_comparison(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    seq = await delete_row(app, table, 3)
    location = await compared(app, ada, table)
    before = await left_of(app, settings, location)
    await purge(settings, ada, table, seq)
    assert await left_of(app, settings, location) == before


async def test_of_a_file_that_was_imported_only_what_the_next_one_needs_is_left(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    await edit(app, table, 1, 2, "Oslo", "Kristiania")
    await edit(app, table, 2, 2, "Bergen", "Bjørgvin")
    location = await compared(app, ada, table)
    await apply(app, ada, location, clashes="theirs")

    left = await left_of(app, settings, location)
    assert all(text in left for text in ("Kristiania", "Bodø"))

    await purge(settings, ada, table, await delete_row(app, table, 1))
    await purge(settings, ada, table, await delete_row(app, table, 4))

    left = await left_of(app, settings, location)
    assert not any(text in left for text in ("Kristiania", "Christiania", "Bodø"))
    assert "Bjørgvin" in left
    assert "is imported" in await text_of(ada, location)
    again = await compared(app, ada, table, LATER)
    assert "1 edited cell stays as decided" in await text_of(ada, again)


async def test_nothing_that_was_read_for_the_preview_is_left_of_rows_that_were_deleted_for_good(
    app: Application, ada: QuartClient, settings: Settings
) -> None:
    """Samples, texts without a value, doubts about titles and notes quote cells."""
    rows = "".join(f"{number},City {number}\n" for number in range(2, 40))
    location = await uploaded(app, ada, f"id,City\n1,Utopia\n{rows}unknown,Xanadu\n")
    await ada.post(f"{location}/start")
    table = (await settled(app, location)).table_id
    assert table is not None
    import_id = location.rpartition("/")[2]
    folder = settings.imports_dir / import_id
    assert "Utopia" in (folder / "inspection.json").read_text()
    assert "unknown" in await inspection_of(app, import_id)

    for row in (1, 40):
        await purge(settings, ada, table, await delete_row(app, table, row))

    assert not (folder / "inspection.json").exists()
    left = await inspection_of(app, import_id)
    assert "Utopia" not in left
    assert "unknown" not in left
    assert (await ada.get(location)).status_code == 200
    assert f"/tables/{table}" in await text_of(ada, "/dashboard")


async def inspection_of(app: Application, import_id: str) -> str:
    async with db.of(app).reading() as session:
        return json.dumps((await session.get_one(Import, import_id)).inspection, ensure_ascii=False)
