"""Nothing that a visitor can ask tells what is hidden: two tables that differ in all that a link hides, and in nothing
that it shows, answer every request alike.

The one has hidden cells, hidden rows and a hidden column that the other has not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.http.admin.conftest import PARTIAL
from tests.links import add_link
from tests.people import settle
from tests.tables import add_table
from webapp.tables.shared import PAGES
from webapp.web.application import Application

SHOWN = (1, 3)
SCOPE = [("f.4", "eq:afoot")]  # the column that decides is hidden
# Rows 1, 3 and 6 are shown. Of the others the tables differ in all, and in how many there are.
ONE = {
    "columns": {"name": "text", "salary": "integer", "city": "text", "phase": "text"},
    "rows": [
        ("Ada", "71111", "Oslo", "afoot"),
        ("Bob", "72222", "Bergen", "shut"),
        ("Cy", "73333", "Moss", "afoot"),
        ("Di", "74444", "Oslo", "shut"),
        ("Ed", "75555", "Hamar", "shut"),
        ("Flo", "76666", "Bergen", "afoot"),
    ],
}
OTHER = {
    "columns": {"name": "text", "salary": "integer", "city": "text", "phase": "text", "riddle": "text"},
    "rows": [
        ("Ada", "1", "Oslo", "afoot", "xyzzy"),
        ("Quinn", "", "Voss", "", "plugh"),
        ("Cy", "3", "Moss", "afoot", ""),
        ("Rex", "4", "Voss", "planned", "plugh"),
        ("Sue", "5", "Oslo", "planned", ""),
        ("Flo", "6", "Bergen", "afoot", "xyzzy"),
        ("Tom", "7", "Narvik", "planned", ""),
    ],
}
READ_OR_SENT = [page for page in PAGES if page.path != "/live"]  # the stream: tests/live/test_visitors.py
HIDDEN_COLUMNS, HIDDEN_ROWS = (2, 4, 5), (2, 4, 5, 7, 9)
TEXTS = ("Ada", "Bob", "Quinn", "Oslo", "Voss", "afoot", "planned", "71111", "1", "xyzzy", "plugh")
SECRETS = {*(text for row in (*ONE["rows"], *OTHER["rows"]) for text in row)} | {"salary", "phase", "riddle"}
SECRETS -= {"", "Ada", "Cy", "Flo", "Oslo", "Moss", "Bergen", *"1234567"}
COLUMNS = (*SHOWN, *HIDDEN_COLUMNS, 9)
CHANGING = ("x-request-id", "server-timing", "ratelimit-remaining", "ratelimit-reset", "content-length", "etag")


@dataclass
class Twin:
    client: QuartClient
    path: str
    table_id: int
    asked: int = 0

    async def ask(self, request: "Request") -> tuple[Any, ...]:
        path = self.path + request.place
        self.asked += 1
        address = f"192.0.2.{self.asked // 500}"  # of each there is a limit
        answer = await self.client.open(
            path,
            method=request.method,
            headers=PARTIAL if request.is_partial else None,
            **({} if request.body is None else {"json": request.body}),
            scope_base={"client": (address, 4711)},
        )
        headers = [f"{name}: {value}" for name, value in answer.headers if name.lower() not in CHANGING]
        return answer.status_code, self._common(await read(answer)), self._common("\n".join(sorted(headers)))

    def _common(self, text: str) -> str:
        """Without what is the table's own, whatever it holds."""
        text = text.replace(self.path, "/s/TOKEN")
        text = re.sub(rf'(table-|data-table="){self.table_id}\b', r"\1ID", text)
        text = re.sub(r'"request_id":"\w+"', "", text)
        return re.sub(r'(data-page="|data-reader="|name="idempotency_key" value=")[^"]*', r"\1", text)


@dataclass(frozen=True)
class Request:
    method: str
    place: str
    is_partial: bool = False
    body: Any = None


async def read(answer: Any) -> str:
    data = await answer.get_data(as_text=False)
    if not data.startswith(b"PK"):
        return str(data.decode())
    with ZipFile(BytesIO(data)) as workbook:
        return "".join(workbook.read(name).decode() for name in workbook.namelist())


@pytest.fixture
async def twins(app: Application, settings: Settings) -> list[Twin]:
    eve = await settle(app, "eve@example.org")
    found = []
    for table in (ONE, OTHER):
        table_id = add_table(settings.data_dir, table["columns"], table["rows"], title="Staff", owner=eve.id)  # type: ignore[arg-type]
        _, path = await add_link(app, table_id, eve, scope=SCOPE, shown=SHOWN, may_edit=True)
        found.append(Twin(app.test_client(use_cookies=False), path, table_id))
    return found


async def compare(twins: list[Twin], request: Request) -> int:
    """Return the status of both answers."""
    one, other = [await twin.ask(request) for twin in twins]
    assert one == other, request
    echoed = set(re.findall(r"\w+", f"{unquote(request.place)} {json.dumps(request.body)}"))
    assert not SECRETS & set(re.findall(r"\w+", one[1])) - echoed, request
    return int(one[0])


