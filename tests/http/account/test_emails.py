"""Changing the e-mail address: requested, confirmed by a link at the new one, announced at the old one."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from quart.testing import QuartClient
from sqlalchemy import update

from tests.events import events, names
from tests.helpers import ADA, PASSWORD, Person, sign_in
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.mails import letters
from tests.people import EVE, settle, window
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose, User, utc_now
from webapp.models.accounts.one_time_token import send_link
from webapp.web.application import Application
from webapp.web.mailer import mailer

NEW = "lovelace@example.org"


async def ask(client: QuartClient, address: str = NEW) -> None:
    answer = await client.post("/account/email", form={"email": address})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")


async def link_to(app: Application, address: str = NEW) -> str:
    """Path and query of the newest link that was sent there."""
    parts = urlsplit((await letters(app, address))[-1].link)
    return f"{parts.path}?{parts.query}"


async def confirm(client: QuartClient, link: str) -> int:
    answer = await client.post(urlsplit(link).path, form={"token": link.partition("token=")[2]})
    return int(answer.status_code)


async def test_the_address_changes_only_when_the_link_is_confirmed(app: Application, ada: QuartClient) -> None:
    await ask(ada, " Lovelace@Example.org ")
    html = await page(ada, "/account")
    assert f"<b>{ADA.email}</b>" in html
    assert f"<b>{NEW}</b> still has to be confirmed" in html
    link = await link_to(app)

    assert f"<b>{NEW}</b>" in await page(ada, link)  # looking changes nothing: scanners of mail look
    assert f"<b>{ADA.email}</b>" in await page(ada, "/account")
    assert await confirm(ada, link) == 303

    html = await page(ada, "/account")
    assert f"<b>{NEW}</b>" in html
    assert "still has to be confirmed" not in html
    await sign_in(app.test_client(), Person(NEW))
    (event,) = await events(app, "account.email_changed")
    assert (event.subject, event.details) == (NEW, {"before": ADA.email})


async def test_the_old_address_is_notified_of_the_request_and_of_the_change(app: Application, ada: QuartClient) -> None:
    await ask(ada)
    await confirm(ada, await link_to(app))

    asked, changed = await letters(app, ADA.email)
    assert f"is about to change its address to {NEW}" in asked.text
    assert f"to {NEW}. Mails about the account now go to" in changed.text


async def test_only_the_newest_link_works_and_only_once(app: Application, ada: QuartClient) -> None:
    await ask(ada)
    first = await link_to(app)
    await ask(ada)
    second = await link_to(app)

    assert await confirm(ada, first) == 410
    assert await confirm(ada, second) == 303
    assert await confirm(ada, second) == 410
    assert "does not work any more" in await page(ada, second, 410)


async def test_a_link_that_reached_somebody_else_works_for_nobody_but_its_requester(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    """A mistyped address is somebody's: they must not get the account by a click."""
    await ask(ada)
    link = await link_to(app)

    assert await confirm(eve, link) == 410
    stranger = app.test_client()
    assert (await stranger.get(link)).headers["Location"].startswith("/login")
    assert await confirm(stranger, link) == 303  # to the sign-in
    assert await confirm(ada, link) == 303  # and it was not used up by them


async def test_the_link_of_a_withdrawn_change_does_not_work(app: Application, ada: QuartClient) -> None:
    await ask(ada)
    link = await link_to(app)

    assert (await ada.post("/account/email/withdrawal")).status_code == 303

    assert "still has to be confirmed" not in await page(ada, "/account")
    assert await confirm(ada, link) == 410


async def test_an_expired_link_does_not_work(app: Application, ada: QuartClient) -> None:
    await ask(ada)

    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(OneTimeToken).values(expires_at=utc_now() - timedelta(seconds=1)))

    await db.of(app).write(age)

    assert await confirm(ada, await link_to(app)) == 410
    assert "still has to be confirmed" not in await page(ada, "/account")


async def test_only_the_mail_reveals_whether_an_address_has_an_account(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    await page(ada, "/account")
    await ask(ada, "free@example.org")
    free = await page(ada, "/account")
    await ask(ada, EVE.email)
    taken = await page(ada, "/account")

    assert free.replace("free@example.org", "X") == taken.replace(EVE.email, "X")
    (told,) = await letters(app, EVE.email)
    assert "already belongs to another account" in told.text
    assert "token" not in told.text


async def test_an_address_taken_since_the_request_is_not_assigned_twice(app: Application, ada: QuartClient) -> None:
    await ask(ada)
    link = await link_to(app)
    await settle(app, NEW)

    answer = await ada.post("/account/email/confirmation", form={"token": link.partition("token=")[2]})

    assert answer.status_code == 422
    assert "already an account with this address" in await text_of(answer)
    assert f"<b>{ADA.email}</b>" in await page(ada, "/account")
    await window(app, Person(NEW))


async def test_links_that_were_sent_to_the_old_address_stop_working(app: Application, ada: QuartClient) -> None:
    async def forget_password(work: UnitOfWork) -> None:
        await send_link(work, mailer, Purpose.RESET, await work.session.get_one(User, 1), "reset")

    async with app.test_request_context("/"):
        await db.of(app).write(forget_password)
    reset = urlsplit((await letters(app, ADA.email))[-1].link)
    await ask(ada)
    await confirm(ada, await link_to(app))

    async def unused(work: UnitOfWork) -> int:
        tokens = await work.session.execute(OneTimeToken.__table__.select().where(OneTimeToken.used_at.is_(None)))
        return len(tokens.all())

    assert reset.path
    assert await db.of(app).write(unused) == 0


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Type the new address"),
        ("ada", "@-sign"),
        ("ada@", "after the @-sign"),
        ("a@b@c.org", "@-sign"),
        (ADA.email.upper(), "your address already"),
        ("x" * 300 + "@example.org", "too long"),
        ("nul\0@example.org", "cannot be kept"),
        ("ada@example.org\r\nBcc: all@example.org", "@-sign"),
    ],
)
async def test_an_invalid_new_address_is_refused_beside_the_field(
    app: Application, ada: QuartClient, address: str, words: str
) -> None:
    answer = await ada.post("/account/email", form={"email": address})

    html = await text_of(answer)
    assert answer.status_code == 422
    assert 'id="email-error"' in html
    assert words in html
    assert await letters(app) == []


async def test_the_number_of_mails_to_new_addresses_is_limited(ada: QuartClient) -> None:
    for _ in range(5):
        await ask(ada)

    answer = await ada.post("/account/email", form={"email": NEW})

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("token", ["", "x", "a\0b", "x" * 300])
async def test_an_invalid_token_changes_nothing(app: Application, ada: QuartClient, token: str) -> None:
    asked = await ada.get("/account/email/confirmation", query_string={"token": token})
    given = await ada.post("/account/email/confirmation", form={"token": token})

    assert (asked.status_code, given.status_code) == (410, 410)
    assert "account.email_changed" not in await names(app)


async def test_changing_the_address_requires_a_fresh_sign_in(app: Application, ada: QuartClient) -> None:
    await make_session_stale(app)

    assert (await ada.get("/account/email")).headers["Location"] == "/login/confirm?next=/account/email"
    assert (await ada.post("/account/email", form={"email": NEW})).status_code == 303
    assert await letters(app) == []
    await ada.post("/login/confirm?next=/account/email", form={"password": PASSWORD})
    await ask(ada)
