"""Only a mailed link confirms an address, and what others planted in an account ends with it."""

import re

from quart.testing import QuartClient
from sqlalchemy import select

from tests.authenticator import Authenticator
from tests.events import events
from tests.helpers import ADA, PASSWORD, is_signed_in
from tests.http.account.test_passkeys import add, show, stored_passkeys
from tests.mails import letters, newest_link
from tests.people import EVE, settle, window
from webapp.extensions import db
from webapp.models import Mail, OneTimeToken, Role, User
from webapp.models.accounts import people
from webapp.models.accounts.people import OPERATOR
from webapp.web.application import Application

NEW = "a quite different sentence"
RESET = {"password": NEW, "confirmation": NEW}


async def user(app: Application, email: str) -> User:
    async with db.of(app).reading() as session:
        found = await session.scalar(User.active_by_email(email))
    assert found is not None
    return found


async def is_verified(app: Application, email: str) -> bool:
    return (await user(app, email)).verified_at is not None


async def copy_link(app: Application, administrator: QuartClient, recipient: str, status: int = 200) -> None:
    """The administrator asks for the link of the newest mail to this address, to pass it on by hand."""
    async with db.of(app).reading() as session:
        newest = select(Mail.id).where(Mail.recipient == recipient).order_by(Mail.created_at.desc()).limit(1)
        mail_id = await session.scalar(newest)
    assert (await administrator.post(f"/admin/mails/{mail_id}/link")).status_code == status


async def copy_invitation(app: Application, administrator: QuartClient, email: str, role: str = "member") -> str:
    """The path of a link that an administrator has made to pass it on by hand."""
    await administrator.post("/admin/people/invitations", form={"emails": email, "role": role})
    async with db.of(app).reading() as session:
        token_id = await session.scalar(select(OneTimeToken.id).where(OneTimeToken.email == email))
    shown = await administrator.post(f"/admin/people/invitations/{token_id}/link")
    found = re.search(r"/invitations/[\w-]{40,}", str(await shown.get_data(as_text=True)))
    assert found is not None
    return found[0]


async def accept(app: Application, path: str) -> QuartClient:
    client = app.test_client()
    form = {"name": "Eve", "password": PASSWORD, "confirmation": PASSWORD}
    assert (await client.post(path, form=form)).status_code == 303
    return client


async def flashes(client: QuartClient) -> str:
    return str(await (await client.get("/dashboard")).get_data(as_text=True))


async def test_an_invitation_passed_on_by_hand_confirms_no_address_and_one_that_was_mailed_does(
    app: Application, ada: QuartClient
) -> None:
    await accept(app, await copy_invitation(app, ada, "passed@example.org"))
    await ada.post("/admin/people/invitations", form={"emails": "mailed@example.org", "role": "member"})
    await accept(app, await newest_link(app, "mailed@example.org"))

    assert not await is_verified(app, "passed@example.org")
    assert await is_verified(app, "mailed@example.org")
    subjects = [letter.subject for letter in await letters(app, "passed@example.org")]
    assert subjects[-1] == "Confirm your address"


async def test_a_link_that_confirms_an_address_cannot_be_copied(open_app: Application) -> None:
    await settle(open_app, EVE.email, verified=False)
    eve, ada = await window(open_app, EVE), await window(open_app, ADA)
    await eve.post("/verifications")
    path = await newest_link(open_app, EVE.email)

    await copy_link(open_app, ada, EVE.email, 422)

    assert (await eve.post(path)).status_code == 303
    assert await is_verified(open_app, EVE.email)


async def test_a_link_that_was_passed_on_by_hand_confirms_no_address(open_app: Application) -> None:
    """As administrators could copy them before; the change itself still refuses it."""
    await settle(open_app, EVE.email, verified=False)
    eve = await window(open_app, EVE)
    await eve.post("/verifications")
    path = await newest_link(open_app, EVE.email)
    await db.of(open_app).write(OneTimeToken.mark_by_hand, path.rpartition("/")[2])

    refused = await eve.post(path)

    assert refused.status_code == 422
    assert "Only a mailed link confirms an address" in str(await refused.get_data(as_text=True))
    assert not await is_verified(open_app, EVE.email)


async def test_a_reset_by_a_copied_link_confirms_no_address(app: Application, ada: QuartClient) -> None:
    await settle(app, EVE.email, verified=False)
    eve = await user(app, EVE.email)
    await ada.post(f"/admin/people/{eve.id}/reset")
    path = await newest_link(app, EVE.email)
    await copy_link(app, ada, EVE.email)

    assert (await app.test_client().post(path, form=RESET)).status_code == 303

    assert not await is_verified(app, EVE.email)


