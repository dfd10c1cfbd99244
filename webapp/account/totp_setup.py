"""Setting up an authenticator app: the secret before its first code is confirmed.

An unconfirmed secret exists only in the page, encrypted and bound to its person and to the credentials they had when it
was shown: leaving the page changes nothing.
"""

import json
from textwrap import wrap

import pyotp
import segno
from markupsafe import Markup
from quart import Response

from webapp.account.forms import NewSecondFactorForm
from webapp.auth.responses import render_form
from webapp.extensions import sealer
from webapp.models import Actor
from webapp.models.accounts.second_factor import NewTotp
from webapp.web.hosts import own_origin

MAX_SETUP_SECONDS = 3600  # between showing the secret and its first code


async def render_setup(template: str, form: NewSecondFactorForm, actor: Actor, version: str) -> Response:
    """The page with the secret, the same while the form is refused; `version` is of the credentials it replaces."""
    new = unseal(form, actor) or NewTotp(pyotp.random_base32(), version)
    data = {"for": actor.id, "secret": new.secret, "replaces": new.replaces}
    form["sealed"].data = sealer().encrypt(json.dumps(data).encode()).decode()
    grouped, qr_code = " ".join(wrap(new.secret, 4)), _qr_code(actor, new.secret)
    return await render_form(template, form, secret=grouped, qr_code=qr_code)


def unseal(form: NewSecondFactorForm, actor: Actor) -> NewTotp | None:
    """What the page gave to this person earlier; None if it is too old or not theirs."""
    try:
        data = json.loads(sealer().decrypt(form["sealed"].data or "", ttl=MAX_SETUP_SECONDS))
    except ValueError:  # not encrypted here, or no JSON
        return None
    if not isinstance(data, dict) or data.get("for") != actor.id:
        return None
    return NewTotp(data["secret"], data.get("replaces", ""))


def _qr_code(actor: Actor, secret: str) -> Markup:
    host = own_origin().partition("://")[2]
    uri = pyotp.TOTP(secret).provisioning_uri(name=actor.email, issuer_name=f"Rowcast {host}".replace(":", " "))
    svg = segno.make(uri, micro=False, error="m").svg_inline(omitsize=True, svgclass="qr", lineclass=None)
    # Generated here: the text is in it only as a picture, in the colours of the style sheet.
    return Markup(svg.replace("#000", "currentColor"))  # noqa: S704
