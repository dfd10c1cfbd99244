"""The models of forms by which people add rows to a table."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from webapp.api.fields import Place, at_most, named, text, whole
from webapp.api.schemas import Input
from webapp.api.times import Time
from webapp.models import TableForm, utc_now
from webapp.models.tables.form_answers import MAX_ANSWER
from webapp.models.tables.form_checks import (
    MAX_ANSWERS,
    MAX_FIELDS,
    MAX_LABEL,
    MAX_NAME,
    MAX_ORIGINS,
    MAX_TEXT,
    MAX_URL,
)
from webapp.rowstore.column_rules import MAX_CHOICE, MAX_CHOICES

MAX_ORIGIN = 300  # characters; no host is as long
FIELD_EXAMPLE: dict[str, Any] = {
    "column": 1,
    "name": "Planet",
    "ask": "shown",
    "label": "Which planet?",
    "help": "",
    "required": True,
    "choices": [],
    "default": "",
    "is_long": False,
}
FORM_EXAMPLE: dict[str, Any] = {
    "id": 8,
    "name": "New planets",
    "address": "https://rows.example.org/f/jZ3c0aXPq1Yk5p0w7hW2m9Jv4t8s6LrQeUoBnDfGxTA",
    "is_on": True,
    "state": "open",
    "intro": "",
    "fields": [FIELD_EXAMPLE],
    "thanks": "",
    "next_url": "",
    "opens_at": None,
    "closes_at": None,
    "max_answers": None,
    "one_each": False,
    "origins": [],
    "answers": 0,
    "answered_at": None,
    "version": 1,
    "made_at": "2026-11-28T08:00:00Z",
}
_UNCHANGED: Any = None


AskName = Annotated[
    Literal["shown", "address", "fixed"],
    Field(
        description="`shown`: whoever answers types it. `address`: hidden, the form's address has it "
        "(`?Source=poster`), else it is the default. `fixed`: hidden, always the default."
    ),
]
Name = Annotated[str, named(MAX_NAME)]
Intro = Annotated[str, text(MAX_TEXT), Field(description="What it is about.")]
Thanks = Annotated[str, text(MAX_TEXT), Field(description="What is said when it is sent.")]
NextUrl = Annotated[str, text(MAX_URL), Field(description="A page to go to then, instead; empty: none.")]
OpensAt = Annotated[Time | None, Field(description="From when on it takes answers (RFC 3339); null: at once.")]
ClosesAt = Annotated[Time | None, Field(description="Until when it takes answers; null: until it is switched off.")]
MaxAnswers = Annotated[
    Annotated[int, Field(ge=1, le=MAX_ANSWERS), BeforeValidator(whole)] | None,
    Field(description="How many answers it takes at most; null: any number."),
]
OneEach = Annotated[bool, Field(description="One answer a person, who has to sign in.")]
Label = Annotated[str, text(MAX_LABEL), Field(description="The question; empty: the column's title.")]
Help = Annotated[str, text(MAX_TEXT), Field(description="What is said below it.")]
Default = Annotated[str, text(MAX_ANSWER), Field(description="What it begins with, or always is.")]
Choice = Annotated[str, text(MAX_CHOICE)]
Choices = Annotated[
    list[Choice],
    Field(max_length=MAX_CHOICES, description="What can be chosen; empty: what the column takes."),
    at_most(MAX_CHOICES),
]
Origins = Annotated[
    list[Annotated[str, StringConstraints(max_length=MAX_ORIGIN)]],
    Field(max_length=MAX_ORIGINS, description="Sites whose pages may have it in a frame."),
    at_most(MAX_ORIGINS),
]


class TableFormField(BaseModel):
    """What a form asks for: the text of a column."""

    column: int = Field(description="The number of the column.")
    name: str = Field(description="What stands for it in the form's address and in JSON; it stays.")
    ask: AskName
    label: str = Field(description="The question; empty: the column's title.")
    help: str
    required: bool
    choices: list[str] = Field(description="What can be chosen; empty: what the column takes.")
    default: str
    is_long: bool = Field(description="Several lines.")


class TableFormDetail(BaseModel):
    """A form: whoever has its address adds rows to the table."""

    model_config = ConfigDict(json_schema_extra={"examples": [FORM_EXAMPLE]})

    id: int
    name: str
    address: str = Field(
        description="Whoever has it can answer; answers are posted there. Empty: its key is not the server's any more."
    )
    is_on: bool
    state: str = Field(description="`open`, `early` (not yet), `closed` (off, or over), `full`.")
    intro: str
    fields: list[TableFormField]
    thanks: str
    next_url: str
    opens_at: datetime | None
    closes_at: datetime | None
    max_answers: int | None
    one_each: bool
    origins: list[str]
    answers: int = Field(description="How many it has taken. They are rows of the table.")
    answered_at: datetime | None = Field(description="When the last one came; null: never.")
    version: int
    made_at: datetime

    @classmethod
    def of(cls, form: TableForm, address: str) -> "TableFormDetail":
        own = set(cls.model_fields) - {"address", "state", "made_at", "fields"}
        about = {name: getattr(form, name) for name in own}
        fields = [TableFormField(**field.to_json()) for field in form.asked]
        state = str(form.state(utc_now()))
        return cls(**about, fields=fields, address=address, state=state, made_at=form.created_at)


class TableForms(BaseModel):
    """The forms of a table, the newest first."""

    items: list[TableFormDetail]


class NewFormField(Input):
    """A column that the form asks for."""

    column: Place = Field(description="The number of the column.")
    ask: AskName = "shown"
    label: Label = ""
    help: Help = ""
    required: bool = False
    choices: Choices = Field(default=[])
    default: Default = ""
    is_long: bool = Field(default=False, description="Several lines.")


FormFields = Annotated[
    list[NewFormField],
    Field(min_length=1, max_length=MAX_FIELDS, description="In their order; each column once."),
    at_most(MAX_FIELDS),
]


class NewTableForm(Input):
    """A form to be made. It is switched off."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "New planets", "fields": [{"column": 1, "required": True}]}]}
    )

    name: Name
    fields: FormFields | None = Field(default=None, description="Null: all columns, up to a hundred.")
    intro: Intro = ""
    thanks: Thanks = ""
    next_url: NextUrl = ""
    opens_at: OpensAt = None
    closes_at: ClosesAt = None
    max_answers: MaxAnswers = None
    one_each: OneEach = False
    origins: Origins = Field(default=[])


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"is_on": True}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class TableFormChange(Input):
    """Only the fields given are changed."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    name: Name = _UNCHANGED
    fields: FormFields = _UNCHANGED
    intro: Intro = _UNCHANGED
    thanks: Thanks = _UNCHANGED
    next_url: NextUrl = _UNCHANGED
    opens_at: OpensAt = _UNCHANGED
    closes_at: ClosesAt = _UNCHANGED
    max_answers: MaxAnswers = _UNCHANGED
    one_each: OneEach = _UNCHANGED
    origins: Origins = _UNCHANGED
    is_on: bool = Field(default=_UNCHANGED, description="Whether it takes answers.")

    @model_validator(mode="after")
    def _is_change(self) -> "TableFormChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self
