"""The mails accounts are about: what each says stands in `templates/mail/NAME.txt`.

Call these inside a verb of a request: the mail is written down with what it is about, and both or neither are there.
"""

from quart import url_for

from webapp.data.uow import UnitOfWork
from webapp.models import OneTimeToken, Purpose, Role, User
from webapp.web.mail import letter, post

# What people are told afterwards, so that they notice when it was not them: template -> subject.
NOTICES = {
    "password_changed": "Your password was changed",
    "email_change_asked": "Your address is about to change",
    "email_changed": "Your address was changed",
    "second_factor_added": "Signing in now takes a second step",
    "second_factor_removed": "Signing in no longer takes a second step",
    "recovery_code_used": "A recovery code was used",
    "recovery_codes_made": "New recovery codes were made",
    "passkey_added": "A passkey was added",
    "passkey_removed": "A passkey was removed",
    "token_made": "An API token was made",
    "new_device": "A sign-in from a new device",
}


async def send_verification(work: UnitOfWork, user: User) -> None:
    """Ask whether mail to this address reaches them; an earlier question ends."""
    token = await OneTimeToken.issue(work, Purpose.VERIFY, user_id=user.id, email=user.email)
    path = url_for("auth.verify", token=token)
    await post(work, letter("verification", user.email, "Confirm your address", path), user.id)


async def send_reset(work: UnitOfWork, user: User) -> None:
    """A link to choose a new password with; an earlier one ends."""
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=user.id, email=user.email)
    path = url_for("auth.reset_edit", token=token)
    await post(work, letter("reset", user.email, "Choose a new password", path), user.id)


async def send_invitation(work: UnitOfWork, email: str, token: str, *, role: Role, inviter: str) -> None:
    """`inviter` is an address: a name could say anything, and would say it in our name."""
    path = url_for("auth.invitation", token=token)
    await post(work, letter("invitation", email, "You are invited to Rowcast", path, role=role, inviter=inviter))


async def send_email_change(work: UnitOfWork, user: User, new_email: str, token: str, path: str) -> None:
    """To the new address, which has to say yes. The old one is told by the notice `email_change_asked`."""
    await post(work, letter("email_change", new_email, "Confirm your new address", path, old_email=user.email), user.id)


async def send_notice(
    work: UnitOfWork, user: User, template: str, /, *, to: str | None = None, **context: object
) -> None:
    """Tell somebody what happened to their account; `to` is an address that is not theirs any more."""
    await post(work, letter(template, to or user.email, NOTICES[template], url_for("auth.reset"), **context), user.id)
