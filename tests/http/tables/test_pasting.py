"""Pasting a block: into cells, over a selection, past the last row and column."""

import time
import tracemalloc
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import exported, send
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models.tables import action_limits
from webapp.models.tables.action_limits import TooManyCells
from webapp.tables.clipboard import parse_block
from webapp.web import json_body


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("a\tb\nc\td\n", [["a", "b"], ["c", "d"]]),
        ("a\r\nb\r\n", [["a"], ["b"]]),
        ("a\rb", [["a"], ["b"]]),
        ("", [[""]]),
        ("\n", [[""]]),
        ("a\t\n\tb", [["a", ""], ["", "b"]]),
        ('"two\nlines"\tb', [["two\nlines", "b"]]),
        ('"a ""word"""\tb', [['a "word"', "b"]]),
        ('"quoted"\tb', [['"quoted"', "b"]]),
        ('"so" he said\tb', [['"so" he said', "b"]]),
        ('"never closed\tb', [['"never closed', "b"]]),
        ('6" pipe\t5"', [['6" pipe', '5"']]),
    ],
)
def test_a_clipboard_is_read_as_spreadsheets_write_it(text: str, block: list[list[str]]) -> None:
    assert parse_block(text) == block


@pytest.mark.parametrize("text", ["\t" * 200_000, "\r\n" * 200_000, '"' + "\t" * 200_000, '"a\tb"\n' * 200_000])
def test_a_clipboard_of_too_many_cells_is_refused_before_they_are_made(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(TooManyCells):
        parse_block(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 15_000_000  # two hundred thousand rows of one cell each have 24 million bytes


def test_line_breaks_in_a_cell_are_no_cells() -> None:
    assert parse_block('"' + "\n" * 200_000 + '"\tb') == [["\n" * 200_000, "b"]]


def test_a_clipboard_of_quotation_marks_is_read_in_time() -> None:
    began = time.monotonic()
    parse_block('"a\n""' * 99_000)
    assert time.monotonic() - began < 20


JSON = {"Accept": "application/json", "Content-Type": "application/json"}


async def paste(client: QuartClient, address: str, status: int = 200, key: str = "", **body: Any) -> Any:
    return await send(client, f"{address}/paste", body, status, **({"Idempotency-Key": key} if key else {}))


async def test_a_block_goes_into_the_rows_and_columns_shown_as_one_change(client: QuartClient, planets: str) -> None:
    """In the order of the view: sorted the other way, and with the columns exchanged."""
    answer = await paste(client, planets, text="9\tA\n8\tB", rows=[8, 3], columns=[2, 1])

    assert (answer["seq"], answer["message"]) == (1, "4 cells saved")
    lines = await exported(client, planets)
    assert (lines[8].split(",")[:2], lines[3].split(",")[:2]) == (["A", "9"], ["B", "8"])
    undone = await send(client, f"{planets}/undo", {})
    assert undone["message"] == "4 changes undone."
    assert (await exported(client, planets))[8].startswith("Neptune,16,")


@pytest.mark.parametrize(
    ("text", "height", "width", "expected"),
    [
        ("7", 2, 1, ["7", "7", "1"]),
        ("7\n8", 2, 1, ["7", "8", "1"]),
        ("7", 3, 1, ["7", "7", "7"]),
        ("7\n8", 3, 1, ["7", "8", "1"]),
    ],
)
async def test_a_selection_that_is_a_multiple_of_the_block_is_filled(
    client: QuartClient, planets: str, text: str, height: int, width: int, expected: list[str]
) -> None:
    await paste(client, planets, text=text, rows=[1, 2, 3], columns=[2], height=height, width=width)

    assert [line.split(",")[1] for line in (await exported(client, planets))[1:4]] == expected


async def test_past_the_last_row_rows_are_added_if_that_is_wanted(client: QuartClient, planets: str) -> None:
    block = {"text": "Nine\t1\nTen\tmany\nEleven\t3", "rows": [8], "columns": [1, 2]}
    assert await paste(client, planets, **block) == {"seq": None, "needs_rows": 2}
    assert len(await exported(client, planets)) == 9

    answer = await paste(client, planets, **block, add_rows=True)

    assert (answer["seq"], answer["added"]) == (1, [9, 10])
    assert [(refused["row"], refused["column"]) for refused in answer["refused"]] == [(9, 2)]
    assert [line.split(",")[:2] for line in (await exported(client, planets))[8:]] == [
        ["Nine", "1"],
        ["Ten", ""],
        ["Eleven", "3"],
    ]
    assert (await send(client, f"{planets}/undo", {}))["message"] == "4 changes undone."
    assert (await exported(client, planets))[8:] == ["Neptune,16,24622.0,yes,1846-09-23"]


async def test_past_the_last_column_nothing_is_pasted(client: QuartClient, planets: str) -> None:
    answer = await paste(client, planets, 422, text="a\tb\tc\nd\te\tf", rows=[1, 2], columns=[5])

    assert "2 columns beyond the last: 4 of its cells would be lost" in answer["detail"]
    assert (await exported(client, planets))[1] == "Mercury,0,2439.7,no,"


async def test_a_cell_that_changed_since_it_was_seen_is_a_conflict(client: QuartClient, planets: str) -> None:
    seen = [["Mercury"], ["Aphrodite"]]
    answer = await paste(client, planets, text="A\nB", rows=[1, 2], columns=[1], seen=seen)

    assert answer["saved"] == [[1, 1, "A"]]
    assert [conflict["current"] for conflict in answer["conflicts"]] == ["Venus"]


async def test_a_paste_that_is_sent_again_with_its_key_is_made_once(client: QuartClient, planets: str) -> None:
    block = {"text": "Nine\nTen", "rows": [8], "columns": [1], "add_rows": True}
    first = await paste(client, planets, key="k1", **block)

    again = await paste(client, planets, key="k1", **block)

    assert (again["is_repeat"], again["seq"], again["added"]) == (True, first["seq"], first["added"])
    assert [8, 1, "Nine"] in again["saved"]
    assert len(await exported(client, planets)) == 10
    await paste(client, planets, 422, key="k1", **{**block, "text": "other"})


async def test_more_cells_than_one_action_may_change_are_refused(client: QuartClient, planets: str) -> None:
    million = "\n".join(["\t".join("x" * 10)] * 100_000)
    for body in ({"text": million}, {"text": "x", "height": 1_000_000}):
        answer = await paste(client, planets, 422, rows=[1], columns=list(range(1, 11)), add_rows=True, **body)
        assert "100,000 cells" in answer["detail"]
    await paste(client, planets, 404, text="x", rows=[1], columns=[99])
    assert len(await exported(client, planets)) == 9


async def test_a_short_row_beside_copies_of_a_long_one_counts_as_long(client: QuartClient, planets: str) -> None:
    """What would be a hundred thousand cells times a thousand is refused before it is made."""
    ragged = [["x"] * 100, *[[]] * 2_000]

    answer = await paste(client, planets, 422, values=ragged, rows=[1], columns=[1], width=1_000, height=2_001)

    assert "these are 2,001,000" in answer["detail"]


async def test_more_text_than_one_action_may_change_is_refused(
    client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long texts that are filled down, copied, deleted, or pasted over without having been seen."""
    long = "x" * 1_000
    assert "characters" in (await overfill(client, settings))["detail"]
    address = f"/tables/{add_table(settings.data_dir, {'A': 'text', 'B': 'integer'}, [(long, '1')] * 8)}"
    monkeypatch.setattr(action_limits, "MAX_CHARACTERS", 5_000)
    before, eight = await exported(client, address), {"ids": list(range(1, 9))}

    for path, body in (
        ("rows/duplicate", eight),
        ("rows/duplicate", {"ids": [1] * 8}),
        ("rows/deletion", eight),
        ("paste", {"text": "y", "rows": eight["ids"], "columns": [1], "height": 8}),
    ):
        refused = await send(client, f"{address}/{path}", body, 422)
        assert "One action can change 5,000 characters" in refused["detail"]
    assert await exported(client, address) == before

    await send(client, f"{address}/rows/duplicate", {"ids": [1, 1]})
    await send(client, f"{address}/rows/deletion", {"ids": [1, 2]})
    monkeypatch.setattr(action_limits, "MAX_CHARACTERS", 500)
    await send(client, f"{address}/rows/deletion", {"ids": [3]})  # one row can always be deleted
    assert len(await exported(client, address)) == 8


async def overfill(client: QuartClient, settings: Settings) -> Any:
    """A hundred gigabytes."""
    await sign_up(client)
    address = f"/tables/{add_table(settings.data_dir, {'A': 'text'}, [('a',)])}"
    return await paste(client, address, 422, text="x" * 1_000_000, rows=[1], columns=[1], height=100_000)


@pytest.mark.parametrize("part", ["[]", "{}", '"ab"', "0.5"])
async def test_a_body_of_more_values_than_any_change_needs_is_not_read(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Thirty megabytes of these would take eight hundred in memory."""
    monkeypatch.setattr(json_body, "MAX_PARTS", 100_000)
    values = ",".join([part] * 100_001)

    answer = await client.post(f"{planets}/paste", data=f'{{"values": [{values}]}}', headers=JSON)

    assert answer.status_code == 400
    assert "more values" in await answer.get_data(as_text=True)


@pytest.mark.parametrize("text", ["[{," * 100_000, '\\"[,' * 100_000, "\\" * 300_000])
async def test_brackets_and_commas_in_a_text_are_no_values(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(json_body, "MAX_PARTS", 100)

    answer = await paste(client, planets, values=[[text]], rows=[1], columns=[1])

    assert answer["saved"][0][2] == text


@pytest.mark.parametrize("body", ['{"text": "' + '\\"' * 1_000_000, '{"text": ",' + "\\" * 1_000_001, "," * 1_000_000])
async def test_a_body_that_is_no_json_is_refused_in_time(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(json_body, "MAX_PARTS", 0)
    began = time.monotonic()

    assert (await client.post(f"{planets}/paste", data=body, headers=JSON)).status_code == 400

    assert time.monotonic() - began < 20
