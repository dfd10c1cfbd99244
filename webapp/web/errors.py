"""Every error as a response: one table of what it means, in three forms: page, fragment, problem+json."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any

import structlog
from quart import Quart, Response, current_app, request
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from settings import Settings
from webapp.db.drivers import DRIVER_ERRORS
from webapp.db.errors import DatabaseTrouble, UserError, known_error
from webapp.models import Event, RegistrationClosed
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables.import_model import TooManyWaiting
from webapp.rowstore.errors import RowsGone
from webapp.web import fragments, templating
from webapp.web.audit import MAX_PATH, record_refusal
from webapp.web.csrf import SAFE_METHODS
from webapp.web.open_streams import TooManyOpen
from webapp.web.request_context import current_state, request_id
from webapp.web.session import current_user_or_none

log = structlog.get_logger("rowcast.errors")

PROBLEM_TYPE = "/api/docs#problem-"
# Not a Jinja template: read once, and filled in by replacing.
FAILURE_PAGE = (templating.FOLDER / "errors" / "500.html").read_text(encoding="utf-8")

TIMED_OUT = "This took too long, so it was stopped. Please try again, or ask for less at once."
TIMED_OUT_UNSAVED = "This took too long, so it was stopped before anything was saved. Please try again."
# A unit of work that has begun is finished, whether or not somebody still waits for the response.
MAY_BE_SAVED = "This took too long. It may have been saved all the same: check before you try again."
PARTLY_SAVED = "What you sent may have been saved, in part or whole: check before you try again."
# What the page for an internal error says: the view may have failed before or after its commit.
FAILED = "What you had saved before is safe. Try again in a moment."
FAILED_UNSAFE = (
    "What you had saved before is safe; what you just sent may not have been saved. Check before you send it again."
)

# The status and text of the lower layers' exceptions. The nearest class counts; "" stands for the exception's own text.
KNOWN: dict[type[Exception], tuple[int, str]] = {
    UserError: (422, ""),
    NotFound: (404, ""),
    RowsGone: (404, ""),
    RegistrationClosed: (403, ""),
    NotAllowed: (403, ""),
    TooManyWaiting: (429, ""),
    TooManyOpen: (429, ""),
    DatabaseTrouble: (503, ""),
    PoolTimeout: (503, "The server is busy. Please try again in a moment."),
    TimeoutError: (503, TIMED_OUT),
}
# Known or not by their cause: a full disk, a locked database, the errors of a task group.
CHECKED_BY_CAUSE: tuple[type[Exception], ...] = (OSError, *DRIVER_ERRORS, ExceptionGroup)
RETRY_AFTER = {429: "30", 503: "2"}  # seconds
TITLES = {
    400: "This request could not be understood",
    401: "Please sign in",
    403: "This is not allowed",
    404: "Not found",
    405: "This address does not work that way",
    408: "The upload stopped arriving",
    409: "This conflicts with something that exists",
    412: "It has changed in the meantime",
    413: "This is too large",
    415: "This content type is not accepted",
    416: "The file has no such part",
    421: "Wrong address",
    422: "This could not be done",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not possible right now",
}
TEXTS = {
    400: "Something in the request is malformed. Go back, reload the page and try again.",
    401: "You are not signed in, or your session has ended.",
    403: "You may not do this. If you think you should, ask whoever runs this server.",
    404: "The address may be mistyped, the page may have been deleted, or it may belong to somebody else.",
    405: "The page exists, but not for this kind of request.",
    408: "Nothing arrived for a while, so the connection was closed. Please try again.",
    409: "It conflicts with something that already exists. Nothing was changed.",
    412: "Somebody else has changed it since you loaded it. Load it again before you change it. Nothing was changed.",
    413: "This is larger than the server accepts here. Nothing was saved.",
    415: "The address exists, but it accepts a different content type.",
    422: "Something in the request is not valid. Nothing was changed.",
    429: "There were too many tries in a short time. Please wait a little and try again.",
    500: "This is our mistake, not yours. It was logged under the number below.",
    503: "The server cannot answer this now. Please try again in a moment.",
}


def init_app(app: Quart, settings: Settings) -> None:
    """Register the known exceptions. Quart logs the others, raises them in tests, and calls us for a 500."""
    app.register_error_handler(HTTPException, handle_http_exception)
    for known in (*KNOWN, *CHECKED_BY_CAUSE):
        app.register_error_handler(known, handle_known_error)


async def handle_http_exception(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    is_ours = type(error).__module__.startswith("webapp.")
    is_specific = is_ours or (error.description and error.description != type(error).description)
    text = error.description if is_specific and not isinstance(error, InternalServerError) else TEXTS.get(status)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return error_response(status, text or error.description or "", headers)


async def handle_known_error(error: Exception) -> Response:
    """Respond as `KNOWN` says. Re-raises the error if it has no entry."""
    known = status_and_text(error)
    if known is None:
        raise error
    status, text = known
    if status >= 500:
        log.warning("not possible now", reason=repr(error), path=request.path)
    headers = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    if status != 503:
        return error_response(status, text, headers)
    if (truth := _what_may_be_saved(text)) is not None:  # no Retry-After: what repeats it by itself may do it twice
        return error_response(status, truth, look_url=page_to_look_at())
    return error_response(status, TIMED_OUT_UNSAVED if text == TIMED_OUT and not _is_safe() else text, headers)


def _what_may_be_saved(text: str) -> str | None:
    """None if this request has saved nothing; `text` says that it was stopped, or that the next write failed."""
    state = current_state()
    if _is_safe() or state is None:
        return None
    if text == TIMED_OUT:
        return MAY_BE_SAVED if state.has_begun_write else None
    return f"{text.partition('. ')[0].removesuffix('.')}. {PARTLY_SAVED}" if state.has_committed else None


def page_to_look_at() -> str:
    """The page that shows what this request may have changed: the nearest above its URL, or that of its form."""
    path = request.path.rstrip("/")
    above = [path[: place.start()] for place in re.finditer("/", path)][:0:-1]
    return next((url for url in (*above, path) if _is_page(url)), "/")


def _is_page(path: str) -> bool:
    try:
        current_app.url_map.bind("localhost").match(path, "GET")
    except HTTPException:
        return False
    return True


def status_and_text(error: BaseException) -> tuple[int, str] | None:
    """None if the error is not known."""
    for single in _flatten(error):
        known = known_error(single) or single
        for error_class in type(known).__mro__:
            if error_class in KNOWN:
                status, text = KNOWN[error_class]
                return status, text or str(known)
    return None


def error_response(
    status: int,
    text: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    look_url: str | None = None,
) -> Response:
    """Respond in the form the client reads. `errors` are the invalid fields, for the problem document alone;
    `look_url` leads people to what may have been saved.
    """
    if status == 403 and current_user_or_none() is not None:  # enough to show that somebody tries
        record_refusal(Event.REFUSED, None, method=request.method, path=request.path[:MAX_PATH])
    title = TITLES.get(status) or HTTPStatus(status).phrase
    if _prefers_json():
        response = _problem_json(status, title, text, errors)
    elif fragments.is_partial():
        number = f" Request number: {request_id()}." if status == 500 else ""
        response = Response(
            fragments.toast(f"{title}. {text}{number}", "failed", look_url), status, {"HX-Reswap": "none"}
        )
    else:
        response = Response(_page(status, title, text, look_url), status)
    response.headers.update(headers or {})
    return response


def wants_page() -> bool:
    """Whether whoever asks shows a whole page."""
    return not _prefers_json() and not fragments.is_partial()


def _prefers_json() -> bool:
    if request.path.startswith("/api/") or request.mimetype == "application/json":
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"]) not in (
        "text/html",
        None,
    )


def _problem_json(status: int, title: str, text: str, errors: Sequence[Mapping[str, Any]] | None) -> Response:
    """See RFC 9457; the documentation describes each type."""
    problem = {
        "type": f"{PROBLEM_TYPE}{status}",
        "title": title,
        "status": status,
        "detail": text,
        "request_id": request_id(),
        **({} if errors is None else {"errors": list(errors)}),
    }
    return Response(templating.to_json(problem), status, content_type="application/problem+json")


def _page(status: int, title: str, text: str, look_url: str | None) -> str:
    """The page for an internal error must not fail itself: it uses no template, database or session."""
    if status != 500:
        # A bookmark may refer to something gone, such as a filter on a removed column: offer the page without it.
        back_url = request.path if status == 422 and request.method == "GET" and request.query_string else None
        try:
            return templating.render(
                "errors/error.html", status=status, title=title, text=text, back_url=back_url, look_url=look_url
            )
        except Exception:
            log.exception("the error page failed")
    page = FAILURE_PAGE.replace("{{ outcome }}", FAILED if _is_safe() else FAILED_UNSAFE)
    return page.replace("{{ request_id }}", escape(request_id()))


def _is_safe() -> bool:
    return request.method in SAFE_METHODS


def _flatten(error: BaseException) -> Iterator[BaseException]:
    """The exception itself, or those a task group has wrapped, without cancellations."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _flatten(inner)
    elif not isinstance(error, asyncio.CancelledError):
        yield error
