"""What was asked for when the proof of who one is was too old: done once that is there, without a second click.

Only for views that take nothing but their address. It is signed for one sign-in: a link from somewhere else, or of
somebody else, has nothing done.
"""

from itsdangerous import BadSignature, URLSafeTimedSerializer
from quart import Quart, request

from settings import Settings
from webapp.data import keys
from webapp.extensions import Extension
from webapp.models import Actor

MAX_AGE = 600  # seconds to find the password

signer: Extension[URLSafeTimedSerializer] = Extension("resume_signer", lambda settings: keys.signer(settings, "resume"))


def init_app(app: Quart, settings: Settings) -> None:
    signer.init_app(app, settings)


def promise(person: Actor) -> str:
    """For the page that asks for the proof: what this request asks for."""
    return signer().dumps([person.session_id, request.path])


def promised(given: str | None, person: Actor) -> str | None:
    """The path to send a POST to; None for what was promised to nobody, to somebody else, or too long ago."""
    try:
        session_id, path = signer().loads(given or "", max_age=MAX_AGE)
    except BadSignature:
        return None
    return str(path) if session_id == person.session_id else None
