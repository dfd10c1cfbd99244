"""After a successful proof of identity: the session starts, and a device new to the person is announced by mail."""

from webapp.extensions import config, db
from webapp.models import User, utc_now
from webapp.web.known_devices import known_device
from webapp.web.mailer import mailer
from webapp.web.session import device, sign_in


async def complete_login(user: User, *, remembered: bool, method: str = "password", is_strong: bool = False) -> None:
    """Sign in. The new-device mail is only written where mail is sent at all."""
    is_new = known_device(user.id) is None
    await sign_in(user, remembered=remembered, method=method, is_strong=is_strong)
    if is_new and config().smtp_url.get_secret_value():
        when = f"{utc_now():%d %B %Y at %H:%M} UTC"
        await db().write(mailer.send, "new_device", user.email, user_id=user.id, address=device().address, when=when)
