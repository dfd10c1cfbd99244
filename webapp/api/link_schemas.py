"""The models of links to tables, for people without an account."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from webapp.api.errors import WrongField
from webapp.api.fields import Id, at_most, named
from webapp.api.schemas import Input
from webapp.api.times import Time, read_time
from webapp.api.view_schemas import StateText
from webapp.models import Link, utc_now
from webapp.models.accounts.password import MAX_PASSWORD
from webapp.models.tables.form_checks import is_origin, read_origins
from webapp.models.tables.linking import MAX_NAME, MAX_ORIGINS, MIN_PASSWORD, LinkTerms

MAX_ORIGIN = 300  # characters; no host is as long
LINK_EXAMPLE: dict[str, Any] = {
    "id": 4,
    "name": "Press",
    "state": "f.2=ge%3A10&cols=1%2C2",
    "view_id": None,
    "may_edit": False,
    "may_search": True,
    "may_export": True,
    "has_password": False,
    "origins": [],
    "expires_at": "2036-12-31T23:00:00Z",
    "made_at": "2026-11-28T08:00:00Z",
    "used_at": None,
}
ADDRESS = "https://rows.example.org/s/jZ3c0aXPq1Yk5p0w7hW2m9Jv4t8s6LrQeUoBnDfGxTA"
_UNCHANGED: Any = None

Name = Annotated[str, named(MAX_NAME)]
Expiry = Annotated[
    Time | None, Field(description="From then on it opens nothing (RFC 3339); null: until it is revoked.")
]
Password = Annotated[
    Annotated[str, StringConstraints(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)] | None,
    Field(description="Asked for before anything is shown; null: none. It is never shown again."),
]
Origins = Annotated[
    list[Annotated[str, StringConstraints(max_length=MAX_ORIGIN)]],
    Field(max_length=MAX_ORIGINS, description="Sites whose pages may have the table in a frame."),
    at_most(MAX_ORIGINS),
]


class TableLink(BaseModel):
    """A link to a table, without its address."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK_EXAMPLE]})

    id: int
    name: str = Field(description="For whom it is; the history has it.")
    state: str = Field(description="The rows and columns that it shows, as an address has them; empty: all.")
    view_id: int | None = Field(description="The saved view that it was made of.")
    may_edit: bool = Field(description="Whether whoever has it can change cells and rows.")
    may_search: bool
    may_export: bool
    has_password: bool
    origins: list[str]
    expires_at: datetime | None
    made_at: datetime
    used_at: datetime | None = Field(description="To within an hour; null: never.")

    @classmethod
    def values(cls, link: Link) -> dict[str, Any]:
        pairs = [(name, value) for name, value in link.scope]
        pairs += [] if link.shown is None else [("cols", ",".join(map(str, link.shown)))]
        own = set(TableLink.model_fields) - {"state", "has_password"}
        about = {name: getattr(link, name) for name in own}
        return about | {"state": urlencode(pairs), "has_password": link.password_hash is not None}


class MadeLink(TableLink):
    """A new link. Its address is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK_EXAMPLE | {"address": ADDRESS}]})

    address: str = Field(description="Whoever has it sees what the link shows.")


class TableLinks(BaseModel):
    """The links of a table, the newest first."""

    items: list[TableLink]


class NewTableLink(Input):
    """A link to be made, of the whole table, of a saved view, or of what an address asks for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Press", "state": "f.2=ge%3A10&cols=1-2"}]})

    name: Name
    state: StateText = ""
    view_id: Id | None = Field(default=None, description="The saved view that it shows, instead of a `state`.")
    may_edit: bool = Field(default=False, description="Let whoever has it change cells and rows.")
    may_search: bool = Field(default=True, description="Let them search and filter.")
    may_export: bool = Field(default=True, description="Let them export what they see.")
    expires_at: Expiry = None
    password: Password = None
    origins: Origins = Field(default=[])

    def terms(self, password_hash: str | None) -> LinkTerms:
        """Raises `WrongField`."""
        return LinkTerms(
            self.name,
            may_edit=self.may_edit,
            may_search=self.may_search,
            may_export=self.may_export,
            expires_at=until(self.expires_at),
            password_hash=password_hash,
            origins=sites(self.origins),
        )


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"may_export": False}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class TableLinkChange(Input):
    """Only the fields given are changed, by the same address."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    name: Name = _UNCHANGED
    may_edit: bool = Field(default=_UNCHANGED, description="Let whoever has it change cells and rows.")
    may_search: bool = Field(default=_UNCHANGED, description="Let them search and filter.")
    may_export: bool = Field(default=_UNCHANGED, description="Let them export what they see.")
    expires_at: Expiry = _UNCHANGED
    password: Password = _UNCHANGED
    origins: Origins = _UNCHANGED

    @model_validator(mode="after")
    def _is_change(self) -> "TableLinkChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self

    def wanted(self) -> dict[str, Any]:
        """Of `LinkTerms`, but for the password. Raises `WrongField`."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"password"}}
        if "expires_at" in given:
            given["expires_at"] = until(self.expires_at)
        if "origins" in given:
            given["origins"] = sites(self.origins)
        return given


def until(text: str | None) -> datetime | None:
    """In UTC. Raises `WrongField` for a day that there is not, and for a time that is over."""
    time = read_time(text, "expires_at")
    if time is not None and time <= utc_now():
        raise WrongField("expires_at", "Choose a time that is not over.")
    return time


def sites(origins: list[str]) -> list[str]:
    """Each once. Raises `WrongField`."""
    kept = list(read_origins(origins))
    if wrong := [origin for origin in kept if not is_origin(origin)]:
        raise WrongField("origins", f"“{wrong[0][:100]}” is no site. Send one such as https://example.org.")
    return kept


class ViewToFollow(Input):
    """What somebody has looked at."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: Id = Field(description="The `version` of the view that the link is to show: not one that came later.")
