"""On a real server: edits that cannot be made, and edits that meet. Each gets a clear answer, nothing is half done, and
the history and undo agree with what is there.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import repeat
from typing import Any

import pytest

from tests.browser.people import Cookies, settle, sign_up
from tests.database import connect
from tests.helpers import Person
from tests.live.table_events import add_member, cookie_of
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS, add_table

Start = Callable[..., Server]
Sent = tuple[int, Any]  # status and answer

EVE = Person("eve@example.org")
NAME, MOONS = 1, 2
BEYOND = 2**63 - 1
HALF = "\ud800"
TURNS = 6  # of edits that meet


class Planets:
    """A table of Ada's that Eve may edit, another of Ada's, and both people's browsers."""

    def __init__(self, server: Server, ada: Cookies, eve: Cookies) -> None:
        self.server, self.ada, self.eve = server, ada, eve
        self.id = add_table(server.data_dir, PLANETS, PLANET_ROWS)
        self.other = add_table(server.data_dir, dict.fromkeys("ABCDEFG", "text"), [tuple("abcdefg")])
        add_member(server, self.id, EVE.email)

    def send(self, path: str, body: Any, *, who: Cookies | None = None) -> Sent:
        answer = self.server.ask(
            "POST",
            f"/tables/{self.id}/{path}",
            json.dumps(body).encode(),
            Content_Type="application/json",
            Accept="application/json",
            Cookie=cookie_of(who or self.ada),
            Sec_Fetch_Site="same-origin",
        )
        return answer.status, json.loads(answer.body)

    def save(self, row: int, column: int, seen: str, text: str, who: Cookies | None = None) -> Sent:
        edits = [{"row": row, "column": column, "seen": seen, "text": text}]
        return self.send("cells", {"edits": edits}, who=who)

    def exported(self, table_id: int | None = None) -> list[str]:
        path = f"/tables/{table_id or self.id}/export?format=csv"
        return self.server.get(path, Cookie=cookie_of(self.ada)).body.decode().splitlines()

    def log(self) -> list[tuple[int, str, int | None]]:
        with closing(connect(self.server.data_dir / "rowcast.db")) as connection:
            sets = "SELECT seq, kind, undone_by FROM change_sets WHERE table_id = ? ORDER BY seq"
            return connection.execute(sets, (self.id,)).fetchall()


@pytest.fixture(scope="module")
def house(shared_server: Start) -> tuple[Server, Cookies, Cookies]:
    """Ada's, and Eve in it."""
    running = shared_server()
    ada = sign_up(running)
    return running, ada, settle(running, EVE)


@pytest.fixture
def planets(house: tuple[Server, Cookies, Cookies]) -> Planets:
    return Planets(*house)


def at_once(*sending: Callable[[], Sent]) -> Sequence[Sent]:
    """The answers, in the order of the requests."""
    with ThreadPoolExecutor(len(sending)) as pool:
        return list(pool.map(lambda send: send(), sending))


ROW = {"row": 1, "column": NAME, "seen": "Mercury", "text": "x"}
REFUSED = [
    ("cells", {"edits": [ROW, ROW | {"column": 99}]}, 404, "no such column"),
    ("cells", {"edits": [ROW, ROW | {"column": 7}]}, 404, "no such column"),  # the other table has it
    ("cells", {"edits": [ROW, ROW | {"row": BEYOND + 1}]}, 400, "Each edit"),
    ("cells", {"edits": [ROW] * 100_001}, 422, "100,000 cells"),
    ("paste", {"text": "x\ty", "rows": [1], "columns": [NAME, 7]}, 404, "no such column"),
    ("paste", {"text": "\t".join("abcdef"), "rows": [1], "columns": [1, 2, 3, 4, 5]}, 422, "one column beyond"),
    ("paste", {"text": "\n".join(["\t".join("x" * 10)] * 100_000), "rows": [1], "columns": [1]}, 422, "1,000,000"),
    ("paste", {"text": "x", "rows": [1], "columns": [1], "height": 1_000_000, "add_rows": True}, 422, "1,000,000"),
    ("rows", {"rows": [{}, {"99": "x"}]}, 404, "no such column"),
    ("rows", {"rows": [{"1": "Pluto"}, {"2": "many"}]}, 422, "Nothing was added"),
    ("rows", {"rows": [{"1": HALF}]}, 422, "half of a character"),
    ("rows/duplicate", {"ids": [1, 99]}, 404, "no such row"),
    ("rows/duplicate", {"ids": [BEYOND]}, 404, "no such row"),
    ("history/1/revert", {}, 404, "no such change"),
    (f"history/{BEYOND}/revert", {}, 404, "no such change"),
    ("undo", {}, 422, "nothing to undo"),
    ("redo", {}, 422, "nothing to redo"),
]