async def test_a_change_of_address_by_a_copied_link_leaves_the_new_address_unconfirmed(
    app: Application, ada: QuartClient
) -> None:
    await settle(app, EVE.email)
    eve = await window(app, EVE)
    await eve.post("/account/email", form={"email": "eva@example.org"})
    link = (await letters(app, "eva@example.org"))[-1].link
    await copy_link(app, ada, "eva@example.org")

    answer = await eve.post("/account/email/confirmation", form={"token": link.rpartition("=")[2]})

    assert answer.status_code == 303
    assert not await is_verified(app, "eva@example.org")


async def test_the_operators_word_confirms_the_address_of_the_first_person_only(app: Application) -> None:
    first = await db.of(app).write(people.add_as_operator, email=ADA.email)
    second = await db.of(app).write(people.add_as_operator, email=EVE.email)

    assert (first.verified_at is None, second.verified_at is None) == (False, True)


async def test_a_passkey_planted_through_a_copied_invitation_ends_with_the_reset_by_mail(
    app: Application, ada: QuartClient
) -> None:
    """Whoever passed the link on has used it, and waits until the account is somebody's."""
    planter = await accept(app, await copy_invitation(app, ada, EVE.email))
    planted = Authenticator()
    assert (await add(planter, planted)).status_code == 303

    owner_of_mailbox = app.test_client()
    await owner_of_mailbox.post("/reset", form={"email": EVE.email})
    await owner_of_mailbox.post(await newest_link(app, EVE.email), form=RESET)

    assert await stored_passkeys(app) == []
    stranger = app.test_client()
    await show(stranger, planted)
    assert not await is_signed_in(stranger)
    assert await is_verified(app, EVE.email)


async def test_a_promotion_ends_all_passkeys_and_the_next_sign_in_names_them(
    app: Application, ada: QuartClient
) -> None:
    await settle(app, EVE.email)
    eve, planted = await window(app, EVE), Authenticator()
    await add(eve, planted, "Old phone")
    person = await user(app, EVE.email)

    await ada.post(f"/admin/people/{person.id}/role", form={"role": Role.OWNER})

    stranger = app.test_client()
    await show(stranger, planted)
    assert not await is_signed_in(stranger)
    assert (await events(app, "person.role_changed"))[-1].details["passkeys_ended"] == ["Old phone"]
    again = await window(app, EVE)
    assert "1 passkey ended: “Old phone”" in await flashes(again)


async def promote(app: Application, user_id: int, *roles: Role) -> None:
    for role in roles:
        await db.of(app).write(people.change_role, OPERATOR, user_id, role)


async def test_passkeys_ended_by_a_promotion_are_named_also_after_later_changes_of_role(
    app: Application, ada: QuartClient
) -> None:
    person = await settle(app, EVE.email)
    await add(await window(app, EVE), Authenticator(), "Old phone")
    await promote(app, person.id, Role.ADMINISTRATOR, Role.MEMBER)
    await add(await window(app, EVE), Authenticator(), "Blue key")
    await promote(app, person.id, Role.ADMINISTRATOR, Role.OWNER)

    assert "2 passkeys ended: “Old phone”, “Blue key”. Add yours again." in await flashes(await window(app, EVE))


async def test_nobody_is_asked_to_add_passkeys_again_that_they_have_added(app: Application, ada: QuartClient) -> None:
    person = await settle(app, EVE.email)
    await add(await window(app, EVE), Authenticator(), "Old phone")
    await promote(app, person.id, Role.ADMINISTRATOR)
    await add(await window(app, EVE), Authenticator(), "New phone")

    shown = await flashes(await window(app, EVE))

    assert "1 passkey ended: “Old phone”." in shown
    assert "Add yours again" not in shown
    assert "the passkey “New phone”" in shown


async def test_a_demotion_keeps_passkeys(app: Application, ada: QuartClient) -> None:
    person = await settle(app, EVE.email, Role.ADMINISTRATOR)
    await add(await window(app, EVE), Authenticator())

    await db.of(app).write(people.change_role, OPERATOR, person.id, Role.MEMBER)

    assert len(await stored_passkeys(app)) == 1


async def test_every_sign_in_shows_the_factors_with_their_dates(app: Application, ada: QuartClient) -> None:
    await add(ada, Authenticator(), "Blue key")
    added = (await stored_passkeys(app))[0].created_at
    for _ in range(2):  # not only once: somebody else may have been the first to see it
        shown = await flashes(await window(app, ADA))
        assert f"the passkey “Blue key”, added {added.day} {added:%B %Y}, not used yet" in shown
        assert "If one is not yours" in shown


async def test_a_notice_of_many_passkeys_with_long_names_fits_its_cookie(app: Application, ada: QuartClient) -> None:
    for number in range(8):
        await add(ada, Authenticator(), f"{number}" + "".join(chr(0x4E00 + 97 * number + n) for n in range(55)))

    assert "3 older passkeys" in await flashes(await window(app, ADA))


async def test_without_another_factor_a_sign_in_says_nothing(app: Application, ada: QuartClient) -> None:
    assert "Besides your password" not in await flashes(await window(app, ADA))
