"""Invitations: several at once, resent, passed on by hand, withdrawn; never to a role above the inviter's."""

import re

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.helpers import PASSWORD
from tests.http.admin.conftest import page, text, words_in
from tests.http.admin.test_people import Team, events
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import Event, Mail, OneTimeToken, Role, User
from webapp.models.accounts import people
from webapp.models.accounts.people import OPERATOR
from webapp.web.application import Application

CHOSEN = "a long and unlikely sentence"


async def invite(client: QuartClient, emails: str, role: str = "member") -> object:
    return await client.post("/admin/people/invitations", form={"emails": emails, "role": role})


async def links(app: Application) -> dict[str, str]:
    """Of the mails that wait: address -> path."""
    async with app.app_context(), db().reading() as session:
        letters = [mail.letter(sealer()) for mail in await session.scalars(select(Mail))]
    return {letter.recipient: letter.link.removeprefix("http://localhost") for letter in letters if letter}


async def opens(app: Application, path: str) -> bool:
    answer = await app.test_client().get(path)
    return answer.status_code == 200 and "password" in await text(answer)


async def accept(app: Application, path: str) -> QuartClient:
    client = app.test_client()
    form = {"name": "Kim", "password": CHOSEN, "confirmation": CHOSEN}
    answer = await client.post(path, form=form)
    assert answer.status_code == 303, await text(answer)
    return client


async def forms_of(client: QuartClient, email: str) -> dict[str, str]:
    """What can be done with the invitation of this address: name -> path."""
    html = await page(client, "/admin/people/invitations")
    item = next((part for part in html.split("<li") if f"<b>{email}</b>" in part), "")
    return {path.rpartition("/")[2]: path for path in re.findall(r'action="([^"]+)"', item)}


async def test_several_people_are_invited_at_once_and_can_accept(app: Application, administrator: QuartClient) -> None:
    await page(administrator, "/admin/people/invitations/new")
    answer = await invite(administrator, "Kim@Example.org, lee@example.org\n kim@example.org; eve@example.org", "guest")
    assert answer.status_code == 303  # type: ignore[attr-defined]
    said = words_in(await page(administrator, "/admin/people/invitations"))
    assert "2 people are invited." in said
    assert "No mail server is set up, so nothing is sent." in said
    assert "Already here, so not invited: eve@example.org." in said

    mails = await links(app)
    assert mails.keys() == {"kim@example.org", "lee@example.org"}
    kim = await accept(app, mails["kim@example.org"])
    assert (await kim.get("/dashboard")).status_code == 200
    async with app.app_context(), db().reading() as session:
        person = await session.scalar(select(User).where(User.email == "kim@example.org"))
    assert person is not None
    assert person.role == "guest"
    assert [event.subject for event in await events(app, Event.INVITED)] == ["kim@example.org", "lee@example.org"]
    assert await forms_of(administrator, "kim@example.org") == {}


@pytest.mark.parametrize(
    ("emails", "role", "words"),
    [
        ("", "member", "Type at least one address."),
        ("kim", "member", "“kim” is no e-mail address."),
        ("kim@example.org", "owner", "Not a valid choice"),
        ("kim@example.org", "administrator", "Not a valid choice"),
        (" ".join(f"a{number}@example.org" for number in range(101)), "member", "at most 100"),
    ],
)
async def test_invalid_addresses_are_named_beside_the_field(
    app: Application, administrator: QuartClient, emails: str, role: str, words: str
) -> None:
    answer = await invite(administrator, emails, role)

    assert (answer.status_code, words in await text(answer)) == (422, True)  # type: ignore[attr-defined]
    assert await links(app) == {}


async def test_resending_an_invitation_ends_the_earlier_link(app: Application, administrator: QuartClient) -> None:
    await invite(administrator, "kim@example.org")
    first = (await links(app))["kim@example.org"]
    assert await opens(app, first)
    await administrator.post((await forms_of(administrator, "kim@example.org"))["link"].replace("/link", "/resend"))
    second = (await links(app))["kim@example.org"]

    assert (await opens(app, first), await opens(app, second)) == (False, True)
    assert len(await forms_of(administrator, "kim@example.org")) == 2  # no mail server: "Send again" is not offered
    assert "again: yes" in words_in(await page(administrator, "/admin/audit"))


async def test_copying_an_invitation_link_is_audited(app: Application, administrator: QuartClient) -> None:
    await invite(administrator, "kim@example.org")
    sent = (await links(app))["kim@example.org"]
    shown = await text(await administrator.post((await forms_of(administrator, "kim@example.org"))["link"]))
    link = re.search(r'id="link">http://localhost([^<]+)<', shown)
    assert link

    assert (await opens(app, sent), await links(app)) == (False, {})
    await accept(app, link[1])
    assert [event.subject for event in await events(app, Event.LINK_COPIED)] == ["kim@example.org"]


