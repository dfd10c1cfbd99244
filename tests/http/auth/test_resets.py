"""A forgotten password: the same response for every address, a link that works once, and all other access ends."""

import asyncio
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from tests.events import events, names
from tests.helpers import ADA, GRACE, PASSWORD, Person, is_signed_in, sign_in, sign_out, sign_up
from tests.http.auth.conftest import add_second_factor, code
from tests.mails import letters, newest_link
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import ApiToken, OneTimeToken, Purpose, Scope
from webapp.web.application import Application

NEW = "a quite different sentence"
FORM = {"password": NEW, "confirmation": NEW}


async def ask(app: Application, email: str, **more: Any) -> Any:
    return await app.test_client().post("/reset", form={"email": email}, **more)


async def link(app: Application, email: str = ADA.email) -> str:
    await ask(app, email)
    return await newest_link(app, email)


async def change(app: Application, statement: str) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.session.execute(text(statement))

    await db.of(app).write(write)


async def test_a_reset_by_mailed_link_ends_sessions_and_tokens(app: Application, ada: QuartClient) -> None:
    issue = {"name": "script", "scope": Scope.READ, "expires_at": None}
    await db.of(app).write(ApiToken.issue, 1, **issue)
    client = app.test_client()

    asked = await client.post("/reset", form={"email": " ADA@example.org"})
    path = await newest_link(app, ADA.email)
    page = await (await client.get(path)).get_data(as_text=True)
    answer = await client.post(path, form=FORM)

    assert (asked.status_code, asked.headers["Location"]) == (303, "/login")
    assert ADA.email in page
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not await is_signed_in(ada)  # everywhere
    assert not await is_signed_in(client)  # nor does the link sign in
    assert (await client.post("/login", form={"email": ADA.email, "password": PASSWORD})).status_code == 422
    await sign_in(client, Person(ADA.email, NEW))
    async with db.of(app).reading() as session:
        assert (await session.execute(text("SELECT revoked_at IS NULL FROM api_tokens"))).scalar_one() == 0
    assert [letter.subject for letter in await letters(app)] == ["Choose a new password", "Your password was changed"]
    assert {"password.reset_asked", "password.reset"} <= set(await names(app))


async def test_every_address_gets_the_same_response(app: Application, ada: QuartClient) -> None:
    said = []
    for email in (ADA.email, "nobody@example.org"):
        client = app.test_client()
        answer = await client.post("/reset", form={"email": email})
        page = await (await client.get(answer.headers["Location"])).get_data(as_text=True)
        said.append((answer.status_code, answer.headers["Location"], page.replace(email, "X")))

    assert said[0] == said[1]
    assert "If X has an account here" in said[0][2]
    assert [letter.recipient for letter in await letters(app)] == [ADA.email]


