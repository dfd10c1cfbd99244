"""The notice at every sign-in: which factors sign in to this account, and since when.

It needs no record of what was shown, so that nobody who has got in before can make it disappear.
"""

from collections.abc import Iterator
from datetime import datetime

from webapp.extensions import db
from webapp.models import Passkey
from webapp.models.accounts.sign_in_methods import SignInMethods, sign_in_methods
from webapp.web.flashes import flash
from webapp.web.formatting import plural

MAX_SHOWN = 5  # passkeys, the newest; a message that is too long for its cookie would not be shown
MAX_NAME_SHOWN = 40  # characters


async def announce_sign_in_methods(user_id: int) -> None:
    """Say so on the next page, if anything besides the password signs in, or did until a promotion."""
    async with db().reading() as session:
        methods = await sign_in_methods(session, user_id)
    if sentences := list(_sentences(methods)):
        must_add = methods.ended_passkeys and not methods.passkeys
        flash(" ".join(sentences), "alert" if must_add else "done")


def _sentences(methods: SignInMethods) -> Iterator[str]:
    if names := methods.ended_passkeys:
        listed = ", ".join(f"“{_short(name)}”" for name in names[-MAX_SHOWN:])
        yield f"Your role was raised, so {plural(len(names), 'passkey')} ended: {listed}."
        if not methods.passkeys:  # all there are were added since
            yield "Add yours again."
    if factors := list(_factors(methods)):
        known = "Besides your password, these sign in" if methods.has_password else "These sign in"
        yield f"{known} to your account: {'; '.join(factors)}."
        yield "If one is not yours, remove it on the pages of your account, and change your password."


def _factors(methods: SignInMethods) -> Iterator[str]:
    if methods.has_totp:
        yield f"an authenticator app, added {_day(methods.totp_added_at)}"
    newest = methods.passkeys[-MAX_SHOWN:]
    for passkey in newest:
        yield _describe(passkey)
    if methods.has_password:  # else it is their way in, which they have just come by
        for identity in methods.identities:
            yield f"single sign-on as {_short(identity.email)}, since {_day(identity.created_at)}"
    if earlier := len(methods.passkeys) - len(newest):
        yield plural(earlier, "older passkey")


def _describe(passkey: Passkey) -> str:
    used = f"last used {_day(passkey.used_at)}" if passkey.used_at else "not used yet"
    return f"the passkey “{_short(passkey.name)}”, added {_day(passkey.created_at)}, {used}"


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME_SHOWN else f"{name[: MAX_NAME_SHOWN - 1]}…"


def _day(then: datetime | None) -> str:
    return f"{then.day} {then:%B %Y}" if then else "at an unknown date"
