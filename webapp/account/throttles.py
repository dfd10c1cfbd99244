"""How often somebody who is signed in may guess a code or a password, and have mails sent."""

from dataclasses import dataclass, field
from typing import cast

from quart import Quart
from quart.blueprints import BlueprintSetupState

from webapp.account import bp
from webapp.extensions import Extension, config
from webapp.web.throttle import Throttle


@dataclass(frozen=True)
class Throttles:
    """By person: a session that was left open or stolen must not be good for guessing."""

    guess: Throttle = field(default_factory=lambda: Throttle(10, 600))
    mail: Throttle = field(default_factory=lambda: Throttle(5, 3600))

    def begin_guess(self, user_id: int) -> None:
        """Raises TooManyRequests. Counted before it is looked at, so that many at once count."""
        self.guess.check(str(user_id))
        self.guess.count(str(user_id))

    def forget_guess(self, user_id: int) -> None:
        self.guess.forget(str(user_id))

    def begin_mail(self, user_id: int) -> None:
        self.mail.check(str(user_id))
        self.mail.count(str(user_id))


throttles: Extension[Throttles] = Extension("account_throttles", lambda settings: Throttles())


@bp.record_once
def _make(state: BlueprintSetupState) -> None:
    app = cast(Quart, state.app)
    throttles.init_app(app, config.of(app))