@pytest.mark.parametrize(("path", "body", "status", "said"), REFUSED)
def test_what_cannot_be_done_is_refused_in_words_and_nothing_of_it_is_done(
    planets: Planets, path: str, body: Any, status: int, said: str
) -> None:
    before, other = planets.exported(), planets.exported(planets.other)

    answered, answer = planets.send(path, body)

    assert (answered, said in answer["detail"]) == (status, True), answer
    assert (planets.exported(), planets.exported(planets.other), planets.log()) == (before, other, [])


@pytest.mark.parametrize(
    ("text", "reason"), [("x" * 10_000_000, "1,000,000 characters"), (f"half {HALF}", "half of a character")]
)
def test_a_text_that_no_cell_can_have_is_refused_beside_its_cell(planets: Planets, text: str, reason: str) -> None:
    """The others are saved."""
    edits = [ROW | {"text": text}, {"row": 2, "column": NAME, "seen": "Venus", "text": "a\0b"}]

    status, answer = planets.send("cells", {"edits": edits})

    assert (status, answer["saved"]) == (200, [[2, NAME, "a\0b"]])
    assert [reason in refused["reason"] for refused in answer["refused"]] == [True]
    assert planets.exported()[1:3] == ["Mercury,0,2439.7,no,", "a\0b,0,6051.8,no,"]


@pytest.mark.parametrize("seen", [HALF, "Mercury\0", "", "x" * 10_000_000])
def test_a_text_that_was_not_there_is_a_conflict(planets: Planets, seen: str) -> None:
    status, answer = planets.save(1, NAME, seen, "x")

    assert (status, answer["saved"], answer["conflicts"][0]["current"]) == (200, [], "Mercury")


@pytest.mark.parametrize("row", [99, BEYOND])
def test_an_edit_of_a_row_that_never_was_is_a_conflict_with_nothing(planets: Planets, row: int) -> None:
    status, answer = planets.save(row, NAME, "Mercury", "x")

    assert (status, answer["saved"], answer["conflicts"][0]["current"]) == (200, [], None)
    assert planets.send("rows/deletion", {"ids": [row]})[1]["ids"] == []
    assert planets.log() == []


def test_of_saves_of_one_cell_at_once_one_is_made_and_the_others_are_told_its_text(planets: Planets) -> None:
    texts = [f"Mercury {number}" for number in range(10)]
    people = [planets.ada, planets.eve] * 5

    answers = at_once(
        *(
            lambda text=text, who=who: planets.save(1, NAME, "Mercury", text, who)
            for text, who in zip(texts, people, strict=True)
        )
    )

    saved = [answer["saved"][0][2] for _, answer in answers if answer["saved"]]
    assert len(saved) == 1
    assert [answer["conflicts"][0]["current"] for _, answer in answers if answer["conflicts"]] == saved * 9
    assert planets.exported()[1].split(",")[0] == saved[0]
    assert len(planets.log()) == 1


