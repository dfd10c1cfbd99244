"""A table as a portable archive has it, read and checked: nothing of it is believed before."""

import csv
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from webapp.copies.archive import ArchiveReader, BadArchive
from webapp.copies.portable import PartDocument, SetDocument, TableDocument, TableMembers
from webapp.models import Column
from webapp.models.tables.type_changing import NoSuchType, new_format
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.values import StoredRow

BATCH = 500  # rows, or lines of the history
BATCH_CHARACTERS = 4_000_000
D = TypeVar("D", bound=BaseModel)


class ArchivedTable:
    """Every method raises `BadArchive`."""

    def __init__(self, archive: ArchiveReader, members: TableMembers) -> None:
        self._archive, self.members = archive, members
        self.about = self._parse(TableDocument, b"".join(archive.blocks(members.about)))
        self._check()

    def bad(self, why: str) -> BadArchive:
        return self._archive.bad(f"of its table “{self.about.title}” {why}.")

    def columns(self) -> list[Column]:
        made = list[Column]()
        for position, column in enumerate(self.about.columns):
            try:
                given = column.model_dump() | {
                    "format": new_format(column.type, column.format),
                    "rules": ColumnRules.from_json(column.rules).to_json(),
                }
            except (NoSuchType, TypeError, ValueError):
                raise self.bad(f"the column “{column.title}” has no type or format that there is") from None
            made.append(Column(position=position, storage=column.number, **given))
        return made

    def rows(self) -> Generator[list[StoredRow], None, None]:
        """In batches, fewer rows where their texts are long."""
        ids = (row_id for first, last in self.about.row_ids for row_id in range(first, last + 1))
        batch, characters = list[StoredRow](), 0
        with _long_cells(), closing(self._numbered(ids)) as numbered:
            for row_id, cells in numbered:
                batch.append(StoredRow(row_id, cells))
                characters += sum(map(len, cells))
                if len(batch) == BATCH or characters > BATCH_CHARACTERS:
                    yield batch
                    batch, characters = [], 0
        if batch:
            yield batch

    def history(self) -> Generator[list[SetDocument | PartDocument], None, None]:
        """In batches; the parts of a large change come behind it."""
        with closing(self._archive.lines(self.members.history)) as lines:
            while batch := list(islice(lines, BATCH)):
                yield [self._set_or_part(line) for line in batch]

    def _set_or_part(self, line: bytes) -> SetDocument | PartDocument:
        return self._parse(PartDocument, line) if line.startswith(b'{"of":') else self._parse(SetDocument, line)

    def _numbered(self, ids: Iterable[int]) -> Generator[tuple[int, tuple[str, ...]], None, None]:
        width = len(self.about.columns)
        with closing(self._archive.blocks(self.members.csv)) as blocks:
            rows = csv.reader(_text_lines(blocks), strict=True)
            try:
                next(rows, None)
                for row_id, cells in zip(ids, rows, strict=True):
                    if len(cells) != width and (cells or width > 1):
                        raise self.bad("a row has not as many cells as there are columns")
                    yield row_id, tuple(cells) if cells else ("",)
            except (csv.Error, ValueError) as error:
                raise self.bad(f"the rows cannot be read ({error})") from error

    def _check(self) -> None:
        about = self.about
        numbers = [column.number for column in about.columns] + about.gone
        if len(set(numbers)) < len(numbers) or min(numbers) < 1:
            raise self.bad("two columns have the same number")
        last = 0
        for first, end in about.row_ids:
            if not last < first <= end < 2**62:
                raise self.bad("the ids of rows are not in order")
            last = end

    def _parse(self, kind: type[D], data: bytes) -> D:
        try:
            return kind.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise self._archive.bad(f"a part of it cannot be understood ({place}: {first['msg']}).") from None


def _text_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """Lines end in a line feed only, whatever other line breaks are in cells."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.decode() + "\n"
    if rest:
        yield rest.decode()


@contextmanager
def _long_cells() -> Iterator[None]:
    limit: Any = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
