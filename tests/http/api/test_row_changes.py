"""Writing rows: all or none, with the place of each cell that does not fit; and the log that a page would have left."""

import asyncio
import json
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.http.api.conftest import Make, Program, problem
from tests.http.api.tables import CELLS, add_planets, log_of
from tests.tables import PLANET_ROWS, add_table
from webapp.web.application import Application

TABLES = "/api/v1/tables"


async def cells_of(client: Program, url: str, row_id: int) -> dict[str, Any]:
    row: dict[str, Any] = await (await client.get(f"{url}/{row_id}")).get_json()
    return row["cells"]


async def all_texts(client: Program, url: str) -> list[list[str]]:
    items = (await (await client.get(f"{url}?values=text")).get_json())["items"]
    return [list(item["cells"].values()) for item in items]


async def test_rows_are_added_with_typed_cells(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"
    new = {"Planet": "Pluto", "Moons": 5, "Radius": 1188.3, "Rings": False, "Seen": "1930-02-18"}

    answer = await client.post(url, json={"rows": [{"cells": new}, {"cells": {"Planet": "Ceres"}}]})

    assert (answer.status_code, await answer.get_json()) == (201, {"seq": 1, "ids": [9, 10], "added": [9, 10]})
    assert await cells_of(client, url, 9) == new
    assert await cells_of(client, url, 10) == dict.fromkeys(new) | {"Planet": "Ceres"}


async def test_a_key_that_is_no_column_is_named(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"

    answer = await client.put(url, json={"key": ["Planet", "Nope"], "rows": [{"cells": {"Planet": "Mars"}}]})

    assert (await problem(answer, 422))["errors"] == [
        {"detail": "The table has no column “Nope”.", "pointer": "#/key/1"}
    ]


async def test_cells_can_be_named_by_number_and_numbers_sent_as_strings(settings: Settings, program: Make) -> None:
    client = await program()
    table_id = add_table(
        settings.data_dir,
        {"2024": "integer", "price": "decimal"},
        [("1", "1,5")],
        formats={"price": {"style": "plain", "scale": 2, "mark": ","}},
    )
    url = f"{TABLES}/{table_id}/rows"
    rows = [{"id": 1, "cells": {"1": "9007199254740993", "2": "2.25"}}]

    await client.patch(url, json={"rows": rows, "values": "strings", "names": "number"})

    assert await all_texts(client, url) == [["9007199254740993", "2,25"]]


async def test_all_rows_are_written_or_none_and_each_wrong_cell_is_named(
    app: Application, settings: Settings, program: Make
) -> None:
    table_id = add_planets(settings)
    client, url = await program(), f"{TABLES}/{table_id}/rows"
    rows = [
        {"cells": {"Planet": "Ceres"}},
        {"cells": {"Moons": "many", "Mass": 1}},
        {"cells": {"Moons": 2**63, "Radius": 0.1234567890123456, "Rings": 1, "Seen": "31.02.2020", "Planet": 7}},
    ]
    for method, body in (
        ("POST", {"rows": rows}),
        ("PATCH", {"rows": [{"id": place + 1, **row} for place, row in enumerate(rows)]}),
        (
            "PUT",
            {
                "key": ["Planet"],
                "rows": [row | {"cells": {"Planet": f"P{n}"} | row["cells"]} for n, row in enumerate(rows)],
            },
        ),
    ):
        data = json.dumps(body).replace("0.1234567890123456", "0.123456789012345612")
        answer = await client.open(url, method=method, data=data, headers={"Content-Type": "application/json"})

        found = await problem(answer, 422)
        assert {(error["index"], error["column"], error["pointer"]) for error in found["errors"]} == {
            (1, "Moons", "#/rows/1/cells/Moons"),
            (1, "Mass", "#/rows/1/cells/Mass"),
            (2, "Seen", "#/rows/2/cells/Seen"),
            (2, "Moons", "#/rows/2/cells/Moons"),
            (2, "Radius", "#/rows/2/cells/Radius"),
            (2, "Rings", "#/rows/2/cells/Rings"),
            (2, "Planet", "#/rows/2/cells/Planet"),
        }
        assert "Nothing was changed" in found["detail"]
    assert await log_of(app, table_id) == []
    assert await all_texts(client, url) == [list(row) for row in PLANET_ROWS]


async def test_texts_without_a_value_are_kept_on_request(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"

    await client.patch(url, json={"rows": [{"id": 3, "cells": {"Moons": "NA"}}], "keep_texts": True})

    assert (await cells_of(client, url, 3))["Moons"] == "NA"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_nothing_is_written_if_a_cell_does_not_hold_what_is_expected(
    app: Application, settings: Settings, program: Make, method: str
) -> None:
    table_id = add_planets(settings)
    client, url = await program(), f"{TABLES}/{table_id}/rows"
    more = {"cells": {"Moons": 9}} if method == "PATCH" else {}
    fine = {"id": 1, "expected": {"Moons": 0, "Seen": None, "Rings": False, "Radius": 2439.7}, **more}

    conflict = await client.open(
        url, method=method, json={"rows": [fine, {"id": 3, "expected": {"Moons": 7, "Planet": "Earth"}, **more}]}
    )
    missing = await client.open(url, method=method, json={"rows": [fine, {"id": 99, **more}]})
    twice = await client.open(url, method=method, json={"rows": [fine, fine]})

    found = await problem(conflict, 409)
    assert [(error["index"], error["column"], error["pointer"]) for error in found["errors"]] == [
        (1, "Moons", "#/rows/1/expected/Moons")
    ]
    assert (await problem(missing, 409))["errors"][0]["pointer"] == "#/rows/1/id"
    told = await problem(twice, 422)
    assert (told["errors"][0]["index"], told["detail"]) == (1, "One row does not fit. Nothing was changed.")
    assert await log_of(app, table_id) == []
    assert (await client.open(url, method=method, json={"rows": [fine]})).status_code == 200


async def test_a_row_is_changed_replaced_and_deleted_only_in_the_version_that_was_seen(
    settings: Settings, program: Make
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"
    stale = {"If-Match": (await client.get(f"{url}/3")).headers["ETag"]}
    await client.patch(f"{url}/3", json={"cells": {"Moons": 2}})

    await problem(await client.patch(f"{url}/3", json={"cells": {"Moons": 3}}, headers=stale), 412)
    await problem(await client.put(f"{url}/3", json={"cells": {"Moons": 3}}, headers=stale), 412)
    await problem(await client.delete(f"{url}/3", headers=stale), 412)
    fresh = {"If-Match": (await client.get(f"{url}/3")).headers["ETag"]}
    replaced = await client.put(f"{url}/3", json={"cells": {"Planet": "Gaia"}}, headers=fresh)

    assert (await replaced.get_json())["seq"] == 2
    assert await cells_of(client, url, 3) == dict.fromkeys(CELLS) | {"Planet": "Gaia"}
    assert (await client.delete(f"{url}/3")).status_code == 204
    for method in ("PATCH", "PUT"):
        await problem(await client.open(f"{url}/3", method=method, json={"cells": {"Moons": 1}}), 404)
    await problem(await client.delete(f"{url}/3"), 404)


async def test_rows_are_changed_or_added_by_key(app: Application, settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    client, url = await program(), f"{TABLES}/{table_id}/rows"
    rows = [
        {"cells": {"Planet": "Pluto", "Moons": 5}},
        {"cells": {"Planet": "Mars", "Moons": 2}},
        {"cells": {"Planet": "Earth", "Moons": 12}},
    ]

    first = await client.put(url, json={"key": ["Planet"], "rows": rows})
    second = await client.put(url, json={"key": ["Planet"], "rows": rows})
    both = await client.put(url, json={"key": ["Moons", "Planet"], "rows": [{"cells": {"Planet": "Mars", "Moons": 2}}]})

    assert await first.get_json() == {"seq": 1, "ids": [9, 4, 3], "added": [9]}
    assert await second.get_json() == {"seq": None, "ids": [9, 4, 3], "added": []}
    assert await both.get_json() == {"seq": None, "ids": [4], "added": []}
    (made,) = await log_of(app, table_id)
    assert (made["kind"], made["rows"], made["cells"]) == ("cells", 2, 1)


@pytest.mark.parametrize(
    ("key", "rows", "status", "place"),
    [
        (["Moons"], [{"Moons": 1}, {"Moons": 0}], 422, 1),
        (["Planet"], [{"Planet": "Mars"}, {"Moons": 1}], 422, 1),
        (["Planet"], [{"Planet": "Mars"}, {"Planet": "Mars"}], 422, 1),
        (["Moons"], [{"Moons": 28}, {"Moons": "x"}], 422, 1),
    ],
)
async def test_a_key_that_is_not_one_rows_is_refused(
    settings: Settings, program: Make, key: list[str], rows: list[dict[str, Any]], status: int, place: int
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"

    found = await problem(await client.put(url, json={"key": key, "rows": [{"cells": row} for row in rows]}), status)

    assert [(error["index"], error["column"]) for error in found["errors"]] == [(place, key[0])]


async def test_a_request_with_the_same_key_is_carried_out_once(
    app: Application, settings: Settings, program: Make
) -> None:
    table_id, other = add_planets(settings), add_planets(settings)
    client, url, key = await program(), f"{TABLES}/{table_id}/rows", {"Idempotency-Key": "a1"}
    body = {"rows": [{"cells": {"Planet": "Pluto"}}, {"cells": {"Planet": "Ceres"}}]}

    answers = await asyncio.gather(*(client.post(url, json=body, headers=key) for _ in range(4)))
    elsewhere = await client.post(f"{TABLES}/{other}/rows", json=body, headers=key)
    reused = await client.post(url, json={"rows": body["rows"][:1]}, headers=key)

    assert [await answer.get_json() for answer in answers] == [{"seq": 1, "ids": [9, 10], "added": [9, 10]}] * 4
    assert len(await log_of(app, table_id)) == 1
    assert elsewhere.status_code == 201
    assert "other content" in (await problem(reused, 422))["detail"]


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"rows": [{"cells": {}}] * 10_001}, 400, "#/rows"),
        ({"rows": []}, 400, "#/rows"),
        ({}, 400, "#/rows"),
        ({"rows": [{}]}, 400, "#/rows/0/cells"),
        ({"rows": [{"cells": {"Planet": "x"}, "colour": 1}]}, 400, "#/rows/0/colour"),
        ({"rows": [{"cells": {"Planet": ["x"]}}]}, 422, "#/rows/0/cells/Planet"),
        ({"rows": [{"cells": {"Planet": {"a": 1}}}]}, 422, "#/rows/0/cells/Planet"),
        ({"rows": [{"cells": {"a/b~": 1}}]}, 422, "#/rows/0/cells/a~1b~0"),
        ({"rows": {"cells": {}}}, 400, "#/rows"),
    ],
)
async def test_a_body_of_another_form_is_refused(
    settings: Settings, program: Make, body: Any, status: int, expected: str
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"

    found = await problem(await client.post(url, json=body), status)

    assert [error["pointer"] for error in found["errors"]] == [expected]


@pytest.mark.parametrize(
    ("data", "status", "expected"),
    [
        (b'{"rows": [{"cells": {"Moons": NaN}}]}', 400, "NaN"),
        (b'{"rows": [{"cells": {"Moons": 1, "Moons": 2}}]}', 400, "same name twice"),
        (b'{"rows": ' + b"[" * 100_000, 400, "nested too deep"),
        (b'{"rows": [{"cells": {"Moons": ' + b"9" * 5000 + b"}}]}", 400, "too long"),
        (b'{"rows": [' + b'{"cells": {}},' * 200_000 + b"{}]}", 400, "#/rows"),
        (b" " * (33 * 1024 * 1024), 413, "larger"),
    ],
)
async def test_a_body_that_is_not_strict_or_too_large_is_refused(
    settings: Settings, program: Make, data: bytes, status: int, expected: str
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"

    answer = await client.post(url, data=data, headers={"Content-Type": "application/json"})

    assert expected in json.dumps(await problem(answer, status))


async def test_ten_thousand_rows_are_put_at_once(app: Application, settings: Settings, program: Make) -> None:
    table_id = add_table(settings.data_dir, {"key": "text", "n": "integer"}, [])
    client, url = await program(), f"{TABLES}/{table_id}/rows"
    rows = [{"cells": {"key": f"k{number}", "n": number}} for number in range(10_000)]

    added = await (await client.put(url, json={"key": ["key"], "rows": rows})).get_json()
    changed = await (
        await client.put(
            url, json={"key": ["key"], "rows": [{"cells": row["cells"] | {"n": -1}} for row in reversed(rows)]}
        )
    ).get_json()

    assert added["ids"] == added["added"] == list(range(1, 10_001))
    assert (changed["ids"], changed["added"]) == (list(range(10_000, 0, -1)), [])
    assert [(one["kind"], one["rows"], one["cells"]) for one in await log_of(app, table_id)] == [
        ("rows.add", 10_000, 0),
        ("cells", 10_000, 10_000),
    ]


async def test_rules_of_columns_hold_for_programs_too(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}"
    await client.patch(f"{url}/columns/1", json={"rules": {"required": True, "unique": True}})

    found = await problem(
        await client.post(f"{url}/rows", json={"rows": [{"cells": {"Planet": "Mars"}}, {"cells": {"Moons": 1}}]}), 422
    )

    assert [(error["index"], error["column"]) for error in found["errors"]] == [(0, "Planet"), (1, "Planet")]


async def test_the_same_actions_by_page_and_by_program_leave_the_same_log(
    app: Application, settings: Settings, program: Make, owner: QuartClient
) -> None:
    by_page, by_program = add_planets(settings), add_planets(settings)
    page, client, url = f"/tables/{by_page}", await program(), f"{TABLES}/{by_program}"

    edits = [
        {"row": 3, "column": 2, "seen": "1", "text": "2"},
        {"row": 4, "column": 5, "seen": "1610-09-01", "text": ""},
    ]
    await owner.post(f"{page}/cells", json={"edits": edits})
    await owner.post(f"{page}/rows", json={"rows": [{"1": "Pluto", "3": "1188.3"}, {}]})
    await owner.post(f"{page}/rows/deletion", json={"ids": [1, 2]})
    await owner.post(page, form={"title": "Worlds"})
    await owner.post(f"{page}/columns", form={"title": "Mass", "type": "decimal", "place": "2"})
    await owner.post(f"{page}/columns/4/deletion", form={"seen": "Rings"})
    await owner.post(f"{page}/columns/3/type", form={"type": '{"type": "text", "format": {}}'})
    await owner.post(f"{page}/undo", json={})

    await client.patch(
        f"{url}/rows", json={"rows": [{"id": 3, "cells": {"Moons": 2}}, {"id": 4, "cells": {"Seen": None}}]}
    )
    rows = [{"cells": {"Planet": "Pluto", "Radius": 1188.3}}, {"cells": {}}]
    await client.post(f"{url}/rows", json={"rows": rows})
    await client.delete(f"{url}/rows", json={"rows": [{"id": 1}, {"id": 2}]})
    await client.patch(url, json={"title": "Worlds"})
    await client.post(f"{url}/columns", json={"title": "Mass", "type": "decimal", "place": 2})
    await client.delete(f"{url}/columns/4")
    await client.patch(f"{url}/columns/3", json={"type": "text"})
    await owner.post(f"/tables/{by_program}/undo", json={})

    logs = await log_of(app, by_page), await log_of(app, by_program)
    assert logs[0] == logs[1]
    kinds = [one["kind"] for one in logs[0]]
    assert kinds == ["cells", "rows.add", "rows.delete", "title", "columns", "columns", "columns", "undo"]
