"""The models of saved views, and of the people a table is shared with."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from webapp.api.fields import Id, named
from webapp.api.schemas import Input
from webapp.models.tables.member_lists import ListedMember
from webapp.models.tables.saved_view import MAX_NAME, State, ViewRecord

MAX_STATE = 8_000  # characters of an address
STATE = "f.2=ge%3A10&sort=-2"
VIEW_EXAMPLE: dict[str, Any] = {
    "id": 5,
    "name": "Giants",
    "is_shared": True,
    "is_default": False,
    "state": STATE,
    "version": 1,
}
MEMBER_EXAMPLE: dict[str, Any] = {
    "user_id": 9,
    "name": "Grace Hopper",
    "email": "grace@example.org",
    "role": "editor",
    "added_at": "2026-11-22T19:24:58.120000Z",
}
_UNCHANGED: Any = None
Name = Annotated[str, named(MAX_NAME)]
StateText = Annotated[
    str,
    StringConstraints(max_length=MAX_STATE, pattern=r"^[^\x00]*$"),
    Field(description="What it shows, as the address of a grid has it: search, filters, sort, columns."),
]
MemberRole = Annotated[Literal["viewer", "editor"], Field(description="What they may do with the table.")]


class SavedTableView(BaseModel):
    """A saved view: what an address asks for, under a name."""

    model_config = ConfigDict(json_schema_extra={"examples": [VIEW_EXAMPLE]})

    id: int
    name: str
    is_shared: bool = Field(description="Whether it is for all members; else it is your own.")
    is_default: bool = Field(description="Whether the table opens with it.")
    state: str = Field(description="To be put behind `/rows?` as it is.")
    version: int

    @classmethod
    def of(cls, view: ViewRecord) -> "SavedTableView":
        names = ("id", "name", "is_shared", "is_default", "version")
        return cls(state=urlencode(view.state), **{name: getattr(view, name) for name in names})


class SavedTableViews(BaseModel):
    """The views for all members, then your own; each by name."""

    items: list[SavedTableView]


class NewTableView(Input):
    """A view to be saved."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Giants", "state": STATE}]})

    name: Name
    state: StateText = ""
    is_shared: bool = Field(default=False, description="For all members: an editor's.")


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"name": "Large ones"}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class TableViewChange(Input):
    """Only the fields given are changed."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    name: Name = _UNCHANGED
    state: StateText = _UNCHANGED
    is_shared: bool = Field(default=_UNCHANGED, description="For all members, or your own.")
    is_default: bool = Field(default=_UNCHANGED, description="The table opens with it: one for all members.")

    @model_validator(mode="after")
    def _is_change(self) -> "TableViewChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self


class TableMember(BaseModel):
    """Somebody with a part in a table."""

    model_config = ConfigDict(json_schema_extra={"examples": [MEMBER_EXAMPLE]})

    user_id: int
    name: str
    email: str
    role: str = Field(description="`owner`, `editor` or `viewer`.")
    added_at: datetime | None = Field(description="Null: the owner.")

    @classmethod
    def of(cls, member: ListedMember) -> "TableMember":
        person = member.person
        role, added_at = str(member.role), member.added_at
        return cls(user_id=person.id, name=person.name, email=person.email, role=role, added_at=added_at)


class TableMembers(BaseModel):
    """The owner, then the members by name."""

    items: list[TableMember]


class NewTableMember(Input):
    """Somebody with an account here."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": 9, "role": "viewer"}]})

    user_id: Id
    role: MemberRole = "viewer"


class MemberChange(Input):
    """Another role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "editor"}]})

    role: MemberRole


def state_pairs(text: str) -> State:
    return parse_qsl(text, keep_blank_values=True)
