"""The settings in force, and the versions of the software. Of secrets only whether they are set."""

import asyncio
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import SecretStr
from quart.typing import ResponseReturnValue

from settings import Settings, variable
from webapp.admin import bp
from webapp.db import migrations
from webapp.extensions import config, db
from webapp.web.access import Action, may
from webapp.web.formatting import format_size, plural
from webapp.web.fragments import render

DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    value: str
    readable: str  # the value in days or megabytes
    is_default: bool
    is_secret: bool
    description: str


@bp.get("/settings")
@may(Action.RUN_SERVER)
async def settings_index() -> ResponseReturnValue:
    settings = config()
    revision = await asyncio.to_thread(migrations.current, settings)
    return await render("admin/settings.html", settings=current_settings(settings), versions=_versions(revision))


def current_settings(settings: Settings) -> list[Setting]:
    """In the order of `settings.py`."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        is_default = name not in settings.model_fields_set or value == field.default
        is_secret = "SecretStr" in str(field.annotation)
        rows.append(
            Setting(
                variable(name),
                _display(name, value),
                _readable(name, value),
                is_default,
                is_secret,
                field.description or "",
            )
        )
    return rows


def _display(name: str, value: Any) -> str:
    """Reveals nothing about a secret, not even its length."""
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else "not set"
    if name == "oidc_roles":
        return ", ".join(f"{group}={role}" for group, role in value)
    if isinstance(value, tuple):
        return f"{len(value)} set" if value else "not set"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _readable(name: str, value: Any) -> str:
    """Seconds and bytes in readable units."""
    if name.endswith("_limit"):
        return format_size(value)
    if not name.startswith("session_"):
        return ""
    return plural(value // DAY, "day") if value >= DAY else plural(value // 60, "minute")


def _versions(revision: str | None) -> list[tuple[str, str]]:
    return [
        ("Rowcast", version("rowcast")),
        ("Python", platform.python_version()),
        ("Quart", version("quart")),
        ("Hypercorn", version("hypercorn")),
        db().product,
        ("Database schema", f"{revision or 'none'}, newest {migrations.head()}"),
    ]
