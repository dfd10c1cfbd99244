"""Plain PostgreSQL connections: all a child process needs, without SQLAlchemy."""

import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InvalidParameterValue, UndefinedObject
from psycopg.pq import Conninfo
from psycopg.types.string import StrBinaryDumper, StrDumper, StrDumperUnknown

from webapp.db.errors import known_error

SCHEME = "postgresql+psycopg://"  # SQLAlchemy's; libpq's is postgresql://
CONNECT_TIMEOUT = 10  # seconds
LOCK_TIMEOUT = 5.0  # seconds a writer waits for the locks of another one
_IDLE_SECONDS = 300  # in a transaction: whoever has hung that long blocks others
SESSION: dict[str, str] = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    # A plan made once for all arguments took 1,780 ms for a search that takes 0.4 ms.
    "plan_cache_mode": "force_custom_plan",
    "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
    "lock_timeout": f"{int(LOCK_TIMEOUT * 1000)}ms",
    "client_min_messages": "warning",
}
# How often the server looks whether we are still there while a statement runs: one that was killed says nothing.
CLIENT_CHECK = "1s"
_READ_ONLY = {"default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read"}
# Statements that are kept prepared (`postgresql_often.py`) find rows by keys: one plan is right for all arguments.
KEEPS_PLANS = {"plan_cache_mode": "auto"}
# To a serializable transaction, scanning a small table is reading each of its rows: with eight people who edited a
# table each, nearly every edit was run again, since another had changed its own row of `tables`. Where a scan cannot be
# avoided, older versions add so much to its cost that just-in-time compilation would begin.
WRITER = {**KEEPS_PLANS, "enable_seqscan": "off", "jit": "off"}
_OURS = ("options", "application_name", "connect_timeout", "client_encoding")  # whatever the environment says
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_NUL_STORED = "\N{SYMBOL FOR NULL}".encode()
_SURROGATE = re.compile("[\ud800-\udfff]")


def conninfo(url: str, settings: Mapping[str, str] = MappingProxyType({}), *, read_only: bool = False) -> str:
    """What libpq is given for this URL, either SQLAlchemy's or libpq's own, with the settings of our sessions, and
    `settings` besides.
    """
    given: dict[str, Any] = dict(conninfo_to_dict(_libpq(url)))
    options = f"{given.pop('options', '')} {options_of(settings, read_only=read_only)}".strip()
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "rowcast",
        "client_encoding": "UTF8",
    }
    return make_conninfo(**{**defaults, **given, "options": options})


def options_of(settings: Mapping[str, str] = MappingProxyType({}), *, read_only: bool = False) -> str:
    """The settings of a session as a part of the connection, which costs no statement."""
    every = {**SESSION, **(_READ_ONLY if read_only else {}), **settings}
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in every.items())


def connect(
    url: str, settings: Mapping[str, str] = MappingProxyType({}), *, read_only: bool = False
) -> "Connection[Any]":
    """A plain connection configured like the application's own, for the command line and child processes: each
    statement is its own transaction, until `BEGIN` or `connection.transaction()`.
    """
    try:
        address = conninfo(url, settings, read_only=read_only)
        connection = psycopg.connect(address, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        if known := known_error(error):
            raise known from None  # the driver's message may hold all of the address
        raise
    prepare(connection)
    _watch(connection)
    return connection


def _watch(connection: "Connection[Any]") -> None:
    """No option of the session: a server that cannot do so, on Windows say, would not let us in."""
    with suppress(InvalidParameterValue, UndefinedObject):
        connection.execute(f"SET client_connection_check_interval = '{CLIENT_CHECK}'".encode())


def prepare(connection: Any) -> None:
    """What cannot be an option of the session; for the connections of pools, too."""
    connection.prepare_threshold = None
    register_text(connection.adapters)


def register_text(adapters: AdaptersMap) -> None:
    """PostgreSQL stores neither U+0000 nor half of a surrogate pair, and the driver refuses both: they become U+2400
    and U+FFFD. Rows of tables are escaped before; this is for what people call things.
    """
    adapters.register_dumper(str, _StorableBinary)
    adapters.register_dumper(str, _Storable)


def register_escaped_text(adapters: AdaptersMap) -> None:
    """The driver's own way, several times as fast: for many rows whose texts are escaped already. Of one cursor, say:
    `register_escaped_text(cursor.adapters)`.
    """
    adapters.register_dumper(str, StrBinaryDumper)
    adapters.register_dumper(str, StrDumperUnknown)


def storable_json(document: str) -> str:
    return _NUL_IN_JSON.sub(r"\1\\u2400", document)


class _Storable(StrDumper):
    oid = 0  # unknown: the server finds the type where it is used, as with the driver's own default

    def dump(self, obj: str) -> Buffer | None:
        return _stored(obj)


class _StorableBinary(StrBinaryDumper):
    def dump(self, obj: str) -> Buffer | None:
        return _stored(obj)


def _stored(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text).encode()
    return data.replace(b"\x00", _NUL_STORED) if b"\x00" in data else data


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def whole(url: str) -> str:
    """With what libpq takes from outside, PGPASSWORD say, or the account's name for want of a user: for a process that
    has none of its variables.
    """
    given = {*conninfo_to_dict(_libpq(url)), *_OURS}
    more = dict[str, bytes]()
    for option in Conninfo.get_defaults():
        is_from_outside = option.envvar is not None and option.val != option.compiled
        if is_from_outside and option.val is not None and (name := option.keyword.decode()) not in given:
            more[name] = option.val
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more, quote_via=quote)}" if more else url


def _libpq(url: str) -> str:
    return "postgresql://" + url.removeprefix(SCHEME) if url.startswith(SCHEME) else url


def hidden(url: str) -> str:
    """The URL as people may see it: without a password."""
    shown = re.sub(r"(?<=://)([^:@/?]*):[^@/?]*@", r"\1:***@", url)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", shown)
