"""Resumes a request that lacked a recent proof of identity: after the proof it runs without a second click.

Only for views that take nothing but their URL. The promise is signed for one sign-in, so a link from elsewhere or from
somebody else triggers nothing.
"""

from itsdangerous import BadSignature, URLSafeTimedSerializer
from quart import request

from webapp.db import keys
from webapp.extensions import Extension
from webapp.models import Actor

MAX_AGE = 600  # seconds people have to find their password

signer: Extension[URLSafeTimedSerializer] = Extension("resume_signer", lambda settings: keys.signer(settings, "resume"))


def sign(person: Actor) -> str:
    """For the page that asks for the proof: a signed note of what this request asked for."""
    return signer().dumps([person.session_id, request.path])


def verify(given: str | None, person: Actor) -> str | None:
    """Return the path to send a POST to; None if it was not promised, promised to somebody else, or too long ago."""
    try:
        session_id, path = signer().loads(given or "", max_age=MAX_AGE)
    except BadSignature:
        return None
    return str(path) if session_id == person.session_id else None