def places() -> Iterator[tuple[str, str]]:
    """Each page about what is shown, and about each hidden row and column."""
    for page in READ_OR_SENT:
        rows = (1, *HIDDEN_ROWS) if "row_id" in page.path else (1,)
        numbers = COLUMNS if "number" in page.path else (1,)
        for row, number in [*((row, 1) for row in rows), *((1, number) for number in numbers if number != 1)]:
            yield page.method, page.path.replace("<id:row_id>", str(row)).replace("<id:number>", str(number))


def pages() -> Iterator[str]:
    """Each page that is read, about what is shown."""
    for page in READ_OR_SENT:
        if page.method == "GET":
            yield page.path.replace("<id:row_id>", "1").replace("<id:number>", "1")


def queries(number: int) -> Iterator[str]:
    """All that an address can ask of one column."""
    yield from (f"sort={number}", f"sort=-{number}", f"sort=1,{number}", f"cols={number}", f"cols=1-{number}")
    yield from (f"group={number}", f"group=3&sums={number}", f"colour={number}", f"colour={number}&ids=1-9&scale=1,2")
    yield from (f"f.{number}={condition}" for condition in ("eq:1", "ne:1", "empty", "filled", "contains:x", "gt:0"))
    yield from (f"move={number}.up", f"move={number}.before.1", f"show={number}", f"edit=0&f.{number}=eq:1")


async def test_every_page_of_a_hidden_row_or_column_answers_alike(twins: list[Twin]) -> None:
    for method, place in places():
        if method == "GET":
            for is_partial in (False, True):
                await compare(twins, Request("GET", place, is_partial))


async def test_every_page_asked_about_every_hidden_column_answers_alike(twins: list[Twin]) -> None:
    for place in pages():
        for number in HIDDEN_COLUMNS:
            for query in queries(number):
                await compare(twins, Request("GET", f"{place}?{query}"))


async def test_every_page_asked_for_hidden_texts_and_rows_answers_alike(twins: list[Twin]) -> None:
    asked = [f"q={text}" for text in TEXTS]
    asked += [f"f.{number}={operator}:{text}" for number in SHOWN for operator, text in (("eq", "Bob"), ("ne", "Voss"))]
    asked += [f"{name}={row}" for name in ("at", "to", "rows", "after", "before") for row in (2, 7, 9)]
    asked += ["rows=1-9", "rows=all", "r=2&r=3", "to=50%25", "to=last", "last=1", "sort=3", "sort=-3&cols=3"]
    asked += ["colour=3", "colour=3&ids=1-9&named=1", "group=1", "group=3&colour=1"]
    asked += ["format=xlsx", "format=ndjson&sort=3", "operator=eq&value=Bob", "operator=oneof&lines=Voss%0ABob"]
    for place in pages():
        for turn, query in enumerate(asked):
            await compare(twins, Request("GET", f"{place}?{query}", is_partial=bool(turn % 2)))


def argument(chance: Random) -> tuple[str, str]:
    """Anything that an address can have, about anything that is there or not."""
    number, text = chance.choice(COLUMNS), chance.choice(TEXTS)
    condition = chance.choice(("eq", "ne", "or.eq", "contains", "gt", "oneof"))
    return chance.choice(
        (
            (chance.choice(("q", "value", "lines")), text),
            (f"f.{number}", chance.choice((f"{condition}:{text}", "empty", "or.filled"))),
            (
                chance.choice(("sort", "cols", "show", "move", "colour", "group")),
                f"{chance.choice(('', '-', '1,'))}{number}",
            ),
            (chance.choice(("at", "to", "after", "before", "rows", "edit", "ids")), str(chance.randrange(11))),
        )
    )


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_an_address_asks_is_answered_alike(twins: list[Twin], seed: int) -> None:
    chance, those = Random(seed), [place for method, place in places() if method == "GET"]
    for _ in range(60):
        query = "&".join(f"{name}={value}" for name, value in (argument(chance) for _ in range(chance.randrange(5))))
        await compare(twins, Request("GET", f"{chance.choice(those)}?{query}", chance.random() < 0.5))


async def test_whatever_is_sent_about_hidden_rows_and_columns_is_answered_alike(twins: list[Twin]) -> None:
    """And changes nothing that is hidden, which the next one would be answered otherwise for."""
    for row in (*HIDDEN_ROWS, 1):
        for number in HIDDEN_COLUMNS if row == 1 else COLUMNS:
            for seen in ("", "Bob", "Voss", "71111"):
                edit = {"row": row, "column": number, "seen": seen, "text": "5"}
                await compare(twins, Request("POST", "/cells", body={"edits": [edit]}))
            paste = {"text": "5", "rows": [row], "columns": [number]}
            await compare(twins, Request("POST", "/paste", body=paste))
        await compare(twins, Request("GET", f"/rows/{row}/edit"))
        if row != 1:
            await compare(twins, Request("POST", "/rows/deletion", body={"ids": [row]}))
            await compare(twins, Request("POST", "/rows/duplicate", body={"ids": [row]}))
    for number in HIDDEN_COLUMNS:
        await compare(twins, Request("POST", "/rows", body={"rows": [{str(number): "5"}]}))
