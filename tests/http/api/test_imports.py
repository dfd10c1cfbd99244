"""Imports by programs: a file becomes a table, or goes into one, in one request or with a look at it before."""

import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import make_settings
from tests.database import connect
from tests.http.api.conftest import Make, Program, problem
from tests.http.api.tables import add_planets
from tests.http.api.test_limited_tokens import limited
from tests.servers import PATIENCE
from tests.tables import add_table
from webapp.extensions import db, jobs
from webapp.models import Actor, Role, Scope
from webapp.models.tables.import_wishes import Wishes
from webapp.tables.import_stream import Audience, Cursor, ImportSubject
from webapp.web.application import Application
from webapp.web.formatting import Locale
from webapp.web.templating import templates

ADA = Actor(1, "ada@example.org", "ada", "owner")
IMPORTS = "/api/v1/imports"
CSV = {"Content-Type": "text/csv"}
PLANETS = "Planet,Moons,Seen\nMars,2,1610-09-01\nVenus,0,\nEarth,1,\n"
COLUMNS = {"id": "integer", "City": "text", "Since": "integer"}
ROWS = (("1", "Oslo", "1048"), ("2", "Bergen", "1070"), ("3", "Narvik", "1902"))
LATER = "id,City,Since\n1,Christiania,1048\n2,Bergen,1070\n4,Bodø,1816\n"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open", upload_limit=100_000)


@pytest.fixture
def cities(settings: Settings, owner: QuartClient) -> int:
    return add_table(settings.data_dir, COLUMNS, ROWS)


async def send(
    client: Program, data: str | bytes = PLANETS, path: str = IMPORTS, status: int = 201, **more: Any
) -> Any:
    name = "" if "filename=" in path else f"{'&' if '?' in path else '?'}filename=planets.csv"
    more["headers"] = CSV | more.get("headers", {})
    answer = await client.post(path + name, data=data, **more)
    assert answer.status_code == status, await answer.get_data(as_text=True)
    document = await answer.get_json()
    assert answer.headers["Location"] == f"{IMPORTS}/{document['id']}"
    return document


async def settled(app: Application, client: Program, import_id: str) -> Any:
    """The import once no pass works on it any more, and nothing that followed."""
    while True:
        found = await jobs.of(app).wait_for_pass(import_id, PATIENCE)
        assert found is not None
        await db.of(app).wait_for_writes()
        document = await (await client.get(f"{IMPORTS}/{import_id}")).get_json()
        if document["state"] not in ("inspecting", "loading", "comparing", "updating"):
            return document


async def rows_of(client: Program, table_id: int) -> list[dict[str, Any]]:
    found = await (await client.get(f"/api/v1/tables/{table_id}/rows")).get_json()
    return [row["cells"] for row in found["items"]]


async def test_one_request_makes_a_table_of_a_file(app: Application, program: Make) -> None:
    client = await program()

    sent = await send(client, path=f"{IMPORTS}?start=true&title=Worlds")
    done = await settled(app, client, sent["id"])

    assert (sent["state"], sent["table_id"], sent["size"]) == ("inspecting", None, len(PLANETS))
    assert (done["state"], done["failure"], done["rows"]) == ("done", None, 3)
    shown = await (await client.get(f"/api/v1/tables/{done['table_id']}")).get_json()
    assert (shown["title"], [column["type"] for column in shown["columns"]]) == ("Worlds", ["text", "integer", "date"])
    assert (await rows_of(client, done["table_id"]))[0] == {"Planet": "Mars", "Moons": 2, "Seen": "1610-09-01"}


