"""The mails about accounts; their texts are in `templates/mail/NAME.txt`.

Call these inside a verb of a request: the mail is stored in the same transaction as the change it is about.
"""

from quart import url_for

from webapp.data.uow import UnitOfWork
from webapp.models import OneTimeToken, Purpose, Role, User
from webapp.web.mail import letter, post

# Notices sent after a change, so that people notice if it was not them: template -> subject.
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
    """Ask for confirmation that the address is theirs; an earlier link stops working."""
    token = await OneTimeToken.issue(work, Purpose.VERIFY, user_id=user.id, email=user.email)
    path = url_for("auth.verify", token=token)
    await post(work, letter("verification", user.email, "Confirm your address", path), user.id)


async def send_reset(work: UnitOfWork, user: User) -> None:
    """Send a link to choose a new password; an earlier one stops working."""
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=user.id, email=user.email)
    path = url_for("auth.reset_edit", token=token)
    await post(work, letter("reset", user.email, "Choose a new password", path), user.id)


async def send_invitation(work: UnitOfWork, email: str, token: str, *, role: Role, inviter: str) -> None:
    """`inviter` is an address: a name could contain any text, and would speak in our name."""
    path = url_for("auth.invitation", token=token)
    await post(work, letter("invitation", email, "You are invited to Rowcast", path, role=role, inviter=inviter))


async def send_email_change(work: UnitOfWork, user: User, new_email: str, token: str, path: str) -> None:
    """To the new address, for confirmation. The notice `email_change_asked` informs the old one."""
    await post(work, letter("email_change", new_email, "Confirm your new address", path, old_email=user.email), user.id)


async def send_notice(
    work: UnitOfWork, user: User, template: str, /, *, to: str | None = None, **context: object
) -> None:
    """Tell people what happened to their account; `to` is for an address that is no longer theirs."""
    await post(work, letter(template, to or user.email, NOTICES[template], url_for("auth.reset"), **context), user.id)
