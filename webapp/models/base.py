"""What all models share: constraint names, timezone-aware UTC times, and how a token is stored."""

import hashlib
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Integer, MetaData, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

MAX_ID = 2**63 - 1  # the largest integer of the database

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    return datetime.now(UTC)


def hash_token(token: str) -> str:
    """The SHA-256 under which a random token is stored: a copy of the database or a backup grants no access."""
    return hashlib.sha256(token.encode()).hexdigest()


def only_where(condition: str) -> dict[str, Any]:
    """Of an index: only the rows that meet this condition are in it."""
    return {f"{system}_where": text(condition) for system in ("sqlite", "postgresql")}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Refuses naive datetimes, and returns aware ones even if the database drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("A time without a zone is not an instant")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        int: BigInteger().with_variant(Integer(), "sqlite"),  # where only this name makes ids of it
        dict[str, Any]: JSON(none_as_null=True),  # None is NULL, not the JSON text "null"
        list[Any]: JSON(none_as_null=True),
    }