async def test_a_file_is_looked_at_corrected_and_started(app: Application, program: Make) -> None:
    client = await program()
    sent = await send(client)
    found = await settled(app, client, sent["id"])
    assert (found["state"], found["table_id"]) == ("ready", None)
    assert (found["reading"]["delimiter"], found["reading"]["encoding"], found["reading"]["header"]) == (
        ",",
        "utf-8",
        True,
    )
    assert [(one["title"], one["type"]) for one in found["columns"]] == [
        ("Planet", "text"),
        ("Moons", "integer"),
        ("Seen", "date"),
    ]
    assert found["preview"][0] == ["Mars", "2", "1610-09-01"]

    address = f"{IMPORTS}/{sent['id']}"
    columns = [{"number": 2, "title": "Satellites", "type": "text"}, {"number": 3, "skip": True}]
    corrected = await (await client.patch(address, json={"columns": columns})).get_json()
    assert [(one["title"], one["type"], one["skip"]) for one in corrected["columns"]][1:] == [
        ("Satellites", "text", False),
        ("Seen", "date", True),
    ]
    assert corrected["preview"][0] == ["Mars", "2"]
    kept = await (await client.patch(address, json={"columns": [{"number": 3, "title": "When"}]})).get_json()
    assert [(one["title"], one["skip"]) for one in kept["columns"]][1:] == [("Satellites", False), ("When", True)]

    begun = await client.post(f"{address}/start?title=Worlds")
    again = await client.post(f"{address}/start")
    done = await settled(app, client, sent["id"])

    assert (begun.status_code, again.status_code) == (200, 200)
    assert done["state"] == "done"
    assert (await rows_of(client, done["table_id"]))[0] == {"Planet": "Mars", "Satellites": "2"}
    assert (await problem(await client.patch(address, json={"delimiter": ";"}), 409))["detail"].endswith(
        "already done."
    )


async def test_a_file_is_read_as_it_is_said(app: Application, program: Make) -> None:
    client = await program()
    text = "a report\nd;n\n05.06.2024;1\n"

    path = f"{IMPORTS}?delimiter=%3B&header=true&header_row=1&order=mdy&encoding=cp1252&filename=r.csv"
    sent = await send(client, text, path)
    found = await settled(app, client, sent["id"])
    other = await client.patch(f"{IMPORTS}/{sent['id']}", json={"header": False, "header_row": 0, "delimiter": "none"})
    read = await settled(app, client, sent["id"])

    reading = found["reading"]
    assert (reading["delimiter"], reading["header_row"], reading["encoding"]) == (";", 1, "cp1252")
    assert [one["title"] for one in found["columns"]] == ["d", "n"]
    assert other.status_code == 200
    assert (read["rows"], read["reading"]["header"], len(read["columns"])) == (3, False, 1)


async def test_a_sheet_of_a_workbook_is_chosen(app: Application, program: Make) -> None:
    client, book, stream = await program(), openpyxl.Workbook(), io.BytesIO()
    book.active.append(["a"])
    book.create_sheet("Two").append(["Planet", "Moons"])
    book["Two"].append(["Mars", 2])
    book.save(stream)

    sent = await send(client, stream.getvalue(), f"{IMPORTS}?sheet=Two&start=true&filename=book.xlsx")
    done = await settled(app, client, sent["id"])
    wrong = await send(client, stream.getvalue(), f"{IMPORTS}?sheet=Three&start=true&filename=book.xlsx")
    failed = await settled(app, client, wrong["id"])

    assert await rows_of(client, done["table_id"]) == [{"Planet": "Mars", "Moons": 2}]
    assert failed["table_id"] is None
    assert "Three" in failed["failure"]


async def test_a_form_with_a_file_is_taken_as_a_page_sends_it(app: Application, program: Make) -> None:
    client = await program()

    answer = await client.post(IMPORTS, files={"file": FileStorage(io.BytesIO(PLANETS.encode()), "my planets.csv")})

    found = await settled(app, client, (await answer.get_json())["id"])
    assert (answer.status_code, found["filename"], found["rows"]) == (201, "my planets.csv", 3)


