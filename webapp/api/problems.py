"""How the API refuses a request: every wrong field with its place and a message."""

from typing import Any

from pydantic import ValidationError
from quart import Response, request
from quart_schema import RequestSchemaValidationError
from quart_schema.validation import QuerystringValidationError
from werkzeug.exceptions import Forbidden

from webapp.api import bp
from webapp.models import EmailTaken
from webapp.models.accounts.people import LastOwner
from webapp.web.csrf import SAFE_METHODS
from webapp.web.errors import ErrorDetails, respond
from webapp.web.session import current_user_or_none

MAX_SAID = 20  # fields in one response
MAX_POINTER = 200  # characters
# Messages by pydantic error type; they may use the error's context.
WORDS = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field.",
    "model_type": "The body has to be a JSON object.",
    "string_type": "This has to be text.",
    "string_too_long": "Use at most {max_length} characters.",
    "string_pattern_mismatch": "Use letters, and no control characters.",
    "string_unicode": "This is text that cannot be written down: half of a character is missing.",
    "bool_type": "This has to be true or false.",
    "enum": "This has to be one of {expected}.",
    "greater_than_equal": "This has to be at least {ge}.",
    "less_than_equal": "This can be at most {le}.",
    "int_type": "This has to be a whole number.",
}


class TokensOnly(Forbidden):
    description = "Changes need a token: a signed-in browser may only read. Nothing was changed."


@bp.before_request
async def refuse_cookies() -> None:
    """Our own pages change nothing through the API, so a change with a cookie is an attack."""
    person = current_user_or_none()
    if request.method not in SAFE_METHODS and person is not None and person.token_id is None:
        raise TokensOnly


@bp.errorhandler(RequestSchemaValidationError)
async def answer_invalid(error: RequestSchemaValidationError) -> Response:
    place = "parameter" if isinstance(error, QuerystringValidationError) else "pointer"
    cause = error.validation_error
    errors = [_said(one, place) for one in cause.errors()[:MAX_SAID]] if isinstance(cause, ValidationError) else []
    words = "Some fields do not fit. Nothing was changed." if place == "pointer" else "Some parameters do not fit."
    return respond(ErrorDetails(400, words, members={"errors": errors}))


@bp.errorhandler(EmailTaken)
async def answer_taken(error: EmailTaken) -> Response:
    return respond(ErrorDetails(409, "There is already an account with this address."))


@bp.errorhandler(LastOwner)
async def answer_last_owner(error: LastOwner) -> Response:
    return respond(ErrorDetails(409, str(error)))


def _said(error: Any, place: str) -> dict[str, str]:
    """Never repeats the input, which may be a secret in the wrong field."""
    context = error.get("ctx", {})
    own = context.get("error")
    words = str(own) if own else WORDS.get(error["type"], error["msg"]).format(**context)
    return {"detail": words, place: _parameter(error["loc"]) if place == "parameter" else _pointer(error["loc"])}


def _parameter(place: tuple[int | str, ...]) -> str:
    return str(place[0])[:MAX_POINTER] if place else ""


def _pointer(place: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) as a URI fragment."""
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in place]
    return "#" + "".join(f"/{step}" for step in steps)[:MAX_POINTER]
