"""How often one may guess: a password, a code, the set-up key, or ask for an account or a mail.

Guesses at an account are counted for each address by itself, and over all addresses, which bounds a guess by many
machines. A device that has signed in to the account before is counted by itself alone: however many strangers guess,
they keep nobody out of their own account on their own device. On a new device a person meanwhile gets in by a passkey,
or, without a second factor, by choosing a new password through their mail, which makes that device a known one.
"""

from dataclasses import dataclass, field
from math import ceil
from typing import cast

from quart import Quart, request
from quart.blueprints import BlueprintSetupState

from webapp.auth import bp
from webapp.auth.forms import GuardedForm
from webapp.extensions import Extension, config
from webapp.models import Event
from webapp.web.audit import record_soon
from webapp.web.throttle import Throttle, client

WINDOW = 600  # seconds
A_DAY = 86400  # seconds
NEW_DEVICE = (
    "Without waiting: on a device that has signed in before, with a passkey, or (without second factor) after a reset."
)
Try = tuple[Throttle, str]


@dataclass(frozen=True)
class Throttles:
    address: Throttle = field(default_factory=lambda: Throttle(100, WINDOW))
    known_device: Throttle = field(default_factory=lambda: Throttle(10, WINDOW))
    account_here: Throttle = field(default_factory=lambda: Throttle(10, WINDOW))
    account: Throttle = field(default_factory=lambda: Throttle(100, WINDOW))
    code: Throttle = field(default_factory=lambda: Throttle(10, WINDOW))
    # Of a million codes three are good at a time: whoever has the password guesses for years.
    codes_a_day: Throttle = field(default_factory=lambda: Throttle(60, A_DAY))
    confirmation: Throttle = field(default_factory=lambda: Throttle(10, WINDOW))
    registration: Throttle = field(default_factory=lambda: Throttle(20, WINDOW))
    checked_email: Throttle = field(default_factory=lambda: Throttle(60, WINDOW))
    link: Throttle = field(default_factory=lambda: Throttle(20, WINDOW))
    mail: Throttle = field(default_factory=lambda: Throttle(3, WINDOW))
    noted: Throttle = field(default_factory=lambda: Throttle(1, WINDOW))

    def sign_in(self, email: str, device: str | None) -> tuple[Try, ...]:
        """`device` is the name of one that has signed in to this account before."""
        here = client()
        if device is not None:
            return (self.address, here), (self.known_device, f"{email} {device}")
        return (self.address, here), (self.account_here, f"{email} {here}"), (self.account, email)

    def second_step(self, user_id: int, device: str | None) -> tuple[Try, ...]:
        key = str(user_id) if device is None else f"{user_id} {device}"
        return (self.code, key), (self.codes_a_day, key)

    def forget_sign_in(self, email: str, device: str | None) -> None:
        """The password was right. The address keeps its count: an account of one's own must not pay for guessing."""
        self.known_device.forget(f"{email} {device}")
        self.account_here.forget(f"{email} {client()}")

    def has_try_left(self, form: GuardedForm, *tries: Try) -> bool:
        """Count a try before it is made: many at once count as well. False, with the time to wait, if none is left."""
        for throttle, key in tries:
            if (wait := throttle.wait_for(key)) > 0:
                form.refuse_for(ceil(wait), _words(wait, NEW_DEVICE if throttle is self.account else ""))
                self._note(key)
                return False
        for throttle, key in tries:
            throttle.count(key)
        return True

    def is_free(self, throttle: Throttle, key: str) -> bool:
        """The same where there is no form to say it in."""
        if throttle.wait_for(key) > 0:
            return False
        throttle.count(key)
        return True

    def _note(self, key: str) -> None:
        """In the audit log once a while: who is refused a thousand times must not fill it."""
        if self.is_free(self.noted, key):
            record_soon(Event.THROTTLED, key.partition(" ")[0], place=request.endpoint)


throttles: Extension[Throttles] = Extension("auth_throttles", lambda settings: Throttles())


@bp.record_once
def _make(state: BlueprintSetupState) -> None:
    app = cast(Quart, state.app)
    throttles.init_app(app, config.of(app))


def refuse_flood(throttle: Throttle) -> None:
    """Count a try of this client. Raises TooManyRequests: for pages that have no form to say it in."""
    here = client()
    throttle.check(here)
    throttle.count(here)


def _words(wait: float, more: str) -> str:
    amount = f"{ceil(wait)} seconds" if wait <= 60 else f"{ceil(wait / 60)} minutes"
    return f"Too many tries. Please wait {amount} and try again. {more}".strip()