async def test_a_file_for_a_table_is_planned_and_carried_out(app: Application, program: Make, cities: int) -> None:
    client = await program()
    sent = await send(client, LATER, f"/api/v1/tables/{cities}/imports?key=ID&mode=update&missing=delete")
    found = await settled(app, client, sent["id"])

    assert (found["state"], found["into"], found["table_id"]) == ("ready", cities, None)
    plan = found["plan"]
    assert (plan["mode"], plan["keys"], plan["missing_rows"]) == ("update", ["id"], "delete")
    assert (plan["added"], plan["changed"], plan["same"], plan["removed"]) == (1, 1, 1, 1)
    kinds = {sample["kind"]: sample for sample in plan["samples"]}
    assert kinds["changed"]["cells"] == [{"column": 2, "before": "Oslo", "after": "Christiania"}]
    assert [row["City"] for row in await rows_of(client, cities)] == ["Oslo", "Bergen", "Narvik"]

    address = f"{IMPORTS}/{sent['id']}"
    change = {"missing": "keep", "adds_rows": False, "columns": [{"number": 3, "into": None}]}
    await client.patch(address, json=change)
    planned = (await settled(app, client, sent["id"]))["plan"]
    assert (planned["added"], planned["left_out"], planned["removed"], planned["missing_rows"]) == (0, 1, 0, "keep")

    started = await client.post(f"{address}/start")
    again = await client.post(f"{address}/start")
    done = await settled(app, client, sent["id"])

    assert (started.status_code, again.status_code) == (200, 200)
    assert (done["state"], done["table_id"]) == ("done", cities)
    assert [row["City"] for row in await rows_of(client, cities)] == ["Christiania", "Bergen", "Narvik"]
    changes = await (await client.get(f"/api/v1/tables/{cities}/changes")).get_json()
    assert [one["kind"] for one in changes["items"]] == ["import.update"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("mode=append", ["Oslo", "Bergen", "Narvik", "Christiania", "Bergen", "Bodø"]),
        ("mode=update&key=id", ["Christiania", "Bergen", "Narvik", "Bodø"]),
        ("mode=replace&allow_deletions=true", ["Bergen", "Christiania", "Bodø"]),
    ],
)
async def test_one_request_puts_a_file_into_a_table(
    app: Application, program: Make, cities: int, mode: str, expected: list[str]
) -> None:
    client = await program()

    sent = await send(client, LATER, f"/api/v1/tables/{cities}/imports?start=true&{mode}")
    done = await settled(app, client, sent["id"])

    assert (done["state"], done["failure"]) == ("done", None)
    assert sorted(row["City"] for row in await rows_of(client, cities)) == sorted(expected)


async def test_the_page_of_an_import_follows_one_that_a_program_has_begun(
    app: Application, program: Make, cities: int
) -> None:
    client = await program()
    sent = await send(client, LATER, f"/api/v1/tables/{cities}/imports?start=true&mode=append")
    await settled(app, client, sent["id"])
    subject = ImportSubject(sent["id"], jobs.of(app), templates.of(app))
    async with app.test_request_context("/"):
        assert subject.take(await db.of(app).read(subject.read))

        delivered = await subject.deliver(Audience("inspecting", Locale.of(ADA)), Cursor())

    assert delivered.is_complete
    assert f"/tables/imports/{sent['id']}" in delivered.data.decode()


async def test_a_file_that_was_cut_off_deletes_nothing_unless_that_is_allowed(
    app: Application, program: Make, cities: int
) -> None:
    client = await program()
    path = f"/api/v1/tables/{cities}/imports?start=true&mode=update&key=id&missing=delete"

    sent = await send(client, "id,City,Since\n1,Oslo,1048\n", path)
    stopped = await settled(app, client, sent["id"])
    refused = await problem(await client.post(f"{IMPORTS}/{sent['id']}/start"), 422)
    assert (stopped["state"], stopped["plan"]["removed"], stopped["plan"]["loses_most"]) == ("ready", 2, True)
    assert "2 of the 3 rows of the table would be deleted" in stopped["failure"]
    assert refused["errors"][0]["parameter"] == "allow_deletions"
    assert len(await rows_of(client, cities)) == 3

    await client.post(f"{IMPORTS}/{sent['id']}/start?allow_deletions=true")

    assert (await settled(app, client, sent["id"]))["state"] == "done"
    assert [row["City"] for row in await rows_of(client, cities)] == ["Oslo"]


