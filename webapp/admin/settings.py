"""The settings in force, and the versions of the software. Of secrets only whether they are set."""

import asyncio
import platform
import sqlite3
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import SecretStr
from quart.typing import ResponseReturnValue

from settings import Settings
from webapp.admin import bp
from webapp.db import migrations
from webapp.extensions import config
from webapp.web.access import Action, may
from webapp.web.formatting import format_size, plural
from webapp.web.fragments import render

PREFIX = "ROWCAST_"
DAY = 86_400  # seconds
# The meaning of each, with its unit; docs/operations.md has more.
MEANINGS = {
    "environment": "What kind of process this is: production, development or testing",
    "secret_key": "Signs cookies; made by the server and kept in the data folder when it is not set",
    "secret_key_fallbacks": "Retired keys that still verify",
    "host": "Address it listens on",
    "port": "Port it listens on",
    "public_origin": "What people type; without it, whatever name a request has",
    "trusted_proxies": "Proxies in front that are believed about the client's address",
    "data_dir": "Folder of everything that is kept",
    "database_url": "Database; without it, a SQLite file in the data folder",
    "database_readers": "Connections that read at the same time",
    "registration": "Who may make an account: open, invitation or closed",
    "second_factor": "Who must have a second factor or a passkey: optional (nobody), administrators or everybody",
    "session_idle": "Seconds without use after which a sign-in ends",
    "session_remember": "Seconds without use after which a remembered sign-in ends",
    "session_lifetime": "Seconds after which any sign-in ends",
    "session_fresh": "Seconds after a sign-in during which dangerous changes do not ask who one is again",
    "smtp_url": "Where mail is handed over; without it no mail is sent",
    "mail_from": "Who mails are from",
    "rate_limit_url": "Where limited requests are counted; without it, in the memory of this process",
    "body_limit": "Bytes of a request",
    "upload_limit": "Bytes of an upload",
    "body_idle_timeout": "Seconds between two pieces of a request's body",
    "handler_timeout": "Seconds until an answer begins",
    "graceful_timeout": "Seconds for requests in flight when the server stops",
    "import_workers": "Imports that run at the same time",
    "search_index_rows": "Rows from which on a table gets a search index",
    "query_timeout": "Seconds a query for a page may take",
    "log_level": "What is written to the log: debug, info, warning or error",
    "log_format": "How it is written: json or console; without it, by environment",
}


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    value: str
    words: str  # the value in readable units
    is_default: bool
    is_secret: bool
    meaning: str


@bp.get("/settings")
@may(Action.RUN_SERVER)
async def settings_index() -> ResponseReturnValue:
    settings = config()
    revision = await asyncio.to_thread(migrations.current, settings)
    return await render("admin/settings.html", settings=in_force(settings), versions=_versions(revision))


def in_force(settings: Settings) -> list[Setting]:
    """In the order of `settings.py`."""
    defaults = Settings.model_construct()
    found = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        is_default = name not in settings.model_fields_set or value == getattr(defaults, name)
        shown, is_secret = _shown(value), "SecretStr" in str(Settings.model_fields[name].annotation)
        found.append(
            Setting(f"{PREFIX}{name.upper()}", shown, _in_words(name, value), is_default, is_secret, MEANINGS[name])
        )
    return found


def _shown(value: Any) -> str:
    """Reveals nothing about a secret, not even its length."""
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else "not set"
    if isinstance(value, tuple):
        return f"{len(value)} set" if value else "not set"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _in_words(name: str, value: Any) -> str:
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
        ("SQLite", sqlite3.sqlite_version),
        ("Database schema", f"{revision or 'none'}, newest {migrations.head()}"),
    ]
