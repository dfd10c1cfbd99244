"""The format of portable archives of tables: what any installation can take in.

Of each table there are three parts: its rows as CSV, exactly as the export writes them; what it is, as JSON
(`TableDocument`); and its history, a line of JSON for each change set and for each part of a large one. People are in
it by their addresses and names. Nothing in it lets anybody in: no password, no token, no address of a link or a form,
no webhook.
"""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from webapp.copies.archive import Member

FORMAT: Final = "rowcast-tables"
VERSION: Final = 1
Pair = tuple[str, str]
EntryValues = tuple[int | None, int | None, str | None, str | None]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ColumnDocument(_Part):
    number: int = Field(ge=1, le=2**31)
    title: str
    type: str
    format: dict[str, Any]
    keeps_texts: bool
    rules: dict[str, Any]
    facts: dict[str, Any]


class PersonDocument(_Part):
    email: str
    name: str
    role: str


class ViewDocument(_Part):
    """`owner`: the address of whose it is; None if it is for all members."""

    name: str
    owner: str | None
    state: list[Pair]
    layout: str
    is_default: bool


class LinkDocument(_Part):
    """Without its address. One with a password is listed, and not made again."""

    name: str
    scope: list[Pair]
    shown: list[int] | None
    may_edit: bool
    may_search: bool
    may_export: bool
    has_password: bool
    origins: list[str]
    expires_at: AwareDatetime | None


class FormDocument(_Part):
    """Without its address."""

    name: str
    intro: str
    fields: list[dict[str, Any]]
    thanks: str
    next_url: str
    opens_at: AwareDatetime | None
    closes_at: AwareDatetime | None
    max_answers: int | None
    one_each: bool
    origins: list[str]


class TableDocument(_Part):
    """`row_ids`: the ids of the rows, in their order, as ranges. `gone`: the numbers of deleted columns, which no
    other column may get, because the history names them.
    """

    title: str
    created_at: AwareDatetime
    owner: PersonDocument
    columns: list[ColumnDocument] = Field(min_length=1)
    gone: list[int]
    row_ids: list[tuple[int, int]]
    next_row_id: int = Field(ge=1)
    seq: int = Field(ge=0)
    log_from: int = Field(ge=1)
    log_pruned_to: AwareDatetime | None
    members: list[PersonDocument]
    views: list[ViewDocument]
    links: list[LinkDocument]
    forms: list[FormDocument]

    @property
    def rows(self) -> int:
        return sum(last - first + 1 for first, last in self.row_ids)


class SetDocument(_Part):
    """A change set, with its entries; of a large one its parts follow, each on a line of its own."""

    seq: int = Field(ge=1)
    at: AwareDatetime
    author: str
    link_name: str
    via: str
    kind: str
    rows: int
    cells: int
    columns: str = Field(pattern=r"^[0-9,]*$")
    first_row: int | None
    last_row: int | None
    undo_of: int | None
    undone_by: int | None
    note: str
    purged: int
    state: str
    parts: int
    size: int = Field(ge=0)
    entries: list[EntryValues]


class PartDocument(_Part):
    """Some of the entries of the large change `of`."""

    of: int
    number: int = Field(ge=1)
    entries: list[EntryValues]


class TableMembers(_Part):
    csv: Member
    about: Member
    history: Member


class TablesManifest(_Part):
    format: Literal["rowcast-tables"] = FORMAT
    version: Literal[1] = VERSION
    made_at: AwareDatetime
    program: str
    tables: list[TableMembers]

    @property
    def members(self) -> list[Member]:
        return [member for table in self.tables for member in (table.csv, table.about, table.history)]