async def test_a_file_without_a_key_waits_and_says_why(app: Application, program: Make, settings: Settings) -> None:
    client = await program()
    table = add_table(settings.data_dir, {"a": "text"}, (("x",), ("x",)))

    sent = await send(client, "a\nx\nx\n", f"/api/v1/tables/{table}/imports?start=true&mode=update")
    found = await settled(app, client, sent["id"])
    refused = await problem(await client.post(f"{IMPORTS}/{sent['id']}/start"), 409)

    assert (found["state"], found["plan"]) == ("ready", None)
    assert "tells one row from another" in found["failure"]
    assert "columns or its key" in refused["detail"]

    await client.patch(f"{IMPORTS}/{sent['id']}", json={"mode": "append"})

    planned = await settled(app, client, sent["id"])  # somebody has decided: nothing starts by itself any more
    assert (planned["state"], planned["plan"]["added"]) == ("ready", 2)
    assert len(await rows_of(client, table)) == 2


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("delimiter=%22", "delimiter"),
        ("encoding=idna", "encoding"),
        ("quote=ab", "quote"),
        ("header_row=100001", "header_row"),
    ],
)
async def test_a_wrong_option_of_an_upload_is_named(program: Make, query: str, parameter: str) -> None:
    found = await problem(await (await program()).post(f"{IMPORTS}?{query}", data=PLANETS, headers=CSV), 422)

    assert found["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("query", ["start=yes", "order=dym", "header_row=-1", "page=1", "mode=append"])
async def test_what_is_no_option_is_refused(program: Make, query: str) -> None:
    found = await problem(await (await program()).post(f"{IMPORTS}?{query}", data=PLANETS, headers=CSV), 400)

    assert found["errors"][0]["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"delimiter": '"'}, "#/delimiter"),
        ({"sheet": "Two", "encoding": "undefined"}, "#/encoding"),
        ({"columns": [{"number": 1}, {"number": 2, "title": "Planet"}]}, "#/columns/1/title"),
        ({"columns": [{"number": 3, "order": "dmy"}, {"number": 4, "skip": True}]}, "#/columns/1/number"),
        ({"columns": [{"number": number, "skip": True} for number in (1, 2, 3)]}, "#/columns/0/skip"),
        ({"mode": "append"}, "#/mode"),
        ({"columns": [{"number": 1, "into": "Planet"}]}, "#/columns/0/into"),
    ],
)
async def test_a_wrong_correction_is_named(
    app: Application, program: Make, change: dict[str, Any], pointer: str
) -> None:
    client = await program()
    sent = await send(client)
    before = await settled(app, client, sent["id"])

    found = await problem(await client.patch(f"{IMPORTS}/{sent['id']}", json=change), 422)

    assert found["errors"][0]["pointer"] == pointer
    assert await (await client.get(f"{IMPORTS}/{sent['id']}")).get_json() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"keys": ["Nowhere"]}, "#/keys"),
        ({"mode": "update", "keys": []}, None),
        ({"columns": [{"number": 2, "into": "Nowhere"}]}, "#/columns/0/into"),
        ({"columns": [{"number": 2, "into": "Since"}]}, "#/columns"),
        ({"missing": "mark", "mark": "City", "keys": ["id"], "mode": "update"}, "#/mark"),
        ({"delimiter": ";"}, "#/delimiter"),
        ({"columns": [{"number": 2, "title": "x"}]}, "#/columns/0/title"),
    ],
)
async def test_a_wrong_setting_of_a_file_for_a_table_is_named(
    app: Application, program: Make, cities: int, change: dict[str, Any], pointer: str | None
) -> None:
    client = await program()
    sent = await send(client, LATER, f"/api/v1/tables/{cities}/imports?key=id")
    await settled(app, client, sent["id"])

    answer = await client.patch(f"{IMPORTS}/{sent['id']}", json=change)

    if pointer is None:  # no keys: those that were found
        assert answer.status_code == 200
    else:
        assert (await problem(answer, 422))["errors"][0]["pointer"] == pointer


async def test_an_unknown_key_is_refused_before_anything_is_kept(program: Make, cities: int) -> None:
    client = await program()
    path = f"/api/v1/tables/{cities}/imports?key=id&key=Nowhere"

    found = await problem(await client.post(path, data=LATER, headers=CSV), 422)

    assert found["errors"] == [{"detail": "The table has no column “Nowhere”.", "parameter": "key"}]
    assert (await (await client.get(IMPORTS)).get_json())["items"] == []