async def test_a_withdrawn_invitation_cannot_be_accepted(app: Application, administrator: QuartClient) -> None:
    await invite(administrator, "kim@example.org")
    sent = (await links(app))["kim@example.org"]
    path = (await forms_of(administrator, "kim@example.org"))["withdrawal"]

    assert (await administrator.post(path)).status_code == 303
    assert (await administrator.post(path)).status_code == 404
    assert not await opens(app, sent)
    assert len(await events(app, Event.INVITATION_WITHDRAWN)) == 1


async def test_the_same_form_invites_again_once_an_invitation_was_withdrawn(
    app: Application, administrator: QuartClient
) -> None:
    both = {"emails": "kim@example.org, lee@example.org", "role": "member", "idempotency_key": "k" * 22}
    await administrator.post("/admin/people/invitations", form=both)
    await administrator.post("/admin/people/invitations", form=both)
    assert "This form was sent already" in words_in(await page(administrator, "/admin/people/invitations"))
    await administrator.post((await forms_of(administrator, "lee@example.org"))["withdrawal"])

    await administrator.post("/admin/people/invitations", form=both)

    assert "2 people are invited." in words_in(await page(administrator, "/admin/people/invitations"))
    assert await opens(app, (await links(app))["lee@example.org"])


async def test_the_same_form_invites_again_once_the_person_was_removed(app: Application, owner: QuartClient) -> None:
    form = {"emails": "kim@example.org", "role": "member", "idempotency_key": "k" * 22}
    await owner.post("/admin/people/invitations", form=form)
    await accept(app, (await links(app))["kim@example.org"])
    async with db.of(app).reading() as session:
        kim = await session.scalar(User.id_by_email("kim@example.org"))
    await owner.post(f"/admin/people/{kim}/removal", form={"confirmation": "kim@example.org"})

    await owner.post("/admin/people/invitations", form=form)

    assert await forms_of(owner, "kim@example.org")


async def test_an_administrator_cannot_manage_the_invitation_of_an_owner(
    app: Application, owner: QuartClient, administrator: QuartClient, team: Team
) -> None:
    await invite(owner, "kim@example.org", "owner")
    sent = (await links(app))["kim@example.org"]
    paths = await forms_of(owner, "kim@example.org")
    assert await forms_of(administrator, "kim@example.org") == {}
    for path in paths.values():
        assert (await administrator.post(path)).status_code == 403
    await invite(administrator, "kim@example.org", "guest")  # does not take the better one away
    mail = re.search(r'action="(/admin/mails/\w+/link)"', await page(owner, "/admin/mails"))
    assert mail
    assert "/link" not in await page(administrator, "/admin/mails")
    assert (await administrator.post(mail[1])).status_code == 403

    assert await opens(app, sent)
    assert (await owner.post(mail[1])).status_code == 200
    async with app.app_context(), db().reading() as session:
        assert len(list(await session.scalars(select(OneTimeToken.id)))) == 1
    assert PASSWORD not in await page(owner, "/admin/audit")


@pytest.mark.parametrize("fate", ["demoted", "deactivated", "removed"])
async def test_an_invitation_is_invalid_once_its_inviter_may_no_longer_grant_the_role(
    app: Application, administrator: QuartClient, team: Team, fate: str
) -> None:
    await invite(administrator, "kim@example.org", "guest")
    path, bob = (await links(app))["kim@example.org"], team[Role.ADMINISTRATOR]

    async def delete_nothing(work: UnitOfWork, user_id: int) -> None:
        """Nothing is kept for them."""

    verb, more = {
        "demoted": (people.change_role, {"role": Role.MEMBER}),
        "deactivated": (people.deactivate, {}),
        "removed": (people.remove_person, {"delete_user_data": delete_nothing}),
    }[fate]
    await db.of(app).write(verb, OPERATOR, bob.id, **more)
    form = {"name": "Kim", "password": CHOSEN, "confirmation": CHOSEN}
    answer = await app.test_client().post(path, form=form)

    assert answer.status_code == 410
    async with app.app_context(), db().reading() as session:
        assert await session.scalar(select(User).where(User.email == "kim@example.org")) is None


async def test_resending_an_invitation_changes_its_inviter(
    app: Application, administrator: QuartClient, owner: QuartClient, team: Team
) -> None:
    await invite(administrator, "kim@example.org")
    await owner.post((await forms_of(owner, "kim@example.org"))["link"].replace("/link", "/resend"))
    await db.of(app).write(people.deactivate, OPERATOR, team[Role.ADMINISTRATOR].id)

    await accept(app, (await links(app))["kim@example.org"])