def test_an_edit_of_a_row_that_is_being_deleted_is_made_before_or_refused(planets: Planets) -> None:
    """Undo brings the row back as it was when it went: with the edit, if that was acknowledged."""
    for row in range(1, TURNS + 1):
        name = PLANET_ROWS[row - 1][0]
        (_, edited), (_, deleted) = at_once(
            lambda row=row, name=name: planets.save(row, NAME, name, f"{name}!", planets.eve),
            lambda row=row: planets.send("rows/deletion", {"ids": [row]}),
        )

        assert deleted["ids"] == [row]
        assert bool(edited["saved"]) != bool(edited["conflicts"])
        assert all(conflict["current"] is None for conflict in edited["conflicts"])
        status, undone = planets.send(f"history/{deleted['seq']}/revert", {})
        assert (status, undone["left"]) == (200, [])
        assert planets.exported()[row].split(",")[0] == (f"{name}!" if edited["saved"] else name)


def test_undo_of_an_undo_while_somebody_edits_leaves_either_their_text_or_a_conflict(planets: Planets) -> None:
    """Ada's redo and Eve's save meet in one cell: whoever is second is told."""
    assert planets.save(3, NAME, "Earth", "Terra")[1]["saved"]
    for turn in range(TURNS):
        assert planets.send("undo", {})[1]["left"] == []

        (_, redone), (_, saved) = at_once(
            lambda: planets.send("redo", {}),
            lambda turn=turn: planets.save(3, NAME, "Earth", f"Eve {turn}", planets.eve),
        )

        there = planets.exported()[3].split(",")[0]
        if saved["saved"]:
            assert (there, redone["left"]) == (f"Eve {turn}", [[3, NAME]])
            assert planets.send("undo", {}, who=planets.eve)[1]["left"] == []
            assert planets.save(3, NAME, "Earth", "Terra")[1]["saved"]
        else:
            assert (there, redone["left"]) == ("Terra", [])
            assert saved["conflicts"][0]["current"] == "Terra"
    assert [seq for seq, _, _ in planets.log()] == list(range(1, len(planets.log()) + 1))


def test_of_undos_at_once_each_takes_back_one_change(planets: Planets) -> None:
    before = planets.exported()
    for number in range(5):
        planets.save(1, MOONS, str(number), str(number + 1))

    answers = at_once(*repeat(lambda: planets.send("undo", {}), 8))

    assert sorted(status for status, _ in answers) == [200] * 5 + [422] * 3
    assert sorted(answer["of"] for status, answer in answers if status == 200) == [1, 2, 3, 4, 5]
    assert planets.exported() == before


def test_of_deletions_of_one_row_at_once_one_deletes_it(planets: Planets) -> None:
    before = planets.exported()

    answers = at_once(*repeat(lambda: planets.send("rows/deletion", {"ids": [4]}), 6))

    assert sorted(answer["ids"] for _, answer in answers) == [[]] * 5 + [[4]]
    assert len(planets.log()) == 1
    assert planets.send("undo", {})[1]["left"] == []
    assert planets.exported() == before


def test_of_equal_texts_for_a_unique_column_at_once_one_is_saved(planets: Planets) -> None:
    with closing(connect(planets.server.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "UPDATE columns SET rules = '{\"unique\": true}' WHERE table_id = ? AND number = ?", (planets.id, NAME)
        )
        connection.execute("UPDATE tables SET version = version + 1 WHERE id = ?", (planets.id,))

    rows = [
        *(lambda row=row: planets.save(row, NAME, PLANET_ROWS[row - 1][0], "Vulcan") for row in (1, 2, 3)),
        lambda: planets.send("paste", {"text": "Vulcan", "rows": [4], "columns": [NAME]}, who=planets.eve),
        lambda: planets.send("rows", {"rows": [{"1": "Vulcan"}]}, who=planets.eve),
    ]
    at_once(*rows)

    assert [line.split(",")[0] for line in planets.exported()].count("Vulcan") == 1
    assert len(planets.log()) == 1