async def test_what_is_no_file_is_refused(program: Make, settings: Settings) -> None:
    client = await program()

    nothing = await problem(await client.post(IMPORTS, data=b"", headers=CSV), 422)
    large = await problem(await client.post(IMPORTS, data=b"a\n" * 50_001, headers=CSV), 413)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = await problem(await client.post(IMPORTS, data=PLANETS, headers=form), 415)

    assert "Nothing arrived" in nothing["detail"]
    assert "larger" in large["detail"]
    assert "text/csv" in wrong["detail"]
    assert not any(settings.imports_dir.iterdir())
    assert (await (await client.get(IMPORTS)).get_json())["items"] == []


async def test_a_file_that_is_no_table_fails_and_says_why(app: Application, program: Make) -> None:
    client = await program()

    sent = await send(client, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, f"{IMPORTS}?start=true&filename=a.png")
    failed = await settled(app, client, sent["id"])

    assert (failed["state"], failed["table_id"]) == ("failed", None)
    assert failed["failure"]
    address = f"{IMPORTS}/{sent['id']}"
    assert "failed" in (await problem(await client.post(f"{address}/start"), 409))["detail"]
    assert "failed" in (await problem(await client.post(f"{address}/cancel"), 409))["detail"]


async def test_an_import_that_goes_on_by_itself_is_at_no_time_ready(
    app: Application, program: Make, settings: Settings, cities: int
) -> None:
    """A program that looks between its comparison and its start would think that it waits for a decision."""
    client = await program()
    sent = await send(client, LATER, f"/api/v1/tables/{cities}/imports?key=id")
    assert (await settled(app, client, sent["id"]))["state"] == "ready"
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE imports SET wishes = ?", (json.dumps(Wishes(starts=True).to_json()),))

    shown = await (await client.get(f"{IMPORTS}/{sent['id']}")).get_json()
    (listed,) = (await (await client.get(IMPORTS)).get_json())["items"]

    assert shown["state"] == listed["state"] == "comparing"


async def test_a_start_that_compares_again_first_may_be_sent_again(
    app: Application, program: Make, settings: Settings, cities: int
) -> None:
    client, table = await program(), f"/api/v1/tables/{cities}"
    sent = await send(client, LATER, f"{table}/imports?key=id")
    await settled(app, client, sent["id"])
    await client.patch(f"{table}/rows", json={"rows": [{"id": 2, "cells": {"City": "Bjørgvin"}}]})

    answers = [await client.post(f"{IMPORTS}/{sent['id']}/start") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (await settled(app, client, sent["id"]))["state"] == "done"


async def test_an_import_is_cancelled_once_and_not_started_then(app: Application, program: Make) -> None:
    client = await program()
    sent = await send(client)
    await settled(app, client, sent["id"])
    address = f"{IMPORTS}/{sent['id']}"

    answers = [await (await client.post(f"{address}/cancel")).get_json() for _ in range(2)]

    assert [answer["state"] for answer in answers] == ["cancelled", "cancelled"]
    assert (await (await client.get(address)).get_json())["state"] == "cancelled"
    assert "cancelled" in (await problem(await client.post(f"{address}/start"), 409))["detail"]


async def test_what_is_done_is_not_cancelled(app: Application, program: Make, cities: int) -> None:
    client = await program()
    new = await send(client, path=f"{IMPORTS}?start=true")
    update = await send(client, LATER, f"/api/v1/tables/{cities}/imports?start=true&mode=append")

    for sent in (new, update):
        await settled(app, client, sent["id"])
        assert "already done" in (await problem(await client.post(f"{IMPORTS}/{sent['id']}/cancel"), 409))["detail"]

    assert len(await rows_of(client, cities)) == 6


async def test_imports_are_listed_page_by_page_for_their_person_alone(app: Application, program: Make) -> None:
    client, other = await program(), await program(role=Role.MEMBER)
    sent = [(await send(client))["id"] for _ in range(3)]
    theirs = (await send(other))["id"]

    first = await (await client.get(f"{IMPORTS}?limit=2")).get_json()
    second = await (await client.get(first["next"])).get_json()

    assert {one["id"] for one in first["items"] + second["items"]} == set(sent)
    assert (len(first["items"]), second["next"]) == (2, None)
    for import_id in sent:
        await settled(app, client, import_id)
    assert [one["rows"] for one in (await (await client.get(IMPORTS)).get_json())["items"]] == [3, 3, 3]
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"delimiter": ";"}),
        ("POST", "/start", None),
        ("POST", "/cancel", None),
    ):
        await problem(await client.open(f"{IMPORTS}/{theirs}{path}", method=method, json=body), 404)
    await settled(app, other, theirs)


