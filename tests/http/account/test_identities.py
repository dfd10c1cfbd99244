"""The page of what signs in through the provider: linked, shown, removed."""

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.events import events
from tests.helpers import is_signed_in
from tests.mails import letters
from tests.people import ADA, EVE, settle, window
from tests.provider import FakeProvider, begin, come_back, sign_in_through
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Identity, Role, User
from webapp.web.application import Application


@pytest.fixture
def app(provider_app: Application) -> Application:
    return provider_app


async def identities(app: Application) -> list[Identity]:
    async with db.of(app).reading() as session:
        return list((await session.scalars(select(Identity))).all())


async def page(client: QuartClient) -> str:
    return str(await (await client.get("/account/identities")).get_data(as_text=True))


async def test_who_is_signed_in_links_their_own_address_which_confirms_it(
    app: Application, provider: FakeProvider
) -> None:
    eve = await settle(app, EVE.email, Role.MEMBER, verified=False)
    client = await window(app, EVE)
    assert "Link Example ID" in await page(client)

    answer = await sign_in_through(provider, client, "/account/identities")

    assert answer.location == "/account/identities"
    assert "eve@example.org" in (await page(client)).partition("<main")[2]
    async with db.of(app).reading() as session:
        assert (await session.get_one(User, eve.id)).verified_at is not None
    stranger = app.test_client()
    await sign_in_through(provider, stranger)
    assert await is_signed_in(stranger)


async def test_another_address_is_not_linked(app: Application, provider: FakeProvider) -> None:
    provider.claims["email"] = "mallory@example.org"
    await settle(app, EVE.email, Role.MEMBER)
    client = await window(app, EVE)

    answer = await sign_in_through(provider, client, "/account/identities")

    assert answer.location == "/account/identities"
    assert "Only one with the same address is linked" in await page(client)
    assert await identities(app) == []


async def test_an_identity_of_another_account_is_not_taken_from_it(app: Application, provider: FakeProvider) -> None:
    await sign_in_through(provider, app.test_client())
    [before] = await identities(app)
    ada = await window(app, ADA)

    await sign_in_through(provider, ada, "/account/identities")

    assert "belongs to another account" in await page(ada)
    [after] = await identities(app)
    assert after.user_id == before.user_id


async def test_what_began_in_one_sign_in_ends_in_no_other(app: Application, provider: FakeProvider) -> None:
    await settle(app, EVE.email, Role.MEMBER)
    client = await window(app, EVE)
    query = provider.approve(await begin(client, "/account/identities"))
    await client.post("/logout")
    await client.post("/login", form={"email": ADA.email, "password": ADA.password})

    await come_back(client, query)

    assert await identities(app) == []
    assert (await events(app, "session.refused"))[-1].details["reason"] == "another sign-in by now"


async def test_it_is_removed_and_its_person_told(app: Application, provider: FakeProvider) -> None:
    await settle(app, EVE.email, Role.MEMBER)
    await sign_in_through(provider, app.test_client())
    client = await window(app, EVE)
    [identity] = await identities(app)

    answer = await client.post(f"/account/identities/{identity.id}/removal")

    assert answer.status_code == 303
    assert await identities(app) == []
    assert [one.subject for one in await letters(app, EVE.email)][-1].startswith("Single sign-on no longer")
    [entry] = await events(app, "identity.removed")
    assert entry.details["issuer"] == provider.issuer


async def test_the_last_way_in_stays(app: Application, provider: FakeProvider) -> None:
    client = app.test_client()
    await sign_in_through(provider, client)
    [identity] = await identities(app)

    answer = await client.post(f"/account/identities/{identity.id}/removal")

    assert answer.status_code == 422
    page = await answer.get_data(as_text=True)
    assert "Nothing else signs in to your account" in page
    assert "Remove eve@example.org" in page  # and goes on from there
    assert len(await identities(app)) == 1


async def test_a_provider_of_earlier_is_no_way_in(app: Application, provider: FakeProvider) -> None:
    client = app.test_client()
    await sign_in_through(provider, client)
    [identity] = await identities(app)

    async def add(work: UnitOfWork) -> None:
        old = "https://sso.example"
        work.session.add(Identity(user_id=identity.user_id, issuer=old, subject="eve", email=EVE.email))

    await db.of(app).write(add)

    answer = await client.post(f"/account/identities/{identity.id}/removal")
    assert answer.status_code == 422
    [_, old] = await identities(app)
    assert (await client.post(f"/account/identities/{old.id}/removal")).status_code == 303
    assert [one.id for one in await identities(app)] == [identity.id]


async def test_beside_a_provider_of_earlier_that_of_today_is_linked(app: Application) -> None:
    eve = await settle(app, EVE.email, Role.MEMBER)
    client = await window(app, EVE)

    async def add(work: UnitOfWork) -> None:
        work.session.add(Identity(user_id=eve.id, issuer="https://sso.example", subject="eve", email=EVE.email))

    await db.of(app).write(add)

    page = await (await client.get("/account/identities")).get_data(as_text=True)
    assert "not in use on this server any more" in page
    assert "Link Example ID" in page


async def test_somebody_elses_is_not_there(app: Application, provider: FakeProvider) -> None:
    await sign_in_through(provider, app.test_client())
    [identity] = await identities(app)

    answer = await (await window(app, ADA)).post(f"/account/identities/{identity.id}/removal")

    assert answer.status_code == 404


async def test_administrators_see_who_signs_in_how(app: Application, provider: FakeProvider) -> None:
    await sign_in_through(provider, app.test_client())
    [identity] = await identities(app)
    ada = await window(app, ADA)

    shown = await (await ada.get(f"/admin/people/{identity.user_id}")).get_data(as_text=True)

    assert "<dt>Signs in with</dt><dd>Example ID</dd>" in shown
    people = await (await ada.get("/admin/people")).get_data(as_text=True)
    assert "Invited" not in people


async def test_what_is_linked_is_part_of_ones_data(app: Application, provider: FakeProvider) -> None:
    client = app.test_client()
    await sign_in_through(provider, client)

    document = await (await client.post("/account/export")).get_json()

    assert [(one["issuer"], one["subject"]) for one in document["identities"]] == [(provider.issuer, "eve-1")]
