"""Limits for signed-in people on guessing codes and passwords, and on having mails sent."""

from webapp.extensions import Extension
from webapp.web.rate_limit.limits import RateLimit


class Throttles:
    """Per person: an unattended or stolen session must not allow guessing."""

    def __init__(self) -> None:
        self.guess = RateLimit("account.guess", 10, 600)
        self.mail = RateLimit("account.mail", 5, 3600)

    async def begin_guess(self, user_id: int) -> None:
        """Raises TooManyRequests. Counted before the guess is checked, so that concurrent guesses count."""
        await self.guess.hit(str(user_id))

    async def forget_guess(self, user_id: int) -> None:
        await self.guess.reset(str(user_id))

    async def begin_mail(self, user_id: int) -> None:
        await self.mail.hit(str(user_id))


throttles: Extension[Throttles] = Extension("account_throttles", lambda settings: Throttles())
