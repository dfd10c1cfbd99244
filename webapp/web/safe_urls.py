"""URLs to go to that a request names: only pages of this server."""

from urllib.parse import quote, urlsplit

from quart import request

MAX_LENGTH = 2000  # characters


def safe_next(target: str | None, default: str = "/") -> str:
    """`target` if it is a path of this server, else `default`.

    What a browser would read as another host or scheme is refused: `//evil`, `/\\evil` (backslashes count as
    slashes), control characters (browsers drop them: `/<tab>/evil`), anything that is not plain ASCII.
    """
    if not target or len(target) > MAX_LENGTH or not target.startswith("/") or "\\" in target:
        return default
    if any(not "!" <= character <= "~" for character in target):
        return default
    return default if "//" in target.partition("?")[0] else target


def current_page() -> str:
    """The page to return to after signing in: the one requested, or the one this request came from if it is no page."""
    is_part = is_htmx_request() and request.headers.get("HX-Request-Type") != "full"
    if is_part or request.method not in ("GET", "HEAD"):
        return _own_path(request.headers.get("HX-Current-URL") or request.referrer)
    query = request.query_string.decode("ascii", "replace")
    return safe_next(quote(request.path, safe="/:@!$&'()*+,;=-._~") + (f"?{query}" if query else ""))


def _own_path(address: str | None) -> str:
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return "/"
    if parts.netloc != request.host:
        return "/"
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))


def is_htmx_request() -> bool:
    """Checks the type too, because a restored history entry sends only that. htmx would swap a redirect's page into a
    part.
    """
    return "HX-Request" in request.headers or "HX-Request-Type" in request.headers
