"""A form of a table: whoever has its address fills it in, and each answer is a row. What it asks for, and until when.

Like other secrets in addresses its token is random, and found by its SHA-256; a sealed copy lets editors copy the
address again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Connection, ForeignKey, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.models.base import Base, hash_token, utc_now
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess
from webapp.models.tables.table import Column, Table
from webapp.rowstore.column_rules import ColumnRules


class Ask(StrEnum):
    """Where the text of a field comes from."""

    SHOWN = "shown"  # whoever answers types it
    ADDRESS = "address"  # hidden: the address has it (`?Source=poster`), else it is the default
    FIXED = "fixed"  # hidden: always the default, whatever is sent


class FormState(StrEnum):
    OPEN = "open"
    EARLY = "early"  # not yet
    CLOSED = "closed"  # switched off, or its time is over
    FULL = "full"  # it has as many answers as it takes


@dataclass(frozen=True, slots=True)
class FormField:
    """`name` stands for it in addresses and JSON: the column's title when it was added, which stays when the column is
    renamed. Without a `label` the column's title is shown.
    """

    column: int
    name: str
    ask: Ask = Ask.SHOWN
    label: str = ""
    help: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""
    is_long: bool = False  # several lines

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "ask": Ask(data["ask"]), "choices": tuple(data["choices"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"choices": list(self.choices)}


class TableForm(Base):
    __tablename__ = "forms"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the change log has their ids for longer than there are forms

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    sealed: Mapped[str]  # the token, encrypted with the server's key
    is_on: Mapped[bool] = mapped_column(default=False)
    intro: Mapped[str] = mapped_column(default="")
    fields: Mapped[list[Any]]  # of `FormField`s, in order
    # What is said to whoever has answered; or where they are led instead.
    thanks: Mapped[str] = mapped_column(default="")
    next_url: Mapped[str] = mapped_column(default="")
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    max_answers: Mapped[int | None]
    one_each: Mapped[bool] = mapped_column(default=False)  # only for people who are signed in, each of them once
    origins: Mapped[list[Any]] = mapped_column(default=list)  # of the pages that may embed it
    answers: Mapped[int] = mapped_column(default=0)  # that were taken, whatever has become of their rows
    answered_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)  # changes with what editors set
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    @property
    def asked(self) -> list[FormField]:
        return [FormField.from_json(field) for field in self.fields]

    def state(self, now: datetime) -> FormState:
        if not self.is_on or (self.closes_at is not None and self.closes_at <= now):
            return FormState.CLOSED
        if self.opens_at is not None and self.opens_at > now:
            return FormState.EARLY
        if self.max_answers is not None and self.answers >= self.max_answers:
            return FormState.FULL
        return FormState.OPEN


class FormAnswer(Base):
    """That somebody has answered a form that takes one answer a person. What they answered is in the table alone."""

    __tablename__ = "form_answers"

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)


@dataclass(frozen=True, slots=True)
class PublicForm:
    """A form and its table, for whoever has the address. `fields` are those whose column is there."""

    form: TableForm
    table: Table

    @property
    def fields(self) -> list[tuple[FormField, Column]]:
        columns = {column.number: column for column in self.table.columns}
        return [(field, columns[field.column]) for field in self.form.asked if field.column in columns]

    @property
    def seen(self) -> str:
        """Differs once what is asked for does: a page that was shown before asks for something else. Nobody finds out
        from it what is hidden, such as a fixed text: only the server has the sealed token.
        """
        parts = [[field.to_json(), column.type, column.format, column.rules] for field, column in self.fields]
        return hashlib.sha256(json.dumps([self.form.sealed, parts], sort_keys=True).encode()).hexdigest()[:16]

    @property
    def missing(self) -> list[str]:
        """The titles of columns without whose text no row is added, and for which the form has none."""
        given = {field.column for field, _ in self.fields if field.ask is not Ask.FIXED or field.default}
        return missing_of(self.table.columns, given)


def missing_of(columns: Sequence[Column], given: set[int]) -> list[str]:
    return [
        column.title
        for column in columns
        if column.number not in given and ColumnRules.from_json(column.rules).required
    ]


def find_public_form(connection: Connection, token: str) -> PublicForm:
    """Raises `NotFound`: for an address that never was, for a deleted form, and for a table in the trash alike."""
    with Session(connection) as session:
        form = session.scalar(_BY_TOKEN, {"token_hash": hash_token(token)})
    if form is None:
        raise NotFound("form")
    owner_id = connection.scalar(_OWNER, {"table_id": form.table_id})
    access = None if owner_id is None else TableAccess.find(connection, owner_id, form.table_id)
    if access is None:
        raise NotFound("form")
    return PublicForm(form, access.table)


def has_answered(connection: Connection, form_id: int, user_id: int) -> bool:
    return connection.scalar(_ANSWERED, {"form_id": form_id, "user_id": user_id}) is not None


_BY_TOKEN = select(TableForm).where(TableForm.token_hash == bindparam("token_hash"), TableForm.deleted_at.is_(None))
_OWNER = select(Table.owner_id).where(Table.id == bindparam("table_id"))
_ANSWERED = select(FormAnswer.user_id).where(
    FormAnswer.form_id == bindparam("form_id"), FormAnswer.user_id == bindparam("user_id")
)
