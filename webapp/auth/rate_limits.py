"""Limits on guessing passwords, codes and the set-up key, and on requesting accounts and mails.

Guesses at an account are counted per address, and over all addresses, which bounds distributed guessing. A device that
has signed in to the account before is counted separately: however many strangers guess, they lock nobody out of their
own account on their own device. On a new device people can still use a passkey, or, without a second factor, choose a
new password by mail, which makes that device a known one.
"""

from math import ceil

from quart import request

from webapp.auth.forms import RateLimitedForm
from webapp.extensions import Extension
from webapp.models import Event, User
from webapp.web.audit import record_soon
from webapp.web.csrf import SAFE_METHODS
from webapp.web.known_devices import known_device
from webapp.web.rate_limit.limits import Hit, RateLimit, hit_all, too_many
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import current_user_or_none

TEN_MINUTES, AN_HOUR, A_DAY = 600, 3600, 86400  # seconds
SIGN_OUT = {"auth.logout", "auth.logout_everywhere"}
NEW_DEVICE = (
    "Without waiting: on a device that has signed in before, with a passkey, or (without second factor) after a reset."
)


class RateLimits:
    def __init__(self) -> None:
        self.address = RateLimit("auth.address", 100, TEN_MINUTES)
        self.known_device = RateLimit("auth.known_device", 10, TEN_MINUTES)
        self.account_from_address = RateLimit("auth.account_from_address", 10, TEN_MINUTES)
        self.account = RateLimit("auth.account", 100, TEN_MINUTES)
        self.code = RateLimit("auth.code", 10, TEN_MINUTES)
        # Three of a million codes are valid at a time: guessing takes years, even with the password.
        self.codes_a_day = RateLimit("auth.codes_a_day", 60, A_DAY)
        # All devices together. Unknown ones have at most 60 of these, so they leave enough for a known one.
        self.account_codes_a_day = RateLimit("auth.account_codes_a_day", 200, A_DAY)
        self.confirmation = RateLimit("auth.confirmation", 10, TEN_MINUTES)
        self.registration = RateLimit("auth.registration", 20, TEN_MINUTES)
        self.email_check = RateLimit("auth.email_check", 60, TEN_MINUTES)
        self.link = RateLimit("auth.link", 20, TEN_MINUTES)
        self.mail = RateLimit("auth.mail", 3, TEN_MINUTES)
        self.audit_entry = RateLimit("auth.audit_entry", 1, TEN_MINUTES)
        # Per address. Nobody guesses a signature; these bound the work strangers can cause.
        self.passkey_options = RateLimit("auth.passkey_options", 100, TEN_MINUTES)
        self.passkey_response = RateLimit("auth.passkey_response", 50, TEN_MINUTES)
        # Both the way there and the way back ask the provider something.
        self.single_sign_on = RateLimit("auth.single_sign_on", 300, TEN_MINUTES)
        # Per signed-in person: an unattended or stolen session must not allow guessing, or flooding a mailbox.
        self.own_guess = RateLimit("account.guess", 10, TEN_MINUTES)
        self.email_change = RateLimit("account.email_change", 5, AN_HOUR)
        # Each writes a row of the audit log, which nobody should be able to fill.
        self.own_changes = RateLimit("account.changes", 60, TEN_MINUTES)

    def sign_in(self, email: str, device: str | None) -> tuple[Hit, ...]:
        """`device` is the name of a device that has signed in to this account before."""
        if device is not None:
            return (self.address, client_address()), (self.known_device, f"{email} {device}")
        return (
            (self.address, client_address()),
            (self.account_from_address, f"{email} {client_address()}"),
            (self.account, email),
        )

    def code_tries(self, user: User) -> tuple[Hit, ...]:
        """For every place that takes a code of the second factor: they count together."""
        device = known_device(user)
        key = str(user.id) if device is None else f"{user.id} {device}"
        return (self.code, key), (self.codes_a_day, key), (self.account_codes_a_day, str(user.id))

    async def give_back(self, *tries: Hit) -> None:
        """They were right, so they were no guesses. Wrong ones before them still count."""
        for limit, key in tries:
            await limit.give_back(key)

    async def reset_sign_in(self, email: str, device: str | None) -> None:
        """The password was right. The address keeps its count, so that one's own account does not pay for guessing at
        others.
        """
        await self.known_device.reset(f"{email} {device}")
        await self.account_from_address.reset(f"{email} {client_address()}")

    async def allow(self, form: RateLimitedForm, *tries: Hit) -> bool:
        """Count a try before it is made, so that concurrent tries count. False, with the time to wait in the form, if
        none is left.
        """
        exceeded = await hit_all(*tries)
        if exceeded is None:
            return True
        text = f"{too_many(exceeded.retry_after)} {NEW_DEVICE if exceeded.limit is self.account else ''}"
        form.refuse_for(ceil(exceeded.retry_after), text.strip())
        # Only now and then, so that a thousand refusals do not flood the audit log.
        if await self.audit_entry.try_hit(exceeded.key):
            record_soon(Event.RATE_LIMITED, exceeded.key.partition(" ")[0], place=request.endpoint)
        return False


async def limit_own_changes() -> None:
    """Before every request to one's account. Signing out is never refused."""
    actor = current_user_or_none()
    if request.method in SAFE_METHODS or actor is None or request.endpoint in SIGN_OUT:
        return
    await rate_limits().own_changes.hit(str(actor.id))


rate_limits: Extension[RateLimits] = Extension("auth_rate_limits", lambda app: RateLimits())
