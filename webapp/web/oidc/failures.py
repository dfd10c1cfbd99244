"""Why a sign-in through the provider came to nothing."""

from webapp.db.errors import UserError


class ProviderFailure(UserError):
    """`reason` is for the log and the audit log; the person is told what to do, and nothing a stranger has written."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class NoProvider(ProviderFailure):
    def __init__(self) -> None:
        super().__init__("no provider", "This server has no single sign-on. Sign in in another way.")


class Unreachable(ProviderFailure):
    """The provider is down, slow, or does not speak the protocol."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The single sign-on does not answer as it should. Try again in a minute.")


class AnswerRefused(ProviderFailure):
    """What came back is not an answer to this sign-in: forged, old, used, or another browser's."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason, "This sign-in was not accepted: it took too long, was used already, or began elsewhere. Try again."
        )


class Declined(ProviderFailure):
    """The provider says that it signs nobody in, or the person has said so there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The single sign-on did not sign you in. Try again, or ask whoever runs it.")
