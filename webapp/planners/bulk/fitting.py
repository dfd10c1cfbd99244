"""What becomes of texts in their columns: the same as of those that somebody types, and by the same rules."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from webapp.db.errors import UserError
from webapp.rowstore.cell_input import Misfit, read_input
from webapp.rowstore.column_rules import ColumnRules, repeated_text
from webapp.rowstore.entries import Entry
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef

_CACHED, _CACHED_LENGTH = 10_000, 200  # texts whose outcome is remembered, and characters of the longest of them
_ASKED = 2  # batches whose texts are looked up in the table; of more, all its texts are read once
_EMPTY = 0


@dataclass(frozen=True, slots=True)
class NewText:
    """A text that an operation wants to put into a cell, which holds `before`."""

    row_id: int
    column: int
    before: str
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    wanted: NewText
    reason: str
    is_misfit: bool  # whether it could be kept as a text


class TextSet:
    """A set of texts, by their hashes: a million of them take 32 MB."""

    def __init__(self) -> None:
        self._slots, self._count = array("q", bytes(8 * 1024)), 0

    def add(self, text: str) -> bool:
        """Whether it is new."""
        if not self._put(hash(text) or 1):
            return False
        self._count += 1
        if 2 * self._count > len(self._slots):
            old, self._slots = self._slots, array("q", bytes(16 * len(self._slots)))
            for value in filter(None, old):
                self._put(value)
        return True

    def __contains__(self, text: str) -> bool:
        value = hash(text) or 1
        return self._slots[self._slot_of(value)] == value

    def _put(self, value: int) -> bool:
        slot = self._slot_of(value)
        if self._slots[slot] == value:
            return False
        self._slots[slot] = value
        return True

    def _slot_of(self, value: int) -> int:
        """Where it is, or would be."""
        slots, mask = self._slots, len(self._slots) - 1
        slot = value & mask
        while slots[slot] not in (_EMPTY, value):
            slot = (slot + 1) & mask
        return slot


@dataclass
class Fitting:
    """`rules` are those of columns by number; `keeps_text` as in `CellOperation`."""

    rows: RowReader
    table: TableRef
    rules: Mapping[int, ColumnRules]
    keeps_text: bool = False
    _fields: dict[int, Field] = field(init=False)
    _cache: dict[tuple[int, str], str | UserError] = field(default_factory=dict, init=False)
    _unique: dict[int, "_UniqueColumn"] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._fields = {one.number: one for one in self.table.fields}
        unique = [number for number, rules in self.rules.items() if rules.unique and number in self._fields]
        self._unique = {number: _UniqueColumn(self.rows, self.table, self._fields[number]) for number in unique}

    def fit(self, wanted: Sequence[NewText]) -> Iterator[Entry | Refused]:
        """What is to be written, and what is refused; nothing for a cell that holds its text already."""
        fitted = [(one, self._read(one.column, one.text)) for one in wanted]
        for number, column in self._unique.items():
            column.look_up([text for one, text in fitted if one.column == number and isinstance(text, str)])
        for one, text in fitted:
            if isinstance(text, UserError):
                yield Refused(one, str(text), isinstance(text, Misfit))
            elif text != one.before:
                unique = self._unique.get(one.column)
                holder = unique.take(text) if unique else _FREE
                if holder == _FREE:
                    yield Entry(one.row_id, one.column, one.before, text)
                else:
                    yield Refused(one, str(repeated_text(text, holder or None)), is_misfit=False)

    def _read(self, number: int, text: str) -> str | UserError:
        key = number, text
        if key not in self._cache:
            if len(text) > _CACHED_LENGTH:
                return self._fitting(number, text)
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = self._fitting(number, text)
        return self._cache[key]

    def _fitting(self, number: int, text: str) -> str | UserError:
        column = self._fields[number]
        try:
            read = read_input(self.rows, column, text, keeps_text=self.keeps_text).text
            if (rules := self.rules.get(number)) is not None:
                rules.ensure_met(read, is_empty=read in ("", column.empty_text))
        except UserError as error:
            return error
        return read


_FREE = -1


@dataclass
class _UniqueColumn:
    """A column whose texts all differ. They are judged by what is there before the change, so no two rows exchange
    their texts in one.
    """

    rows: RowReader
    table: TableRef
    column: Field
    _holders: dict[str, int] = field(default_factory=dict, init=False)
    _existing: TextSet | None = field(default=None, init=False)
    _planned: TextSet = field(default_factory=TextSet, init=False)
    _asked: int = field(default=0, init=False)

    def look_up(self, texts: Sequence[str]) -> None:
        """Before some are taken."""
        if self._existing is not None or not texts:
            return
        self._asked += 1
        if self._asked > _ASKED:
            self._existing = TextSet()
            for batch in self.rows.texts(self.table, self.column):
                for text in batch:
                    self._existing.add(text)
        else:
            self._holders = self.rows.first_rows(self.table, self.column, sorted(set(texts) - self._empty))

    def take(self, text: str) -> int:
        """The row that has this text, 0 if that is not known or to come; `_FREE` if there is none."""
        if text in self._empty:
            return _FREE
        if self._existing is None and text in self._holders:
            return self._holders[text]
        if (self._existing is not None and text in self._existing) or not self._planned.add(text):
            return 0
        return _FREE

    @property
    def _empty(self) -> set[str]:
        return {"", self.column.empty_text}
