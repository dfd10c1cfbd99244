"""How often one may guess: a password, the set-up key, or how many accounts one address may ask for.

An account is limited for each address by itself first, so that a stranger's guesses keep nobody out of their own
account; the much higher limit over all addresses bounds a guess by many machines.
"""

from dataclasses import dataclass, field
from typing import cast

from quart import Quart
from quart.blueprints import BlueprintSetupState

from webapp.auth import bp
from webapp.extensions import Extension, config
from webapp.web.throttle import Throttle, client

WINDOW = 600  # seconds


@dataclass(frozen=True)
class Throttles:
    address: Throttle = field(default_factory=lambda: Throttle(100, WINDOW))
    account_here: Throttle = field(default_factory=lambda: Throttle(10, WINDOW))
    account: Throttle = field(default_factory=lambda: Throttle(100, WINDOW))
    registration: Throttle = field(default_factory=lambda: Throttle(20, WINDOW))

    def begin_sign_in(self, email: str) -> None:
        """Count a try before it is made: many at once count as well. Raises TooManyRequests when there is none left."""
        here = client()
        _begin((self.address, here), (self.account_here, f"{email} {here}"), (self.account, email))

    def forget_sign_in(self, email: str) -> None:
        """The password was right. The address keeps its count: an account of one's own must not pay for guessing."""
        self.account_here.forget(f"{email} {client()}")
        self.account.forget(email)

    def begin_registration(self) -> None:
        _begin((self.registration, client()))


throttles: Extension[Throttles] = Extension("auth_throttles", lambda settings: Throttles())


@bp.record_once
def _make(state: BlueprintSetupState) -> None:
    app = cast(Quart, state.app)
    throttles.init_app(app, config.of(app))


def _begin(*tries: tuple[Throttle, str]) -> None:
    for throttle, key in tries:
        throttle.check(key)
    for throttle, key in tries:
        throttle.count(key)
