"""Observability: structured logs without secrets, and where a request's time went."""

import logging
import re
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import structlog
from quart import Quart
from sqlalchemy import event
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from settings import Settings
from webapp.extensions import db
from webapp.web.request_context import add_duration

SECRET_NAME = re.compile(r"cookie|authorization|password|passwd|secret|token|api_?key|set_up_key", re.IGNORECASE)
# A mailed link carries its token in its path and is valid until somebody uses it.
TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
REDACTED = "[redacted]"
# Libraries that log every step at a level nobody wants to read by default.
VERBOSE = ("asyncio", "aiosqlite", "dbos", "hypercorn", "sqlalchemy", "alembic")


def init_app(app: Quart, settings: Settings) -> None:
    app.config["TRUSTED_PROXIES"] = settings.trusted_proxies
    app.config["HANDLER_TIMEOUT"] = settings.handler_timeout

    @app.before_serving
    async def time_the_database() -> None:
        for engine in db.of(app).engines:
            if engine.dialect.is_async:
                event.listen(engine, "before_cursor_execute", _query_starts)
                event.listen(engine, "after_cursor_execute", _query_ends)
            else:  # a thread has the connection for all that it reads together, and gives it back
                event.listen(engine, "checkout", _reading_starts)
                event.listen(engine, "checkin", _reading_ends)


def configure(settings: Settings) -> None:
    """Set up logging for this process, including the standard library's. Called once when a process starts."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    last = [*_last_processors(settings), _renderer(settings)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in VERBOSE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(True)


def redact(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Mask secrets that are logged by mistake, however deeply nested."""
    return {name: value if name == "exc_info" else _redacted(name, value) for name, value in event_dict.items()}


def _redacted(name: Any, value: Any) -> Any:
    if isinstance(name, str) and SECRET_NAME.search(name):
        return REDACTED
    if name == "path" and isinstance(value, str):
        return TOKEN.sub(REDACTED, value)
    if isinstance(value, dict):
        return {inner: _redacted(inner, kept) for inner, kept in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(None, kept) for kept in value]
    return value


def _last_processors(settings: Settings) -> list[Processor]:
    end: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    # Leave local variables out of tracebacks: they include passwords, tokens and other people's cells.
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return end if _is_console(settings) else [*end, tracebacks]


def _renderer(settings: Settings) -> Callable[[WrappedLogger, str, EventDict], str | bytes]:
    if _is_console(settings):
        return structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _is_console(settings: Settings) -> bool:
    return (settings.log_format or ("console" if settings.is_development else "json")) == "console"


def _query_starts(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    connection.info["started"] = perf_counter()


def _query_ends(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    add_duration("db", perf_counter() - connection.info.pop("started", perf_counter()))


def _reading_starts(driver: Any, record: Any, proxy: Any) -> None:
    record.info["started"] = perf_counter()


def _reading_ends(driver: Any, record: Any) -> None:
    add_duration("db", perf_counter() - record.info.pop("started", perf_counter()))
