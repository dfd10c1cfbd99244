"""Going to a place in a table, also without JavaScript; and what an exported file is called and begins with."""

import io
from contextlib import closing
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.http.tables.test_tables import column, get, planets, sentence
from tests.tables import add_table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field
from webapp.web.export_names import MAX_BYTES, name_export

__all__ = ["planets"]  # the fixture


async def place(client: QuartClient, address: str) -> str:
    answer = await client.get(address)
    assert answer.status_code == 303
    return str(answer.headers["Location"])


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("to=3", "?at=3"),
        ("to=50%25", "?at=5&way=50"),
        ("to=100%25&sort=2", "?sort=2&at=6&way=100"),
        ("to=0,5%25&f.4=eq:yes", "?f.4=eq:yes&at=5&way=0.5"),
        ("to=last&sort=-2", "?sort=-2&last=1"),
        ("to=50%25&q=nowhere", "?q=nowhere"),
    ],
)
async def test_a_place_is_an_address(client: QuartClient, planets: str, asked: str, given: str) -> None:
    found = await place(client, f"{planets}/position?{asked}")
    assert found == f"{planets}{given}"
    await get(client, found)


async def test_the_last_page_ends_with_the_last_row(client: QuartClient, planets: str) -> None:
    assert column(await get(client, f"{planets}?last=1&sort=2"))[-1] == "Saturn"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("9", "There is no row 9: the last one is 8."),
        ("0", "There is no row 0"),
        ("", "is no row. Type its number"),
        ("first", "is no row. Type its number"),
        ("1" * 40, "is no row. Type its number"),
        ("²", "is no row. Type its number"),
    ],
)
async def test_what_is_no_place_is_refused_in_words(client: QuartClient, planets: str, to: str, words: str) -> None:
    answer = await client.get(f"{planets}/position", query_string={"to": to})
    assert answer.status_code == 422
    assert words in await answer.get_data(as_text=True)


@pytest.mark.parametrize("way", ["nan", "inf", "-5", "999", "x"])
async def test_a_strange_part_of_the_way_is_only_a_hint(client: QuartClient, planets: str, way: str) -> None:
    await get(client, f"{planets}?at=3&way={way}")


async def test_relative_dates_are_those_of_the_readers_time_zone(
    client: QuartClient, planets: str, settings: Settings
) -> None:
    """Kiritimati is 14 hours ahead of UTC."""
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE users SET time_zone = 'Pacific/Kiritimati'")
    said = sentence(await get(client, f"{planets}?f.5=within:today"))
    assert said.endswith("Pacific/Kiritimati)")
    assert said[said.index("(") + 1 :][:10] >= datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize(("style", "line"), [("comma", b'a;b,"1,5"\r\n'), ("point", b'"a;b";1,5\r\n')])
async def test_csv_for_excel_has_the_separator_of_the_reader(
    client: QuartClient, planets: str, settings: Settings, style: str, line: bytes
) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE users SET number_style = ?", (style,))
    table = add_table(settings.data_dir, {"A": "text", "B": "text"}, [("a;b", "1,5")])
    data = await (await client.get(f"/tables/{table}/export?format=csv&safe=1&excel=1")).get_data()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(line)
    plain = await (await client.get(f"/tables/{table}/export?format=csv")).get_data()
    assert plain == b'A,B\r\na;b,"1,5"\r\n'


async def test_a_view_is_exported_as_a_workbook(client: QuartClient, planets: str) -> None:
    answer = await client.get(f"{planets}/export?format=xlsx&f.4=eq:yes&sort=-2&cols=1,2")
    assert answer.mimetype == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert '.xlsx"' in answer.headers["Content-Disposition"]
    sheet = load_workbook(io.BytesIO(await answer.get_data())).active
    assert list(sheet.values)[:3] == [("Planet", "Moons"), ("Saturn", 146), ("Jupiter", 95)]
    assert f"{planets}/export?sort=-2&amp;format=xlsx" in await get(client, f"{planets}?sort=-2")


async def test_a_workbook_with_a_text_too_long_for_excel_is_refused_before_it_is_sent(
    client: QuartClient, planets: str, settings: Settings
) -> None:
    table = add_table(settings.data_dir, {"A": "text", "B": "text"}, [("a", "b"), ("x", "y" * 32_768)])
    said = await get(client, f"/tables/{table}/export?format=xlsx", 422)
    assert "Row 2, column “B”, has more than 32,767 characters" in said
    assert (await client.get(f"/tables/{table}/export?format=xlsx&cols=1")).status_code == 200


def test_the_name_of_an_export_says_what_is_in_it_and_is_safe_and_short() -> None:
    fields = tuple(Field(number, f"c{number}", "text", {}) for number in (1, 2, 3))
    query = TableQuery.from_args([("f.1", 'eq:a/b\\c:"?*\n'), ("sort", "-2"), ("cols", "1,2")], fields)
    assert name_export("Flights: 2013.", query, "csv") == (
        "Flights 2013 where c1 is a b c, by c2, Z to A, 2 of 3 columns.csv"
    )
    long = query.with_filter(3, "contains", "é" * 200)
    assert len(name_export("é" * 300, long, "ndjson").encode()) <= MAX_BYTES
    assert name_export("...", TableQuery.of(fields), "csv") == "Table.csv"
