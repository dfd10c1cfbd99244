"""What a reading left out, filled up or changed, and what looks odd, so that nothing happens silently."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.formats import header
from webapp.formats.source import Account, ReadOptions, Remark

_TOTALS = {
    "total", "totals", "sum", "subtotal", "grand total", "summe", "gesamt", "gesamtsumme", "insgesamt", "totaal",
    "totale", "totaux", "somme", "suma", "razem", "summa", "итого", "всего", "合计", "合計", "总计", "總計", "합계",
}  # fmt: skip


@dataclass(slots=True)
class Note:
    """`lines` are the first of the lines it is about, with their numbers; or pairs of texts, for titles (0: no line).

    `undo` are the corrections of the reading that take it back, empty if there is nothing to take back.
    """

    kind: str
    text: str
    count: int = 1
    lines: list[tuple[int, str]] = field(default_factory=list)
    undo: dict[str, Any] = field(default_factory=dict)


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


def notes_of(
    account: Account,
    options: ReadOptions,
    titles: Sequence[str],
    sample: Sequence[list[str]],
    remarks: Sequence[Remark] = (),
) -> list[Note]:
    """`sample` are the first rows, `remarks` what was known before the rows were read."""
    said = [Note(remark.kind, remark.text, remark.count) for remark in remarks]
    return [*said, *_left_out(account, options), *_changed(account), *_odd(account, options, titles, sample)]


def _left_out(account: Account, options: ReadOptions) -> Iterator[Note]:
    if count := account.above.count:
        text = f"{_count(count, 'line above the table is', 'lines above the table are')} left out"
        yield Note("above", text, count, account.above.first, {"header_row": 0})
    if count := account.drawn.count:
        text = f"{_count(count, 'line that only draws a frame is', 'lines that only draw a frame are')} left out"
        undo = {"delimiter": "none"} if options.layout == "drawn" else {"header": False}
        yield Note("drawn", text, count, account.drawn.first, undo)


def _changed(account: Account) -> Iterator[Note]:
    if account.short.count:
        text = f"{_count(account.short.count, 'short row is', 'short rows are')} filled up with empty cells"
        yield Note("short", text, account.short.count, account.short.first)
    if account.changed_titles:
        changed = _count(len(account.changed_titles), "title was", "titles were")
        text = f"{changed} changed to be short, unique and on one line"
        pairs = [(0, f"{raw!r} became {title!r}") for raw, title in account.changed_titles[:20]]
        yield Note("titles", text, len(account.changed_titles), pairs)


def _odd(account: Account, options: ReadOptions, titles: Sequence[str], sample: Sequence[list[str]]) -> Iterator[Note]:
    if account.repeated.count:
        text = f"The titles come again in {_count(account.repeated.count, 'row', 'rows')}, kept as rows like the others"
        yield Note("repeated", text, account.repeated.count, account.repeated.first)
    if count := account.joined.count:
        rows = _count(count, "row has", "rows have")
        text = f"{rows} a cell of several lines that look like rows: a quote may be missing"
        yield Note("joined", text, count, account.joined.first, {"quote": "none"})
    what = header.is_second_header(titles, sample[0], sample[1:]) if options.header and sample else ""
    if what:
        text = f"The first row reads like {'units' if what == 'units' else 'a second row of titles'}"
        yield Note("second_header", text, 1, [(0, " ".join(sample[0])[:200])], {"header_row": options.header_row + 1})
    filled = [cell.strip() for cell in account.last_row if cell.strip()]
    if filled and len(sample) > 1 and filled[0].rstrip(":").casefold() in _TOTALS:
        yield Note("total", f"The last row reads like a total ({filled[0]}): it is kept as a row", 1)
    elif len(filled) == 1 and len(account.last_row) > 2 and account.last_row[0].strip():
        yield Note("footer", f"The last row has a single cell, “{filled[0][:60]}”: it may be a note below the table", 1)
