"""Mails to people: rendered from `templates/mail/NAME.txt`, put into the outbox in the unit of work they belong to."""

from typing import Any

import structlog
from markupsafe import Markup
from quart import Quart
from sqlalchemy import select

from settings import Settings
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, jobs, sealer
from webapp.models import Role, User
from webapp.models.mail import Letter, post_mail
from webapp.web import templating
from webapp.web.hosts import own_origin, public_origin
from webapp.web.oidc.choices import takes_password
from webapp.web.paths import url_for

log = structlog.get_logger("rowcast.mail")

# Template -> subject, and the endpoint its link leads to. Notices lead to where a stranger's change can be undone.
TEMPLATES: dict[str, tuple[str, str | None]] = {
    "verification": ("Confirm your address", "auth.verify"),
    "reset": ("Choose a new password", "auth.reset_edit"),
    "welcome": ("You have an account", "auth.reset_edit"),
    "invitation": ("You are invited to Rowcast", "auth.invitation"),
    "email_change": ("Confirm your new address", "account.email_confirmation"),
    "email_taken": ("You have an account already", "auth.login"),
    "account_deleted": ("Your account is deleted", None),
    "password_changed": ("Your password was changed", "auth.reset"),
    "email_change_asked": ("Your address is about to change", "auth.reset"),
    "email_changed": ("Your address was changed", "auth.reset"),
    "second_factor_added": ("Signing in now takes a second step", "auth.reset"),
    "second_factor_replaced": ("Your authenticator app was replaced", "auth.reset"),
    "second_factor_removed": ("Signing in no longer takes a second step", "auth.reset"),
    "recovery_code_used": ("A recovery code was used", "auth.reset"),
    "recovery_codes_made": ("New recovery codes were created", "auth.reset"),
    "passkey_added": ("A passkey was added", "auth.reset"),
    "passkey_removed": ("A passkey was removed", "auth.reset"),
    "identity_added": ("Single sign-on signs in to your account", "auth.reset"),
    "identity_removed": ("Single sign-on no longer signs in to your account", "auth.reset"),
    "token_made": ("An API token was created", "auth.reset"),
    "webhook_off": ("A webhook was switched off", None),
    "new_device": ("A sign-in from a new device", "auth.reset"),
}


# Where links lead instead for people whose passwords the server does not take.
WITHOUT_PASSWORDS = {
    "welcome": "auth.login",
    **{template: "account.devices" for template, (_, endpoint) in TEMPLATES.items() if endpoint == "auth.reset"},
}


class WebMailer:
    """Renders mails within a request, whose origin their links have. Implements `webapp.models.mail.Mailer`."""

    @property
    def confirms_addresses(self) -> bool:
        return config().can_confirm_addresses

    async def send(
        self,
        work: UnitOfWork,
        /,
        template: str,
        recipient: str,
        *,
        user_id: int | None = None,
        token: str | None = None,
        **context: Any,
    ) -> None:
        """Put it into the outbox; it is sent once the unit of work is committed.

        Without a mail server it stays there: an administrator passes the link on, and in development the log shows it.
        """
        provider = await _instead_of_password(work, user_id, context.get("role"))
        letter = render_letter(template, recipient, own_origin(), token=token, single_sign_on=provider, **context)
        await post_letter(work, letter, user_id)


mailer = WebMailer()


def init_app(app: Quart, settings: Settings) -> None:
    jobs.of(app).mailer = BackgroundMailer(app)


class BackgroundMailer:
    """The same outside a request, for notices whose link is a page of this server: `page` is its path. Without a public
    origin the link leads to the host and port that the server listens on.
    """

    def __init__(self, app: Quart) -> None:
        self._app = app

    @property
    def confirms_addresses(self) -> bool:
        return config.of(self._app).can_confirm_addresses

    async def send(
        self,
        work: UnitOfWork,
        /,
        template: str,
        recipient: str,
        *,
        user_id: int | None = None,
        token: str | None = None,
        page: str = "",
        **context: Any,
    ) -> None:
        settings = config.of(self._app)
        origin = public_origin(settings) or f"http://{settings.host}:{settings.port}"
        async with self._app.app_context():
            provider = await _instead_of_password(work, user_id, context.get("role"))
            letter = render_letter(template, recipient, origin, page=page, single_sign_on=provider, **context)
            await post_letter(work, letter, user_id)


async def post_letter(work: UnitOfWork, letter: Letter, user_id: int | None) -> None:
    """Put it into the outbox, and have it sent if there is a mail server."""
    mail = await post_mail(work, letter, sealer(), user_id)
    if config().sends_mail:
        work.enqueue("send_mail", mail.id)
    elif config().is_development:
        work.after_commit(lambda: log.info("a mail was not sent", to=letter.recipient, link=letter.link))


def render_letter(
    template: str,
    recipient: str,
    origin: str,
    *,
    token: str | None = None,
    page: str = "",
    single_sign_on: str | None = None,
    **context: Any,
) -> Letter:
    """The HTML part is made of the same paragraphs as the text, so that both say the same. `page` is the path that the
    link of a notice without an endpoint leads to; `single_sign_on` is what the recipient signs in through, if the
    server takes no password of theirs.
    """
    subject, endpoint = TEMPLATES[template]
    if single_sign_on and template in WITHOUT_PASSWORDS:
        endpoint, token = WITHOUT_PASSWORDS[template], None
    link = f"{origin}{url_for(endpoint, token=token) if token else url_for(endpoint)}" if endpoint else ""
    link = f"{origin}{page}" if page else link
    values = {"link": link, "subject": subject, "origin": origin, "recipient": recipient, **_in_one_line(context)}
    values |= {"reset_url": f"{origin}{url_for('auth.reset')}", "single_sign_on": single_sign_on}
    text = _plain(templating.render(f"mail/{template}.txt", **values))
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n")]
    html = str(templating.render("mail/letter.html", paragraphs=paragraphs, **values))
    return Letter(recipient=recipient, subject=subject, text=text, html=html, link=link)


async def _instead_of_password(work: UnitOfWork, user_id: int | None, role: str | None) -> str | None:
    """What somebody signs in through if the server takes no password of theirs; `role` is that of a new account."""
    if takes_password(Role.MEMBER):  # everybody's
        return None
    if role is None and user_id is not None:
        role = await work.session.scalar(select(User.role).where(User.id == user_id))
    return None if role is not None and takes_password(role) else config().oidc_name


def _in_one_line(context: dict[str, Any]) -> dict[str, Any]:
    """Keep names that people choose from looking like a paragraph of ours."""
    return {name: " ".join(value.split()) if isinstance(value, str) else value for name, value in context.items()}


def _plain(rendered: Markup) -> str:
    """Text templates are escaped like all others, so that no exception has to be remembered; this undoes it."""
    return rendered.unescape().strip() + "\n"
