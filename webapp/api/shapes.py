"""The models of request and response bodies: they validate input and appear in the documentation."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from webapp.models import Actor, Role, User, normalise_email
from webapp.models.people import MAX_ID, MAX_NAME

MAX_EMAIL = 254  # characters (RFC 5321)
MAX_SEARCH = 200  # characters
MAX_PAGE = 200  # people
MAX_DIGITS = 30  # longer than any limit, so truncation changes nothing

ADA: dict[str, Any] = {
    "id": 7,
    "email": "ada@example.org",
    "name": "Ada Lovelace",
    "role": "member",
    "is_active": True,
    "is_verified": True,
    "created_at": "2026-11-22T19:24:58.120000Z",
    "seen_at": None,
}


def _whole(value: Any) -> Any:
    """Python reads `1_000`, ` 5` and `5.0` as whole numbers; other programs do not."""
    if not isinstance(value, str):
        return value
    if not (value.isascii() and value.isdigit()):
        raise ValueError("This has to be a whole number.")
    return int(value[:MAX_DIGITS])


def _at_least_one(schema: dict[str, Any]) -> None:
    """An omitted field is left unchanged: it has no default."""
    schema |= {"minProperties": 1, "examples": [{"role": "administrator"}]}
    for described in schema["properties"].values():
        described.pop("default", None)


_PRINTABLE = r"[^\x00-\x1f\x7f]*"
Name = Annotated[
    str,
    StringConstraints(max_length=MAX_NAME, pattern=rf"^{_PRINTABLE}[^\s\x00-\x1f\x7f]{_PRINTABLE}$"),
    Field(description="What people see. No control characters.", examples=["Ada Lovelace"]),
]
# A role is a string in JSON, which strict validation would not accept as an enum.
GivenRole = Annotated[Role, Field(strict=False, description="What they may do.")]
Address = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL),
    AfterValidator(normalise_email),
    Field(
        description="Unique here; kept in lower case.",
        examples=["ada@example.org"],
        json_schema_extra={"format": "email"},
    ),
]
WholeNumber = Annotated[int, BeforeValidator(_whole)]


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Person(BaseModel):
    """A person with an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [ADA]})

    id: int
    email: str
    name: str
    role: Role
    is_active: bool = Field(description="Whether they may sign in.")
    is_verified: bool = Field(description="Whether they have proved that mail to their address reaches them.")
    created_at: datetime
    seen_at: datetime | None = Field(description="When they last did something, to within five minutes; null: never.")

    @classmethod
    def of(cls, user: User) -> "Person":
        return cls(is_verified=user.verified_at is not None, **{name: getattr(user, name) for name in _SAME})


_SAME = ("id", "email", "name", "role", "is_active", "created_at", "seen_at")


class People(BaseModel):
    """One page of people, those who came first at the top."""

    items: list[Person]
    next: str | None = Field(
        description="Where the next page is; null on the last one.", examples=["/api/v1/users?after=7&limit=50"]
    )


class Me(BaseModel):
    """Who is asking."""

    person: Person
    scopes: list[str] | None = Field(
        description="What the token may be used for; null with a sign-in, which may do what the role may.",
        examples=[["read", "write"]],
    )

    @classmethod
    def of(cls, user: User, actor: Actor) -> "Me":
        return cls(person=Person.of(user), scopes=None if actor.scopes is None else sorted(actor.scopes))


class PeopleQuery(Incoming):
    limit: WholeNumber = Field(default=50, ge=1, le=MAX_PAGE, description="How many at most.")
    after: WholeNumber = Field(default=0, ge=0, le=MAX_ID, description="Those who came after this person.")
    q: Annotated[str, StringConstraints(max_length=MAX_SEARCH, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Only those whose name or address contains this. Capitals do not matter."
    )


class NewPerson(Incoming):
    """An account for somebody else, who gets a mail with a link to choose a password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "name": "Ada Lovelace", "role": "member"}]}
    )

    email: Address
    name: Name = Field(default="", description="What people see; else it is what stands before the @.")
    role: GivenRole = Role.MEMBER


# Cannot be sent: null is refused.
_LEFT_ALONE: Any = None


class PersonChange(Incoming):
    """Only what is named changes."""

    model_config = ConfigDict(json_schema_extra=_at_least_one)

    name: Name = _LEFT_ALONE
    role: GivenRole = _LEFT_ALONE
    is_active: bool = Field(default=_LEFT_ALONE, description="Without, nothing signs them in, no token either.")

    @model_validator(mode="after")
    def _something(self) -> "PersonChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    detail: str
    pointer: str | None = Field(default=None, description="Where it is in the body (RFC 6901).", examples=["#/email"])
    parameter: str | None = Field(default=None, description="Which parameter of the address it is.", examples=["limit"])


class Problem(BaseModel):
    """Every error (RFC 9457), as application/problem+json."""

    type: str = Field(description="Where the kind of problem is explained.", examples=["/api/docs#problem-400"])
    title: str
    status: int
    detail: str = Field(description="What happened, in words.")
    request_id: str = Field(description="The number of this request, as in X-Request-Id and in the server's log.")
    errors: list[FieldProblem] | None = Field(default=None, description="With 400: each field that does not fit.")
