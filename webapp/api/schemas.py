"""The models of request and response bodies: they validate input and appear in the documentation."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from webapp.models import Actor, Role, User, normalise_email
from webapp.models.accounts.user import MAX_NAME
from webapp.models.base import MAX_ID

MAX_EMAIL = 254  # characters (RFC 5321)
MAX_SEARCH = 200  # characters
MAX_LIMIT = 200  # people
MAX_DIGITS = 30  # longer than any limit, so truncation changes nothing

PERSON_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "email": "ada@example.org",
    "name": "Ada Lovelace",
    "role": "member",
    "is_active": True,
    "is_verified": True,
    "created_at": "2026-11-22T19:24:58.120000Z",
    "seen_at": None,
}


def _parse_whole(value: Any) -> Any:
    """Python reads `1_000`, ` 5` and `5.0` as whole numbers; other programs do not."""
    if not isinstance(value, str):
        return value
    if not (value.isascii() and value.isdigit()):
        raise ValueError("This has to be a whole number.")
    return int(value[:MAX_DIGITS])


def _require_one(schema: dict[str, Any]) -> None:
    """An omitted field is left unchanged: it has no default."""
    schema |= {"minProperties": 1, "examples": [{"role": "administrator"}]}
    for field in schema["properties"].values():
        field.pop("default", None)


# Control characters, also those that end a line or change the direction of the text around a name.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
Name = Annotated[
    str,
    StringConstraints(max_length=MAX_NAME, pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"),
    Field(description="The displayed name, without control characters.", examples=["Ada Lovelace"]),
]
# A role is a string in JSON, which strict validation would not accept as an enum.
RoleName = Annotated[Role, Field(strict=False, description="What they may do.")]
EmailAddress = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL),
    AfterValidator(normalise_email),
    Field(
        description="Unique on this server; stored in lower case.",
        examples=["ada@example.org"],
        json_schema_extra={"format": "email"},
    ),
]
WholeNumber = Annotated[int, BeforeValidator(_parse_whole)]
# In the signature of a view: what its path parameter is.
PersonId = Annotated[int, Field(ge=0, le=MAX_ID, description="The person's id.", examples=[7])]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Person(BaseModel):
    """A person with an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [PERSON_EXAMPLE]})

    id: int
    email: str
    name: str
    role: Role
    is_active: bool = Field(description="Whether they may sign in.")
    is_verified: bool = Field(description="Whether their address is confirmed.")
    created_at: datetime
    seen_at: datetime | None = Field(description="Their last activity, to within five minutes; null: never.")

    @classmethod
    def of(cls, user: User) -> "Person":
        columns = {name: getattr(user, name) for name in cls.model_fields if name != "is_verified"}
        return cls(is_verified=user.verified_at is not None, **columns)


class People(BaseModel):
    """One page of people, oldest accounts first."""

    items: list[Person]
    next: str | None = Field(
        description="The URL of the next page; null on the last one.", examples=["/api/v1/users?after=7&limit=50"]
    )


class Me(BaseModel):
    """The person behind a token or a browser's sign-in."""

    person: Person
    scopes: list[str] | None = Field(
        description="The token's scopes; null for a browser's sign-in.",
        examples=[["read", "write"]],
    )
    table_ids: list[int] | None = Field(
        description="The only tables that the token is for; null: all that the person may see.", examples=[[17]]
    )

    @classmethod
    def of(cls, user: User, actor: Actor) -> "Me":
        scopes = None if actor.scopes is None else sorted(actor.scopes)
        table_ids = None if actor.table_ids is None else sorted(actor.table_ids)
        return cls(person=Person.of(user), scopes=scopes, table_ids=table_ids)


class PeopleQuery(Input):
    limit: WholeNumber = Field(default=50, ge=1, le=MAX_LIMIT, description="Maximum number of people.")
    after: WholeNumber = Field(default=0, ge=0, le=MAX_ID, description="Only people added after the one with this id.")
    q: Annotated[str, StringConstraints(max_length=MAX_SEARCH, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Only people whose name or address contains this text, in any case."
    )


class NewPerson(Input):
    """An account for somebody else, who gets a mail with a link to choose a password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "name": "Ada Lovelace", "role": "member"}]}
    )

    email: EmailAddress
    name: Name = Field(default="", description="The displayed name; by default the part of the address before the @.")
    role: RoleName = Role.MEMBER


# Cannot be sent: null is refused.
_UNCHANGED: Any = None


class PersonChange(Input):
    """Only the fields given are changed."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    name: Name = _UNCHANGED
    role: RoleName = _UNCHANGED
    is_active: bool = Field(default=_UNCHANGED, description="If false, they can neither sign in nor use a token.")

    @model_validator(mode="after")
    def _is_change(self) -> "PersonChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self


class FieldProblem(BaseModel):
    """An invalid field and the reason."""

    detail: str
    pointer: str | None = Field(default=None, description="JSON pointer to the field (RFC 6901).", examples=["#/email"])
    parameter: str | None = Field(default=None, description="The query parameter.", examples=["limit"])
    index: int | None = Field(default=None, description="Of several rows: which one, from 0.")
    column: str | None = Field(default=None, description="The column of the cell, as it was named.")


class Problem(BaseModel):
    """The body of every error, as application/problem+json (RFC 9457)."""

    type: str = Field(description="The URL that explains this type of problem.", examples=["/api/docs#problem-400"])
    title: str
    status: int
    detail: str = Field(description="What happened.")
    request_id: str = Field(description="The request's id, as in X-Request-Id and in the server's log.")
    errors: list[FieldProblem] | None = Field(default=None, description="Each invalid field, cell or parameter.")