async def test_no_mail_is_written_before_the_response(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timing reveals nothing: every address causes the same work, and the rest happens afterwards."""
    allowed = asyncio.Event()
    write = type(db.of(app))._run

    async def held(self: Any, verb: Any, *args: Any, **kwargs: Any) -> Any:
        await allowed.wait()
        return await write(self, verb, *args, **kwargs)

    monkeypatch.setattr(type(db.of(app)), "_run", held)
    async with asyncio.timeout(5):
        for email in (ADA.email, "nobody@example.org"):
            assert (await ask(app, email)).status_code == 303
    allowed.set()

    assert [letter.recipient for letter in await letters(app)] == [ADA.email]
    assert [one.details["sent"] for one in await events(app, "password.reset_asked")] == [True, False]


async def test_a_deactivated_person_gets_no_link(app: Application, ada: QuartClient) -> None:
    await change(app, "UPDATE users SET is_active = false")

    assert (await ask(app, ADA.email)).status_code == 303

    assert await letters(app) == []


async def test_a_person_deactivated_since_cannot_use_the_link(app: Application, ada: QuartClient) -> None:
    path = await link(app)
    await change(app, "UPDATE users SET is_active = false")

    assert (await app.test_client().post(path, form=FORM)).status_code == 410


async def test_opening_the_link_does_not_use_it_up(app: Application, ada: QuartClient) -> None:
    path = await link(app)

    for _ in range(3):
        assert (await app.test_client().get(path)).status_code == 200
        assert (await app.test_client().head(path)).status_code == 200
    refused = await app.test_client().post(path, form=FORM | {"confirmation": "another"})

    assert refused.status_code == 422
    assert (await app.test_client().post(path, form=FORM)).status_code == 303


async def test_the_link_works_once(app: Application, ada: QuartClient) -> None:
    path = await link(app)
    assert (await app.test_client().post(path, form=FORM)).status_code == 303

    again = await app.test_client().post(path, form={"password": "yet another sentence", "confirmation": "x"})

    assert again.status_code == 410
    assert "does not work any more" in await again.get_data(as_text=True)
    await sign_in(app.test_client(), Person(ADA.email, NEW))


async def test_of_many_concurrent_uses_of_a_link_exactly_one_succeeds(app: Application, ada: QuartClient) -> None:
    path = await link(app)
    passwords = [f"sentence number {n} of five" for n in range(5)]

    answers = await asyncio.gather(
        *(app.test_client().post(path, form={"password": one, "confirmation": one}) for one in passwords)
    )

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410]
    winner = [answer.status_code for answer in answers].index(303)
    await sign_in(app.test_client(), Person(ADA.email, passwords[winner]))


async def test_expired_and_superseded_links_do_not_work(app: Application, ada: QuartClient) -> None:
    first = await link(app)
    second = await link(app)
    assert (await app.test_client().get(first)).status_code == 410
    assert (await app.test_client().get(second)).status_code == 200

    await change(app, "UPDATE one_time_tokens SET expires_at = '2026-01-01 00:00:00.000000'")

    assert (await app.test_client().get(second)).status_code == 410
    assert (await app.test_client().post(second, form=FORM)).status_code == 410


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.RESET])
async def test_a_token_of_another_purpose_resets_nothing(app: Application, ada: QuartClient, purpose: Purpose) -> None:
    token = await db.of(app).write(OneTimeToken.issue, purpose, user_id=1, email=ADA.email)

    assert (await app.test_client().get(f"/reset/{token}")).status_code == 410
    assert (await app.test_client().post(f"/reset/{token}", form=FORM)).status_code == 410
    assert await is_signed_in(ada)


async def test_a_link_sent_to_an_earlier_address_does_not_work(app: Application, ada: QuartClient) -> None:
    path = await link(app)
    await change(app, "UPDATE users SET email = 'ada@elsewhere.example'")

    assert (await app.test_client().post(path, form=FORM)).status_code == 410


async def test_a_reset_does_not_bypass_the_second_factor(app: Application, ada: QuartClient) -> None:
    await add_second_factor(app)
    client = app.test_client()
    await client.post(await link(app), form=FORM)

    answer = await client.post("/login", form={"email": ADA.email, "password": NEW})

    assert answer.headers["Location"] == "/login/code"
    assert not await is_signed_in(client)
    assert (await client.post("/login/code", form={"code": code()})).status_code == 303


async def test_a_reset_at_an_unverified_address_removes_all_other_access(
    open_app: Application,
) -> None:
    """Somebody signed up with the address of another, added a second factor, and waits."""
    squatter = open_app.test_client()
    await sign_up(squatter, GRACE)
    await add_second_factor(open_app, 2)

    client = open_app.test_client()
    await client.post(await link(open_app, GRACE.email), form=FORM)

    await sign_in(client, Person(GRACE.email, NEW))
    assert not await is_signed_in(squatter)
    async with db.of(open_app).reading() as session:
        kept = await session.execute(
            text("SELECT verified_at IS NOT NULL, (SELECT count(*) FROM recovery_codes) FROM users WHERE id = 2")
        )
        assert kept.one() == (1, 0)


@pytest.mark.parametrize("has_factor", [True, False], ids=["with a second factor", "without"])
async def test_a_link_passed_on_by_hand_removes_no_second_factor_and_confirms_no_address(
    open_app: Application, has_factor: bool
) -> None:
    """Such a link does not prove access to the mailbox: an administrator may be using it."""
    await sign_up(open_app.test_client(), GRACE)
    if has_factor:
        await add_second_factor(open_app, 2)
    path = await link(open_app, GRACE.email)
    await db.of(open_app).write(OneTimeToken.mark_by_hand, path.rpartition("/")[2])

    client = open_app.test_client()
    assert (await client.post(path, form=FORM)).status_code == 303

    answer = await client.post("/login", form={"email": GRACE.email, "password": NEW})
    assert answer.headers["Location"] == ("/login/code" if has_factor else "/dashboard")
    async with db.of(open_app).reading() as session:
        kept = await session.execute(
            text("SELECT verified_at IS NOT NULL, (SELECT count(*) FROM recovery_codes) FROM users WHERE id = 2")
        )
        assert kept.one() == (0, 10 if has_factor else 0)


async def test_repeated_requests_send_at_most_three_mails_and_the_response_is_the_same(
    app: Application, ada: QuartClient
) -> None:
    answers = [await ask(app, ADA.email, scope_base={"client": (f"192.0.2.{n}", 1)}) for n in range(6)]

    assert [answer.status_code for answer in answers] == [303] * 6
    assert len(await events(app, "password.reset_asked")) == 3


async def test_requests_from_one_network_address_are_limited(app: Application, ada: QuartClient) -> None:
    answers = [await ask(app, f"person{n}@example.org") for n in range(21)]

    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_a_weak_password_is_refused_before_the_link_is_used_up(app: Application, ada: QuartClient) -> None:
    path = await link(app)

    weak = {"password": "ada@example.org1", "confirmation": "ada@example.org1"}
    answer = await app.test_client().post(path, form=weak)

    assert answer.status_code == 422
    assert "a name, an address" in await answer.get_data(as_text=True)
    assert (await app.test_client().post(path, form=FORM)).status_code == 303


async def test_the_device_of_a_reset_becomes_a_known_device(app: Application, ada: QuartClient) -> None:
    """Strangers who guess at the account do not make its owner wait."""
    client = app.test_client()
    await client.post(await link(app), form=FORM)
    for machine in range(11):
        for n in range(10):
            form = {"email": ADA.email, "password": f"guess {n}"}
            await app.test_client().post("/login", form=form, scope_base={"client": (f"198.51.100.{machine}", 1)})

    await sign_in(client, Person(ADA.email, NEW))


async def test_a_signed_in_person_can_use_the_link(app: Application, ada: QuartClient) -> None:
    assert (await ada.get("/reset")).status_code == 200
    answer = await ada.post(await link(app), form=FORM)

    assert answer.status_code == 303
    assert not await is_signed_in(ada)
    await sign_out(ada)
