"""The host names this server answers to, and the origin of its own pages."""

from urllib.parse import urlsplit

from quart import Quart, request
from werkzeug.exceptions import HTTPException

from settings import Settings
from webapp.extensions import config

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Used by health checks, which know only the address; their responses contain no host name.
HOST_INDEPENDENT = frozenset({"main.up", "main.ready"})


class MisdirectedRequest(HTTPException):
    code = 421
    description = "This server does not answer to that address."


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(refuse_unknown_host)


def public_origin(settings: Settings) -> str | None:
    """What browsers send as `Origin`: scheme, host, and the port unless it is the scheme's default."""
    return str(settings.public_origin).rstrip("/") if settings.public_origin else None


def own_origin() -> str:
    return public_origin(config()) or f"{request.scheme}://{request.host}"


async def refuse_unknown_host() -> None:
    """Prevent DNS rebinding: somebody else's host name may point here and would then have this server's pages as its
    own.

    With a public origin only its host name is accepted. A private server accepts only the names of this machine. In any
    other case the administrator has to set the origin.
    """
    settings = config()
    if request.endpoint in HOST_INDEPENDENT:
        return
    if origin := public_origin(settings):
        if request.host.lower() != urlsplit(origin).netloc:
            raise MisdirectedRequest(f"This server answers to {origin} (ROWCAST_PUBLIC_ORIGIN).")
    elif settings.is_local and not settings.trusted_proxies and _hostname() not in LOCAL_NAMES:
        raise MisdirectedRequest("This server answers to localhost. Set ROWCAST_PUBLIC_ORIGIN to give it another name.")


def _hostname() -> str:
    """Without the port; lower case."""
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""
