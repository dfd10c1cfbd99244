"""The state of a request, from its first byte to the last of its response: id, timings, what its log line says."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from quart import request

_current: ContextVar["RequestState | None"] = ContextVar("request_state", default=None)
_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::\d{1,5})?|(?P<v4>\d+(?:\.\d+){3}):\d{1,5}", re.ASCII)
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)


@dataclass(slots=True)
class RequestState:
    request_id: str
    started: float = field(default_factory=perf_counter)
    status: int | None = None
    bytes_sent: int = 0  # of the body
    is_complete: bool = False
    is_taken_over: bool = False  # by the server's connection, which says when the response has ended
    durations: dict[str, float] = field(default_factory=dict)  # seconds by name, for Server-Timing
    log_fields: dict[str, Any] = field(default_factory=dict)  # further fields of the log line, such as the user
    deadline: asyncio.Timeout | None = None  # the time limit of the handler while it runs
    is_ending: bool = False  # the server stops: what is not written by now is not begun
    writes_in_progress: int = 0
    has_begun_write: bool = False
    security_headers: list[tuple[bytes, bytes]] | None = None  # in place of those that all responses have
    has_committed: bool = False  # at least one write, so a later failure must not say that nothing was changed

    @property
    def elapsed(self) -> float:
        return perf_counter() - self.started

    def server_timing(self) -> str:
        """The value of the Server-Timing header, in milliseconds."""
        durations = {"app": self.elapsed, **self.durations}
        return ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in durations.items())


def remote_address() -> str:
    """The network address of the client, without the port that some proxies put into X-Forwarded-For."""
    address = str(request.remote_addr or "")
    if found := _WITH_PORT.fullmatch(address):
        return found["v6"] or found["v4"]
    return address


def current_state() -> RequestState | None:
    """None outside a request, as in a job."""
    return _current.get()


def request_id() -> str:
    state = current_state()
    return state.request_id if state else ""


def choose_request_id(given: str | None = None) -> str:
    """A proxy's id if it is well formed, else a new one."""
    return given if given and _ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8)


@contextmanager
def new_request_state(request_id: str) -> Iterator[RequestState]:
    """The state of this request, which is the current one in the block."""
    state = RequestState(request_id)
    token = _current.set(state)
    try:
        yield state
    finally:
        _current.reset(token)


def add_duration(name: str, seconds: float) -> None:
    """Add `seconds` to `name` in this request's Server-Timing; does nothing outside a request."""
    if state := current_state():
        state.durations[name] = state.durations.get(name, 0.0) + seconds


def add_log_fields(**fields: Any) -> None:
    """Add fields to this request's log line, as in `add_log_fields(user=7)`. Never a secret."""
    if state := current_state():
        state.log_fields.update(fields)
