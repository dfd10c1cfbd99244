"""Limits on guessing passwords, codes and the set-up key, and on requesting accounts and mails.

Guesses at an account are counted per address, and over all addresses, which bounds distributed guessing. A device that
has signed in to the account before is counted separately: however many strangers guess, they lock nobody out of their
own account on their own device. On a new device people can still use a passkey, or, without a second factor, choose a
new password by mail, which makes that device a known one.
"""

from math import ceil

from quart import request

from webapp.auth.forms import GuardedForm
from webapp.extensions import Extension
from webapp.models import Event
from webapp.web.audit import record_soon
from webapp.web.rate_limit.limits import Hit, RateLimit, hit_all, too_many
from webapp.web.rate_limit.requests import client_address

WINDOW = 600  # seconds
A_DAY = 86400  # seconds
NEW_DEVICE = (
    "Without waiting: on a device that has signed in before, with a passkey, or (without second factor) after a reset."
)


class Throttles:
    def __init__(self) -> None:
        self.address = RateLimit("auth.address", 100, WINDOW)
        self.known_device = RateLimit("auth.known_device", 10, WINDOW)
        self.account_here = RateLimit("auth.account_here", 10, WINDOW)
        self.account = RateLimit("auth.account", 100, WINDOW)
        self.code = RateLimit("auth.code", 10, WINDOW)
        # Three of a million codes are valid at a time: guessing takes years, even with the password.
        self.codes_a_day = RateLimit("auth.codes_a_day", 60, A_DAY)
        self.confirmation = RateLimit("auth.confirmation", 10, WINDOW)
        self.registration = RateLimit("auth.registration", 20, WINDOW)
        self.checked_email = RateLimit("auth.checked_email", 60, WINDOW)
        self.link = RateLimit("auth.link", 20, WINDOW)
        self.mail = RateLimit("auth.mail", 3, WINDOW)
        self.noted = RateLimit("auth.noted", 1, WINDOW)

    def sign_in(self, email: str, device: str | None) -> tuple[Hit, ...]:
        """`device` is the name of a device that has signed in to this account before."""
        here = client_address()
        if device is not None:
            return (self.address, here), (self.known_device, f"{email} {device}")
        return (self.address, here), (self.account_here, f"{email} {here}"), (self.account, email)

    def second_step(self, user_id: int, device: str | None) -> tuple[Hit, ...]:
        key = str(user_id) if device is None else f"{user_id} {device}"
        return (self.code, key), (self.codes_a_day, key)

    async def forget_sign_in(self, email: str, device: str | None) -> None:
        """The password was right. The address keeps its count, so that one's own account does not pay for guessing at
        others.
        """
        await self.known_device.reset(f"{email} {device}")
        await self.account_here.reset(f"{email} {client_address()}")

    async def has_try_left(self, form: GuardedForm, *tries: Hit) -> bool:
        """Count a try before it is made, so that concurrent tries count. False, with the time to wait, if none is
        left.
        """
        refusal = await hit_all(*tries)
        if refusal is None:
            return True
        words = f"{too_many(refusal.retry_after)} {NEW_DEVICE if refusal.limit is self.account else ''}"
        form.refuse_for(ceil(refusal.retry_after), words.strip())
        await self._note(refusal.key)
        return False

    async def _note(self, key: str) -> None:
        """Write to the audit log only now and then, so that a thousand refusals do not flood it."""
        if await self.noted.try_hit(key):
            record_soon(Event.THROTTLED, key.partition(" ")[0], place=request.endpoint)


throttles: Extension[Throttles] = Extension("auth_throttles", lambda settings: Throttles())
