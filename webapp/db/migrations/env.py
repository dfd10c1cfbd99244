"""The environment Alembic runs in: which database, which transaction, and which models to compare with."""

import importlib
import re
from typing import Any, Literal

from alembic import context
from sqlalchemy import MetaData

from settings import Settings
from webapp.db.systems import system_of

USERS_TABLES = re.compile(r"^[ts]\d+(_|$)")  # imported tables and their indexes, which migrations leave alone


def metadata() -> MetaData:
    """Imported by name, because the models lie above this layer and only the comparison needs them."""
    given: MetaData | None = context.config.attributes.get("metadata")
    return given or importlib.import_module("webapp.models").Base.metadata


def include_name(name: str | None, type_: str, _parents: Any) -> bool:
    return not (type_ == "table" and USERS_TABLES.match(name or ""))


def render_item(type_: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations must still run when the models have changed, so they name the database's types, not ours."""
    return "sa.DateTime(timezone=True)" if type_ == "type" and type(item).__name__ == "UtcDateTime" else False


def run() -> None:
    settings = context.config.attributes.get("settings") or Settings()
    with system_of(settings).migrating() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            include_name=include_name,
            render_item=render_item,
            render_as_batch=True,  # SQLite alters a table by copying it
            transactional_ddl=True,
        )
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run against the database itself, not as a script of SQL.")
run()
