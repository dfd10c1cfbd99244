"""Strict JSON: anything that two parsers could interpret differently is refused."""

import json
from typing import Any, cast

from pydantic_core import to_jsonable_python
from quart import request
from quart.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

MIMETYPE = "application/json"


class StrictJSON(DefaultJSONProvider):
    """Writes times as RFC 3339 in UTC, and keys in the order of their description."""

    sort_keys = False
    ensure_ascii = False
    default = staticmethod(to_jsonable_python)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Raises BadRequest with a readable message, also for valid JSON with duplicate names or nesting a thousand
        deep. `parse_float` makes something else than a double of a number with a fraction.
        """
        try:
            return json.loads(
                s,
                object_pairs_hook=_without_duplicates,
                parse_constant=_refuse_constant,
                parse_float=kwargs.get("parse_float"),
            )
        except _NotStrict as error:
            raise BadRequest(str(error)) from None
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadRequest(f"The body is not JSON, from {place} on." if s else "The body is empty.") from None
        except (ValueError, RecursionError):
            raise BadRequest("The body is JSON that nobody needs: nested too deep, or a number too long.") from None


class _NotStrict(ValueError):
    pass


async def check_body() -> None:
    """Raises if the body cannot be JSON at all; `loads` does the rest."""
    if request.mimetype != MIMETYPE:
        raise UnsupportedMediaType(f"Send the body as {MIMETYPE}.")
    try:
        cast(bytes, await request.get_data()).decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _NotStrict("The body has the same name twice in one object.")
    return members


def _refuse_constant(constant: str) -> Any:
    raise _NotStrict(f"{constant} is no JSON.")
