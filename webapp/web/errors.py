"""Every error as a response: one table of what it means, in three forms: page, fragment, problem+json."""

import asyncio
from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus

import structlog
from quart import Quart, Response, request
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from settings import Settings
from webapp.db.errors import DRIVER_ERRORS, DatabaseBusy, StorageFull, UserError, known_error
from webapp.extensions import Extension
from webapp.models import Event, RegistrationClosed
from webapp.models.accounts.people import NotAllowed
from webapp.models.errors import NotFound
from webapp.web import fragments, templating
from webapp.web.audit import record_soon
from webapp.web.csrf import SAFE_METHODS
from webapp.web.rate_limit.limits import LocalLimit
from webapp.web.request_context import request_id
from webapp.web.session import current_user_or_none

log = structlog.get_logger("rowcast.errors")

PROBLEM_TYPE = "/api/docs#problem-"
MAX_PATH = 200  # characters of a refused URL, in the audit log
# Not a Jinja template: read once, and filled in by replacing.
FAILURE_PAGE = (templating.FOLDER / "errors" / "500.html").read_text(encoding="utf-8")

TIMED_OUT = "This took too long, so it was stopped. Please try again, or ask for less at once."
# A unit of work that has begun is finished, whether or not somebody still waits for the response.
TIMED_OUT_UNSAFE = "This took too long. It may have been saved all the same: look before you try again."
# What the page for an internal error says: the view may have failed before or after its commit.
FAILED = "What you had saved before is safe. Try again in a moment."
FAILED_UNSAFE = (
    "What you had saved before is safe; what you just sent may not have been saved. Look before you send it again."
)

# The status and text of the lower layers' exceptions. The nearest class counts; "" stands for the exception's own text.
KNOWN: dict[type[Exception], tuple[int, str]] = {
    UserError: (422, ""),
    NotFound: (404, ""),
    RegistrationClosed: (403, ""),
    NotAllowed: (403, ""),
    DatabaseBusy: (503, ""),
    StorageFull: (503, ""),
    PoolTimeout: (503, "The server is busy. Please try again in a moment."),
    TimeoutError: (503, TIMED_OUT),
}
# Known or not by their cause: a full disk, a locked database, the errors of a task group.
CHECKED_BY_CAUSE: tuple[type[Exception], ...] = (OSError, *DRIVER_ERRORS, ExceptionGroup)
TITLES = {
    400: "This request could not be understood",
    401: "Please sign in",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This address does not work that way",
    408: "The upload stopped arriving",
    409: "This conflicts with something that exists",
    412: "It has changed in the meantime",
    413: "This is too large",
    415: "This content type is not accepted",
    416: "The file has no such part",
    421: "Wrong address",
    422: "This could not be done",
    429: "Too many tries",
    500: "Something went wrong here",
    503: "Not possible right now",
}
TEXTS = {
    400: "Something in the request is malformed. Go back, reload the page and try again.",
    401: "You are not signed in, or your session has ended.",
    403: "You may not do this. If you think you should, ask whoever runs this server.",
    404: "The address may be mistyped, or what was here has been deleted or was never shared with you.",
    405: "The page exists, but not for this kind of request.",
    408: "Nothing arrived for a while, so the connection was closed. Please try again.",
    409: "It conflicts with something that already exists. Nothing was changed.",
    412: "Somebody else has changed it since you loaded it. Load it again before you change it. Nothing was changed.",
    413: "This is larger than the server accepts here. Nothing was saved.",
    415: "The address exists, but it accepts a different content type.",
    422: "Something in the request is not valid. Nothing was changed.",
    429: "There were too many tries in a short time. Please wait a little and try again.",
    500: "This is our mistake, not yours. It has been written down under the number below.",
    503: "The server cannot answer this now. Please try again in a moment.",
}


audited_refusals = Extension("audited_refusals", lambda app: LocalLimit(1, 60))


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
    headers = {"Retry-After": "2"} if status == 503 else {}
    if text == TIMED_OUT and not _is_safe():
        text, headers = TIMED_OUT_UNSAFE, {}  # a client that repeats it by itself may do it twice
    if status >= 500:
        log.warning("not possible now", reason=repr(error), path=request.path)
    return error_response(status, text, headers)


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
    status: int, text: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, str]] | None = None
) -> Response:
    """Respond in the form the client reads. `errors` are the invalid fields, for the problem document alone."""
    if status == 403:
        _record_refusal()
    title = TITLES.get(status) or HTTPStatus(status).phrase
    if _prefers_json():
        response = _problem_json(status, title, text, errors)
    elif fragments.is_partial():
        number = f" Request number: {request_id()}." if status == 500 else ""
        response = Response(fragments.toast(f"{title}. {text}{number}", "failed"), status, {"HX-Reswap": "none"})
    else:
        response = Response(_page(status, title, text), status)
    response.headers.update(headers or {})
    return response


def _record_refusal() -> None:
    """Write it to the audit log once a minute per person: enough to show that somebody tries, without flooding the
    log.
    """
    actor = current_user_or_none()
    if actor is None or audited_refusals().retry_after(str(actor.id)):
        return
    audited_refusals().count(str(actor.id))
    record_soon(Event.REFUSED, None, method=request.method, path=request.path[:MAX_PATH])


def _prefers_json() -> bool:
    if request.path.startswith("/api/"):
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"]) not in (
        "text/html",
        None,
    )


def _problem_json(status: int, title: str, text: str, errors: list[dict[str, str]] | None) -> Response:
    """See RFC 9457; the documentation describes each type."""
    problem = {
        "type": f"{PROBLEM_TYPE}{status}",
        "title": title,
        "status": status,
        "detail": text,
        "request_id": request_id(),
        **({} if errors is None else {"errors": errors}),
    }
    return Response(templating.to_json(problem), status, content_type="application/problem+json")


def _page(status: int, title: str, text: str) -> str:
    """The page for an internal error must not fail itself: it uses no template, database or session."""
    if status != 500:
        # A bookmark may refer to something gone, such as a filter on a removed column: offer the page without it.
        back_url = request.path if status == 422 and request.method == "GET" and request.query_string else None
        try:
            return templating.render("errors/error.html", status=status, title=title, text=text, back_url=back_url)
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
