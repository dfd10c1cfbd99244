"""How the API refuses a request: every wrong field with its place and a message."""

from typing import Any

from pydantic import ValidationError
from quart import Response, request
from quart_schema import RequestSchemaValidationError
from quart_schema.validation import QuerystringValidationError
from werkzeug.exceptions import Forbidden

from webapp.api import bp
from webapp.api.loading import MAX_ERRORS, InvalidBody
from webapp.db.errors import UserError
from webapp.models import EmailTaken
from webapp.models.accounts.last_owner import LastOwner
from webapp.models.accounts.people import OnlyPasskeys
from webapp.models.errors import VersionMismatch
from webapp.web.csrf import SAFE_METHODS
from webapp.web.errors import error_response
from webapp.web.session import current_user_or_none

MAX_POINTER = 200  # characters
# Messages by pydantic error type; they may use the error's context.
MESSAGES = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field.",
    "model_type": "The body has to be a JSON object.",
    "string_type": "This has to be text.",
    "string_too_long": "Use at most {max_length} characters.",
    "string_too_short": "Use at least {min_length} characters.",
    "string_pattern_mismatch": "Use letters, and no control characters.",
    "string_unicode": "This is text that cannot be written down: half of a character is missing.",
    "bool_type": "This has to be true or false.",
    "enum": "This has to be one of {expected}.",
    "greater_than_equal": "This has to be at least {ge}.",
    "less_than_equal": "This can be at most {le}.",
    "int_type": "This has to be a whole number.",
    "int_parsing_size": "This number is too large.",
    "list_type": "This has to be a list.",
    "dict_type": "This has to be an object.",
    "literal_error": "This has to be one of {expected}.",
    "too_long": "At most {max_length:,} go together.",
    "too_short": "At least {min_length:,} has to be here.",
}

# The status and text of what a verb refuses; "" stands for the exception's own text.
CONFLICTS: dict[type[UserError], tuple[int, str]] = {
    EmailTaken: (409, "There is already an account with this address."),
    LastOwner: (409, ""),
    OnlyPasskeys: (409, ""),
    VersionMismatch: (412, ""),
}


class TokensOnly(Forbidden):
    description = "Changes need a token: a signed-in browser may only read. Nothing was changed."


class WrongField(UserError):
    """A field of the body fits the document, but cannot be."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class WrongParameter(UserError):
    """A parameter of the address fits the document, but cannot be."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


@bp.errorhandler(WrongParameter)
async def answer_wrong_parameter(error: WrongParameter) -> Response:
    return error_response(422, str(error), errors=[{"detail": str(error), "parameter": error.parameter}])


@bp.errorhandler(WrongField)
async def answer_wrong_field(error: WrongField) -> Response:
    return error_response(422, str(error), errors=[{"detail": str(error), "pointer": f"#/{error.field}"}])


@bp.before_request
async def refuse_cookies() -> None:
    """Our own pages change nothing through the API, so a change with a cookie is an attack."""
    actor = current_user_or_none()
    if request.method not in SAFE_METHODS and actor is not None and actor.token_id is None:
        raise TokensOnly


@bp.errorhandler(RequestSchemaValidationError)
async def answer_invalid(error: RequestSchemaValidationError) -> Response:
    is_query = isinstance(error, QuerystringValidationError)
    errors = error.first_errors if isinstance(error, InvalidBody) else _errors_of(error.validation_error)
    text = "Some parameters do not fit." if is_query else "Some fields do not fit. Nothing was changed."
    return error_response(400, text, errors=[_describe(error, is_query) for error in errors])


def _errors_of(cause: Exception) -> list[Any]:
    return list(cause.errors()[:MAX_ERRORS]) if isinstance(cause, ValidationError) else []


async def answer_conflict(error: UserError) -> Response:
    status, text = CONFLICTS[type(error)]
    return error_response(status, text or str(error))


for error_class in CONFLICTS:
    bp.register_error_handler(error_class, answer_conflict)


def _describe(error: Any, is_query: bool) -> dict[str, str]:
    """Never repeats the input, which may be a secret in the wrong field."""
    context, location = error.get("ctx", {}), error["loc"]
    own_error = context.get("error")  # of a validator of ours
    detail = str(own_error) if own_error else MESSAGES.get(error["type"], error["msg"]).format(**context)
    if is_query:
        return {"detail": detail, "parameter": str(location[0])[:MAX_POINTER] if location else ""}
    # A JSON pointer (RFC 6901) as a URI fragment.
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in location]
    return {"detail": detail, "pointer": "#" + "".join(f"/{step}" for step in steps)[:MAX_POINTER]}
