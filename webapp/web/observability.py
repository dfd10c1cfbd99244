"""Observability: structured logs without secrets, and where a request's time went."""

import logging
import re
import sys
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

    @app.before_serving
    async def time_the_database() -> None:
        for engine in db.of(app).engines:
            if engine.dialect.is_async:
                event.listen(engine, "before_cursor_execute", _start_timer)
                event.listen(engine, "after_cursor_execute", _stop_timer)
            else:  # a thread has the connection for all that it reads together, and gives it back
                event.listen(engine, "checkout", lambda driver, record, proxy: _start_timer(record))
                event.listen(engine, "checkin", lambda driver, record: _stop_timer(record))


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
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=processors))
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
        return {inner_name: _redacted(inner_name, inner) for inner_name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(None, inner) for inner in value]
    return value


def _renderers(settings: Settings) -> list[Processor]:
    if (settings.log_format or ("console" if settings.is_development else "json")) == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [
        # Leave local variables out of tracebacks: they include passwords, tokens and other people's cells.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


def _start_timer(connection: Any, *_: Any) -> None:
    connection.info["started"] = perf_counter()


def _stop_timer(connection: Any, *_: Any) -> None:
    add_duration("db", perf_counter() - connection.info.pop("started", perf_counter()))
