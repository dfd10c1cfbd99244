"""Resumes a request that lacked a recent proof of identity: after the proof it runs without a second click.

Only for views that take nothing but their URL. The path is signed for one sign-in, so a link from elsewhere or from
somebody else triggers nothing.
"""

from quart import request

from webapp.models import Actor
from webapp.web.cookies import Signer

SIGNER = Signer("resume", 600)  # seconds people have to find their password


def sign(actor: Actor) -> str:
    """For the page that asks for the proof: a signed note of what this request asked for."""
    return SIGNER.dump([actor.session_id, request.path])


def verify(signed: str | None, actor: Actor) -> str | None:
    """Return the path to send a POST to; None if it was not signed here, for this sign-in, a few minutes ago."""
    match SIGNER.load(signed):
        case [session_id, str(path)] if session_id == actor.session_id:
            return path
    return None
