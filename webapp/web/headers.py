"""The headers of every response: what a browser may do with it, and who may cache it."""

from collections.abc import Iterable, Mapping, Sequence

from quart import Quart, Response

from settings import Settings
from webapp.web.hosts import own_origin

# Only our own origin and nothing inline: no `hx-on`, no `js:`, no `style=` (see docs/security.md).
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def written(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())


SECURITY_HEADERS = {
    "Content-Security-Policy": written(POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# What a header of the view takes with it: older browsers would keep other sites out by this one.
REPLACED_BY_POLICY = (b"x-frame-options", b"content-security-policy")
# In wire format: `connection.py` adds them to every response, even one that nothing else here has touched.
RAW_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
ONE_YEAR = 365 * 86400


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(add_headers)


def let_embed(response: Response, origins: Sequence[str], leads_to: str = "") -> None:
    """Let pages of these origins show the response in a frame, and its form lead to `leads_to` once it is sent."""
    policy = POLICY | {"frame-ancestors": " ".join(origins) or "'none'"}
    policy["form-action"] = " ".join(filter(None, [POLICY["form-action"], leads_to]))
    response.headers["Content-Security-Policy"] = written(policy)
    if not origins:
        response.headers["X-Frame-Options"] = "DENY"


def missing_headers(
    given: Iterable[tuple[bytes, bytes]], usual: Sequence[tuple[bytes, bytes]] = RAW_SECURITY_HEADERS
) -> Sequence[tuple[bytes, bytes]]:
    """Of the `usual` security headers, in wire format, those that a response does not have itself. Two policies would
    both apply.
    """
    own = {name for name, _ in given}
    if own.isdisjoint(REPLACED_BY_POLICY):
        return usual
    own.update(REPLACED_BY_POLICY)
    return [header for header in usual if header[0] not in own]


async def add_headers(response: Response) -> Response:
    """Unless a view says otherwise nothing is cached: after signing out, Back must show nothing private.

    A page and its fragment share a URL, so a browser that has cached one anyway must not use it for the other.
    """
    if own_origin().startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={ONE_YEAR}")
    if response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    response.headers.setdefault("Cache-Control", "no-store")
    if "public" not in response.headers["Cache-Control"]:
        vary_by(response, "HX-Request-Type", "Cookie")
    return response


def vary_by(response: Response, *names: str) -> None:
    """Name headers of the request that the response depends on, besides those that it names already.

    `response.vary` parses the header and writes it again: every response passes here.
    """
    known = response.headers.get("Vary", "")
    named = {name.strip().lower() for name in known.split(",")}
    added = [name for name in names if name.lower() not in named]
    if added and "*" not in named:
        response.headers["Vary"] = ", ".join([known, *added] if known else added)
