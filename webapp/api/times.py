"""Times as programs send them: RFC 3339, with a zone."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from webapp.api.errors import WrongField

FIRST_YEAR, LAST_YEAR = 1970, 8999
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"


def _ensure_time(text: str) -> str:
    if not re.fullmatch(_TIME.strip("^$"), text):
        raise ValueError("Send a time with its zone, such as 2026-11-28T08:00:00Z.")
    return text


Time = Annotated[str, AfterValidator(_ensure_time), Field(json_schema_extra={"pattern": _TIME})]


def read_time(text: str | None, field: str) -> datetime | None:
    """In UTC. Raises `WrongField` for a day that there is not, and for one that is not there in every time zone."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongField(field, "There is no such time.") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise WrongField(field, f"Send a year from {FIRST_YEAR} to {LAST_YEAR}.")
    return time
