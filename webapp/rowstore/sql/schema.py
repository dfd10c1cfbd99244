"""The SQL tables that hold rows: their names, built from numbers only."""

import re
from collections.abc import Iterable

from webapp.rowstore.table_ref import Field

DRAFT_PREFIX = "draft_"
DISCARDED_PREFIX = "discarded_"
# PostgreSQL cuts names off at 63 characters. Digests had 32 digits once, on SQLite.
_DRAFT = re.compile(r"[0-9a-f]{32}_[0-9a-f]{24}(?:[0-9a-f]{8})?")


def table_name(table_id: int) -> str:
    return f"t{int(table_id)}"


def column_name(field: Field) -> str:
    return f"c{int(field.storage)}"


def companion_name(field: Field) -> str | None:
    """The column that holds the texts of cells whose value does not print back; None if this one has none.

    A text is its own value.
    """
    return f"c{int(field.storage)}t" if field.keeps_texts and field.type != "text" else None


def text_column_name(field: Field) -> str | None:
    """The column in which long texts may be; None if this one has only values, which are short."""
    return column_name(field) if field.type == "text" else companion_name(field)


def stored_columns(fields: Iterable[Field]) -> list[str]:
    """The SQL columns of these fields, in their order, each companion behind its column."""
    names = [(column_name(field), companion_name(field)) for field in fields]
    return [name for pair in names for name in pair if name is not None]


def index_prefix(table_id: int) -> str:
    """The beginning of the names of a table's indexes, before the stored column's number."""
    return f"i{int(table_id)}_"


def index_name(table_id: int, field: Field) -> str:
    """The index on a column's sort key."""
    return f"{index_prefix(table_id)}{int(field.storage)}"


def draft_name(draft: str) -> str:
    """The rows of an import that nobody has decided about; for `draft` see `import_of_draft`."""
    if not _DRAFT.fullmatch(draft):
        raise ValueError(f"{draft!r} names no draft")
    return f"{DRAFT_PREFIX}{draft}"


def import_of_draft(draft: str) -> str:
    """A draft is named after the id of its import, an underscore, and a hash of what it was made with."""
    return draft.partition("_")[0]