async def test_a_limited_token_imports_into_its_tables_alone(
    app: Application, program: Make, settings: Settings
) -> None:
    client, mine, other = await program(), add_planets(settings, title="Mine"), add_planets(settings, title="Other")
    narrow = await limited(app, [mine])
    hidden = [(await send(client))["id"], (await send(client, PLANETS, f"/api/v1/tables/{other}/imports"))["id"]]
    for import_id in hidden:
        await settled(app, client, import_id)

    sent = await send(narrow, "Planet,Moons\nPluto,5\n", f"/api/v1/tables/{mine}/imports?mode=append&start=true")
    done = await settled(app, narrow, sent["id"])

    assert done["state"] == "done"
    listed = await (await narrow.get(IMPORTS)).get_json()
    assert [one["id"] for one in listed["items"]] == [sent["id"]]
    await problem(await narrow.post(f"/api/v1/tables/{other}/imports", data=PLANETS, headers=CSV), 404)
    assert "some tables only" in (await problem(await narrow.post(IMPORTS, data=PLANETS, headers=CSV), 403))["detail"]
    for import_id in hidden:
        await problem(await narrow.get(f"{IMPORTS}/{import_id}"), 404)
        await problem(await narrow.post(f"{IMPORTS}/{import_id}/cancel"), 404)
        await problem(await narrow.post(f"{IMPORTS}/{import_id}/start"), 404)


async def test_a_key_makes_one_import_of_a_file_and_is_not_used_for_another(
    app: Application, program: Make, cities: int
) -> None:
    client, key = await program(), {"headers": {"Idempotency-Key": "tonight"}}

    first, again = await send(client, **key), await send(client, **key)
    into = await send(client, path=f"/api/v1/tables/{cities}/imports", **key)
    other = await client.post(f"{IMPORTS}?filename=planets.csv", data=LATER, headers=CSV | key["headers"])
    options = await client.post(
        f"{IMPORTS}?filename=planets.csv&start=true", data=PLANETS, headers=CSV | key["headers"]
    )
    malformed = await client.post(IMPORTS, data=PLANETS, headers=CSV | {"Idempotency-Key": "a b"})

    assert first["id"] == again["id"] != into["id"]
    assert "other content" in (await problem(other, 422))["detail"]
    assert "other content" in (await problem(options, 422))["detail"]
    await problem(malformed, 400)
    assert len((await (await client.get(IMPORTS)).get_json())["items"]) == 2
    for import_id in (first["id"], into["id"]):
        await settled(app, client, import_id)


async def test_a_token_that_reads_imports_nothing(app: Application, program: Make, cities: int) -> None:
    client, reader = await program(), await program(Scope.READ)
    sent = await send(client)
    await settled(app, client, sent["id"])

    assert (await reader.get(f"{IMPORTS}/{sent['id']}")).status_code == 200
    for method, path in (
        ("POST", IMPORTS),
        ("POST", f"{IMPORTS}/{sent['id']}/start"),
        ("POST", f"{IMPORTS}/{sent['id']}/cancel"),
    ):
        await problem(await reader.open(path, method=method, data=PLANETS, headers=CSV), 403)


async def test_whoever_leaves_a_table_sees_no_rows_of_it_in_their_import(
    app: Application, program: Make, settings: Settings
) -> None:
    client, other = await program(), await program(role=Role.MEMBER)
    table = add_table(settings.data_dir, COLUMNS, ROWS)
    members = f"/api/v1/tables/{table}/members"
    assert (await client.post(members, json={"user_id": 2, "role": "editor"})).status_code == 201
    sent = await send(other, LATER, f"/api/v1/tables/{table}/imports?key=id")
    assert (await settled(app, other, sent["id"]))["plan"]["changed"] == 1

    assert (await client.delete(f"{members}/2")).status_code == 204

    for method, path in (("GET", ""), ("POST", "/start"), ("POST", "/cancel")):
        await problem(await other.open(f"{IMPORTS}/{sent['id']}{path}", method=method), 404)
