"""One exchange: the state a request and its response share, from the first byte to the last."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

_current: ContextVar["RequestState | None"] = ContextVar("exchange", default=None)
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)


@dataclass(slots=True)
class RequestState:
    request_id: str
    began: float = field(default_factory=perf_counter)
    status: int | None = None
    sent: int = 0  # bytes of the body
    is_complete: bool = False
    # Seconds spent, by name, for Server-Timing.
    spent: dict[str, float] = field(default_factory=dict)
    # More for the access line, such as the person or the table.
    notes: dict[str, Any] = field(default_factory=dict)
    # The time limit of the handler while it runs.
    deadline: asyncio.Timeout | None = None

    @property
    def elapsed(self) -> float:
        return perf_counter() - self.began

    def server_timing(self) -> str:
        """The value of the Server-Timing header, in milliseconds."""
        return ", ".join(f"{name};dur={took * 1000:.1f}" for name, took in [("app", self.elapsed), *self.spent.items()])


def current() -> RequestState | None:
    """The current exchange; None outside a request, as in a job."""
    return _current.get()


def request_id() -> str:
    request_state = current()
    return request_state.request_id if request_state else ""


def new_id(given: str | None = None) -> str:
    """A proxy's id if it is well formed, else a new one."""
    return given if given and _ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8)


@contextmanager
def request_state(request_id: str) -> Iterator[RequestState]:
    made = RequestState(request_id)
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def spend(name: str, seconds: float) -> None:
    """Add `seconds` to this exchange's `name`; does nothing outside one."""
    if made := current():
        made.spent[name] = made.spent.get(name, 0.0) + seconds


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Measure this block as `name` in Server-Timing."""
    began = perf_counter()
    try:
        yield
    finally:
        spend(name, perf_counter() - began)


def note(**more: Any) -> None:
    """Add to this request's access line, as in `note(user=7)`. Never a secret."""
    if made := current():
        made.notes.update(more)
