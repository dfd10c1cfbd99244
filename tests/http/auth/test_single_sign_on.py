"""Signing in through an OpenID provider: who gets in, as whom, and with which role."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from quart.testing import QuartClient
from sqlalchemy import select, update

from tests.conftest import Client, make_settings
from tests.events import events, names
from tests.helpers import PASSWORD, is_signed_in, sign_in, sign_up
from tests.http.auth.conftest import add_second_factor, code
from tests.mails import letters, newest_link
from tests.people import ADA, BEN, EVE, settle, window
from tests.provider import FakeProvider, begin, come_back, oidc_settings, sign_in_through
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Identity, OneTimeToken, Passkey, Purpose, Role, Session, User
from webapp.models.accounts import invitation, people
from webapp.models.accounts.people import OPERATOR
from webapp.web.application import Application
from webapp.web.mailer import mailer

MakeApp = Callable[..., Awaitable[Application]]


@pytest.fixture
async def make_app(data_dir: Path, provider: FakeProvider) -> AsyncIterator[MakeApp]:
    """A server that Ada owns, where Example ID signs people in."""
    async with AsyncExitStack() as running:

        async def make(**more: Any) -> Application:
            made = create_app(make_settings(data_dir, **oidc_settings(provider.issuer, **more)))
            made.test_client_class = Client
            await running.enter_async_context(made.test_app())
            await sign_up(made.test_client())
            return made

        yield make


async def find(app: Application, email: str) -> User | None:
    async with db.of(app).reading() as session:
        return await session.scalar(select(User).where(User.email == email))


async def message(client: QuartClient, path: str = "/login") -> str:
    return str(await (await client.get(path)).get_data(as_text=True))


async def refused(client: QuartClient, answer: Any) -> str:
    """What the person is told, who is not signed in."""
    assert (answer.status_code, answer.location) == (303, "/login")
    text = await message(client)
    assert not await is_signed_in(client)
    return text


async def test_the_button_leads_to_the_provider_with_all_that_the_protocol_asks_for(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    client = (await make_app()).test_client()

    url = await begin(client)

    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{provider.issuer}/authorize?")
    assert query["redirect_uri"] == "http://localhost/login/oidc/callback"
    assert (query["response_type"], query["scope"]) == ("code", "openid email profile")
    assert query["code_challenge_method"] == "S256"
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert all(len(query[name]) == 43 for name in ("state", "nonce", "code_challenge"))


async def test_the_sign_in_page_has_the_button_only_with_a_provider(make_app: MakeApp, client: QuartClient) -> None:
    with_provider = (await make_app()).test_client()

    assert "Sign in with Example ID" in await message(with_provider)
    assert "single sign-on" not in await message(client.app.test_client())
    for method, path in (("POST", "/login/oidc"), ("GET", "/login/oidc/callback?state=x&code=y")):
        answer = await client.app.test_client().open(path, method=method)
        assert (answer.status_code, answer.location) == (303, "/login")


async def test_a_first_sign_in_creates_an_account_where_everybody_may_have_one(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody")
    client = app.test_client()

    answer = await sign_in_through(provider, client)

    assert (answer.status_code, answer.location) == (303, "/dashboard")
    assert await is_signed_in(client)
    user = await find(app, "eve@example.org")
    assert user is not None
    assert (user.name, user.role, user.password_hash) == ("Eve", Role.MEMBER, "")
    assert user.verified_at is not None
    assert (await names(app))[-3:] == ["account.registered", "identity.added", "session.started"]
    [signed_in] = [one for one in await events(app, "session.started") if one.subject == "eve@example.org"]
    assert signed_in.details["method"] == "single sign-on"


@pytest.mark.parametrize("registration", ["open", "invitation", "closed"])
async def test_registration_decides_who_gets_an_account(
    make_app: MakeApp, provider: FakeProvider, registration: str
) -> None:
    app = await make_app(registration=registration)
    client = app.test_client()

    answer = await sign_in_through(provider, client)

    assert (await find(app, "eve@example.org") is not None) is (registration == "open")
    if registration == "open":
        assert await is_signed_in(client)
    else:
        assert "There is no account for eve@example.org here" in await refused(client, answer)
        [entry] = await events(app, "session.refused")
        assert entry.details == {"method": "single sign-on", "reason": "no account"}


async def test_an_invitation_is_accepted_by_its_address_with_its_role(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    async with app.test_request_context("/"):
        await db().write(invitation.invite, OPERATOR, mailer, ["eve@example.org"], Role.ADMINISTRATOR)
    client = app.test_client()

    await sign_in_through(provider, client)

    user = await find(app, "eve@example.org")
    assert user is not None
    assert (user.role, user.verified_at is not None) == (Role.ADMINISTRATOR, True)
    async with db.of(app).reading() as session:
        [token] = (await session.scalars(select(OneTimeToken).where(OneTimeToken.purpose == Purpose.INVITE))).all()
    assert token.used_at is not None


async def test_the_page_of_an_invitation_offers_the_provider(make_app: MakeApp) -> None:
    app = await make_app()
    async with app.test_request_context("/"):
        await db().write(invitation.invite, OPERATOR, mailer, ["eve@example.org"], Role.MEMBER)
    [letter] = await letters(app)

    page = await message(app.test_client(), urlsplit(letter.link).path)

    assert "Join with Example ID" in page
    assert "Choose a password" not in page


async def test_an_account_of_the_same_confirmed_address_is_linked_and_its_owner_told(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    eve = await settle(app, EVE.email, Role.MEMBER)
    client = app.test_client()

    await sign_in_through(provider, client)

    assert await is_signed_in(client)
    async with db.of(app).reading() as session:
        [identity] = (await session.scalars(select(Identity))).all()
    assert (identity.user_id, identity.issuer, identity.subject) == (eve.id, provider.issuer, "eve-1")
    assert [one.subject for one in await letters(app)] == ["Single sign-on signs in to your account"]


async def test_later_the_subject_counts_and_the_address_no_longer(make_app: MakeApp, provider: FakeProvider) -> None:
    """Addresses are given to other people; a subject never is."""
    app = await make_app()
    await settle(app, EVE.email, Role.MEMBER)
    await settle(app, "mallory@example.org", Role.MEMBER)
    await sign_in_through(provider, app.test_client())
    provider.claims |= {"email": "mallory@example.org", "email_verified": False}
    client = app.test_client()

    await sign_in_through(provider, client)

    assert "eve@example.org" in await message(client, "/account")


async def test_the_address_must_be_verified_by_the_provider(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody")
    await settle(app, EVE.email, Role.MEMBER)
    client = app.test_client()
    for verified in (False, None, "true", 1):
        provider.claims["email_verified"] = verified
        answer = await sign_in_through(provider, client)
        assert "does not say that it has verified your address" in await refused(client, answer)
    async with db.of(app).reading() as session:
        assert (await session.scalars(select(Identity))).all() == []


@pytest.mark.parametrize("way", ["password", "app", "identity"])
async def test_an_account_whose_address_nobody_confirmed_is_not_shared_with_whoever_made_it(
    make_app: MakeApp, provider: FakeProvider, way: str
) -> None:
    """Somebody may have signed up with your address, to be in it once you sign in."""
    app = await make_app()
    mallory = await settle(app, EVE.email, Role.MEMBER, verified=False)
    if way == "app":
        await add_second_factor(app, mallory.id)

    async def keep(work: UnitOfWork) -> None:
        if way != "password":
            await work.session.execute(update(User).where(User.id == mallory.id).values(password_hash=""))
        if way == "identity":
            work.session.add(
                Identity(user_id=mallory.id, issuer=provider.issuer, subject="mallory", email="m@example.org")
            )

    await db.of(app).write(keep)
    client = app.test_client()

    answer = await sign_in_through(provider, client)

    assert "nobody has confirmed its address yet" in await refused(client, answer)


async def test_a_reset_by_mail_of_an_address_nobody_confirmed_ends_what_others_linked(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    eve = await settle(app, EVE.email, Role.MEMBER, verified=False)

    async def link(work: UnitOfWork) -> None:
        work.session.add(Identity(user_id=eve.id, issuer=provider.issuer, subject="mallory", email="m@example.org"))

    await db.of(app).write(link)
    client = app.test_client()
    await client.post("/reset", form={"email": EVE.email})
    chosen = await client.post(
        await newest_link(app, EVE.email), form=dict.fromkeys(("password", "confirmation"), "another long password")
    )
    assert chosen.status_code == 303

    async with db.of(app).reading() as session:
        assert (await session.scalars(Identity.of(eve.id))).all() == []
    assert "identity.removed" in await names(app)


async def test_who_signs_in_meanwhile_is_not_linked_to_what_another_began(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    """In the same browser: Eve went to the provider to link it, and Ben comes back."""
    app = await make_app()
    await settle(app, EVE.email, Role.MEMBER)
    ben = await settle(app, BEN.email, Role.MEMBER)
    client = await window(app, EVE)
    url = await begin(client, "/account/identities")
    await client.post("/logout")
    await sign_in(client, BEN)

    await come_back(client, provider.approve(url))

    assert "not accepted" in await message(client, "/account/identities")
    async with db.of(app).reading() as session:
        assert (await session.scalars(Identity.of(ben.id))).all() == []


async def test_an_account_that_nothing_signs_in_to_yet_is_linked_and_its_address_confirmed(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    await db.of(app).write(people.add_person, OPERATOR, email=EVE.email)
    client = app.test_client()

    await sign_in_through(provider, client)

    user = await find(app, EVE.email)
    assert user is not None
    assert user.verified_at is not None
    assert await is_signed_in(client)


async def test_deactivated_people_stay_out(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody", oidc_roles="staff=member,*=guest")
    eve = await settle(app, EVE.email, Role.MEMBER)
    client = app.test_client()
    await db.of(app).write(people.deactivate, OPERATOR, eve.id)

    assert "is deactivated" in await refused(client, await sign_in_through(provider, client))  # before it is linked

    await db.of(app).write(people.activate, OPERATOR, eve.id)
    await sign_in_through(provider, app.test_client())
    await db.of(app).write(people.deactivate, OPERATOR, eve.id)
    assert "is deactivated" in await refused(client, await sign_in_through(provider, client))


async def test_the_second_factor_of_the_account_is_asked_for(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app()
    eve = await settle(app, EVE.email, Role.MEMBER)
    await add_second_factor(app, eve.id)
    client = app.test_client()
    provider.claims["amr"] = ["pwd", "mfa"]

    answer = await sign_in_through(provider, client, "/login/oidc?next=/account")

    assert answer.location == "/login/code?next=/account"
    assert not await is_signed_in(client)
    answer = await client.post(answer.location, form={"code": code()})
    assert answer.location == "/account"
    [entry] = [one for one in await events(app, "session.started") if one.subject == EVE.email]
    assert entry.details["method"] == "single sign-on and code"


async def test_a_second_factor_that_the_server_demands_is_set_up_here_whatever_the_provider_says(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(second_factor="everybody", oidc_accounts="everybody")
    provider.claims["amr"] = ["mfa"]
    client = app.test_client()

    await sign_in_through(provider, client)

    assert (await client.get("/dashboard")).location == "/account/second-factor"


async def test_nobody_becomes_the_owner_through_a_provider(data_dir: Path, provider: FakeProvider) -> None:
    settings = make_settings(data_dir, **oidc_settings(provider.issuer, oidc_accounts="everybody"))
    app = create_app(settings)
    app.test_client_class = Client
    async with app.test_app():
        client = app.test_client()
        await sign_in_through(provider, client)

        assert await find(app, EVE.email) is None
        assert not await is_signed_in(client)


async def test_the_page_that_was_asked_for_follows_and_no_other_server(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody")
    for target, place in (
        ("/tables/trash?x=1", "/tables/trash?x=1"),
        ("//evil.example", "/dashboard"),
        ("https://evil.example/", "/dashboard"),
        ("/\\evil.example", "/dashboard"),
        ("/" + "x" * 3_000, "/dashboard"),
    ):
        client = app.test_client()
        url = await begin(client, "/login/oidc?next=" + target.replace("?", "%3F"))
        answer = await come_back(client, provider.approve(url))
        assert answer.location == place
    async with db.of(app).reading() as session:  # nor is it kept
        begun = await session.scalars(select(OneTimeToken.data).where(OneTimeToken.purpose == Purpose.PROVIDER))
        assert {data["target"] for data in begun} == {"/tables/trash?x=1", None}


async def test_who_comes_back_takes_the_place_of_whoever_has_signed_in_meanwhile(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody")
    client, copy = app.test_client(), app.test_client()
    query = provider.approve(await begin(client))
    await sign_in(client)
    [cookie] = [one for one in client.cookie_jar if one.name == "rowcast-sign-in"]
    copy.set_cookie("localhost", cookie.name, cookie.value)
    assert await is_signed_in(copy)

    await come_back(client, query)

    assert "eve@example.org" in await message(client, "/account")
    assert not await is_signed_in(copy)  # the session of before has ended, and its cookie opens nothing


async def test_groups_grant_the_highest_of_their_roles_at_every_sign_in(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody", oidc_roles="staff=member,leads=administrator,*=guest")
    for groups, role in (
        (["staff", "leads", "others"], Role.ADMINISTRATOR),
        (["staff"], Role.MEMBER),
        (["*"], Role.GUEST),  # a group of that name is nothing special
        ("leads", Role.ADMINISTRATOR),
        (None, Role.GUEST),
    ):
        provider.claims["groups"] = groups
        client = app.test_client()
        await sign_in_through(provider, client)
        user = await find(app, EVE.email)
        assert user is not None
        assert user.role == role
        assert await is_signed_in(client)
    changes = await events(app, "person.role_changed")
    assert [(one.actor, one.details["before"], one.details["role"]) for one in changes[:2]] == [
        ("Example ID", "administrator", "member"),
        ("Example ID", "member", "guest"),
    ]


async def test_a_promotion_by_a_group_ends_what_was_signed_in_before(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_roles="leads=administrator,*=member")
    eve = await settle(app, EVE.email, Role.MEMBER)
    before = await window(app, EVE)
    provider.claims["groups"] = ["leads"]
    client = app.test_client()

    await sign_in_through(provider, client)

    assert not await is_signed_in(before)
    assert (await client.get("/admin/people")).status_code == 200
    assert eve.id


async def test_without_a_group_that_is_named_nobody_gets_in(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody", oidc_roles="staff=member")
    provider.claims["groups"] = ["others"]
    client = app.test_client()

    assert "None of your groups" in await refused(client, await sign_in_through(provider, client))
    assert await find(app, EVE.email) is None

    await settle(app, EVE.email, Role.MEMBER)
    assert "None of your groups" in await refused(client, await sign_in_through(provider, client))
    async with db.of(app).reading() as session:  # refused is refused: nothing is linked
        assert (await session.scalars(select(Identity))).all() == []


async def test_owners_keep_their_role_and_get_in_whatever_their_groups(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_roles="staff=guest")
    client = app.test_client()
    for groups in (["staff"], [], ["others"]):
        provider.claims |= {"sub": "ada-1", "email": ADA.email, "groups": groups}
        await sign_in_through(provider, client)
        assert (await client.get("/admin/settings")).status_code == 200
        await client.post("/logout")


async def test_a_promotion_leaves_nobody_with_a_factor_that_it_would_end(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_roles="leads=administrator,*=member", second_factor="administrators")
    eve = await settle(app, EVE.email, Role.MEMBER)

    async def add(work: UnitOfWork) -> None:
        work.session.add(Passkey(user_id=eve.id, name="phone", credential_id=b"1", credential=b"1"))

    await db.of(app).write(add)
    provider.claims["groups"] = ["leads"]

    await sign_in_through(provider, app.test_client())

    user = await find(app, EVE.email)
    assert user is not None
    assert user.role == Role.MEMBER


async def test_what_the_id_token_leaves_out_is_asked_for(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody", oidc_roles="leads=administrator")
    provider.claims = {"sub": "eve-1"}
    provider.userinfo = {"email": EVE.email, "email_verified": True, "name": "Eve", "groups": ["leads"]}

    await sign_in_through(provider, app.test_client())

    user = await find(app, EVE.email)
    assert user is not None
    assert (user.name, user.role) == ("Eve", Role.ADMINISTRATOR)
    assert "/userinfo" in provider.asked


async def test_an_address_and_that_it_is_verified_come_from_one_place(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody")
    provider.claims = {"sub": "mallory-1", "email": EVE.email}
    provider.userinfo = {"email": "mallory@example.org", "email_verified": True}

    await sign_in_through(provider, app.test_client())

    assert await find(app, EVE.email) is None
    assert await find(app, "mallory@example.org") is not None


async def test_who_stays_signed_in_is_remembered(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody")
    await sign_in_through(provider, app.test_client(), remember="y")
    await sign_in_through(provider, app.test_client())

    async with db.of(app).reading() as session:
        user = await session.scalar(select(User).where(User.email == EVE.email))
        assert user is not None
        rows = (await session.scalars(select(Session).where(Session.user_id == user.id).order_by(Session.id))).all()
    assert [row.remembered for row in rows] == [True, False]


async def test_a_proof_of_yesterday_is_not_fresh(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody")
    provider.claims["auth_time"] = int(time.time()) - 86400
    client = app.test_client()

    await sign_in_through(provider, client)

    assert (await client.get("/account/deletion")).location == "/login/confirm?next=/account/deletion"


async def test_who_has_no_password_confirms_at_the_provider_by_signing_in_there_again(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app(oidc_accounts="everybody")
    provider.claims["auth_time"] = int(time.time()) - 86400
    client = app.test_client()
    await sign_in_through(provider, client)
    confirm = "/login/confirm/oidc?next=/account/deletion"
    assert "Confirm with Example ID" in await message(client, "/login/confirm?next=/account/deletion")

    url = await begin(client, confirm)
    assert ("prompt=login" in url, "max_age=0" in url) == (True, True)
    answer = await come_back(client, provider.approve(url))
    assert answer.location == "/login/confirm?next=/account/deletion"  # they were signed in there all the time
    assert "not accepted" in await message(client, "/login/confirm")

    provider.claims["auth_time"] = int(time.time())
    answer = await sign_in_through(provider, client, confirm)
    assert answer.location == "/account/deletion"
    assert (await client.get("/account/deletion")).status_code == 200


async def test_somebody_else_at_the_provider_confirms_nothing(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app(oidc_accounts="everybody", session_fresh=10)
    client = app.test_client()
    provider.claims["auth_time"] = 1
    await sign_in_through(provider, client)
    provider.claims = {"sub": "mallory", "email": "mallory@example.org", "email_verified": True}

    answer = await sign_in_through(provider, client, "/login/confirm/oidc?next=/account/deletion")

    assert answer.location == "/login/confirm?next=/account/deletion"
    assert (await client.get("/account/deletion")).status_code == 303


async def test_with_a_second_factor_its_code_comes_before_the_provider(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    eve = await settle(app, EVE.email, Role.MEMBER)
    await sign_in_through(provider, app.test_client())
    client = await window(app, EVE)
    await add_second_factor(app, eve.id)

    answer = await client.post("/login/confirm/oidc", form={"code": "000000"})
    assert answer.location == "/login/confirm"

    answer = await sign_in_through(provider, client, "/login/confirm/oidc?next=/account", code=code())
    assert answer.location == "/account"
    [entry] = await events(app, "session.confirmed")
    assert entry.details == {"method": "single sign-on"}


async def test_guesses_of_the_code_before_the_provider_count_with_those_of_signing_in(
    make_app: MakeApp, provider: FakeProvider
) -> None:
    app = await make_app()
    eve = await settle(app, EVE.email, Role.MEMBER)
    await sign_in_through(provider, app.test_client())
    client = await window(app, EVE)
    await add_second_factor(app, eve.id)
    for number in range(10):
        await client.post("/login/confirm/oidc", form={"code": f"{number:06}"})

    answer = await client.post("/login/confirm/oidc", form={"code": code()})

    assert "issuer" not in (answer.location or "")
    assert answer.status_code == 429


async def test_a_sign_in_by_password_names_the_linked_provider(make_app: MakeApp, provider: FakeProvider) -> None:
    app = await make_app()
    await settle(app, EVE.email, Role.MEMBER)
    await sign_in_through(provider, app.test_client())
    client = app.test_client()

    await sign_in(client, EVE)

    page = await message(client, "/dashboard")
    assert "Besides your password, these sign in to your account: single sign-on as eve@example.org" in page
    assert PASSWORD not in page
