"""A form that is submitted twice, in turn or at once, is answered clearly and takes effect once."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import func, select

from tests.http.admin.conftest import text
from tests.http.admin.test_people import Team, events
from tests.http.admin.test_work import post
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Event, Mail, OneTimeToken, Role, User
from webapp.models.accounts.invitation import IS_PENDING
from webapp.models.mail import MAX_TRIES
from webapp.web.application import Application

AT_ONCE = pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])


async def twice(client: QuartClient, path: str, *, at_once: bool, **form: str) -> list[int]:
    """The status codes, sorted."""
    if at_once:
        answers: Sequence[Any] = await asyncio.gather(*(client.post(path, form=form) for _ in range(2)))
    else:
        answers = [await client.post(path, form=form) for _ in range(2)]
    assert all([len(await text(answer)) > 50 for answer in answers])
    return sorted(answer.status_code for answer in answers)


@AT_ONCE
@pytest.mark.parametrize(
    ("action", "form", "event"),
    [
        ("", {"name": "Eva"}, Event.CHANGED),
        ("/email", {"email": "eva@example.org"}, Event.EMAIL_CHANGED),
        ("/role", {"role": "guest"}, Event.ROLE_CHANGED),
        ("/deactivation", {}, Event.DEACTIVATED),
    ],
)
async def test_a_person_is_changed_once(
    app: Application, owner: QuartClient, team: Team, action: str, form: dict[str, str], event: Event, at_once: bool
) -> None:
    path = f"/admin/people/{team[Role.MEMBER].id}{action}"

    assert await twice(owner, path, at_once=at_once, **form) == [303, 303]
    assert len(await events(app, event)) == 1


@AT_ONCE
@pytest.mark.parametrize("action", ["/activation", "/sessions/end", "/reset"])
async def test_repeating_an_action_that_may_be_repeated_is_harmless(
    owner: QuartClient, team: Team, action: str, at_once: bool
) -> None:
    path = f"/admin/people/{team[Role.MEMBER].id}{action}"

    assert await twice(owner, path, at_once=at_once) == [303, 303]


@AT_ONCE
async def test_a_person_is_removed_once(app: Application, owner: QuartClient, team: Team, at_once: bool) -> None:
    eve = team[Role.MEMBER]

    found = await twice(owner, f"/admin/people/{eve.id}/removal", at_once=at_once, confirmation=eve.email)

    assert found == [303, 404]
    assert len(await events(app, Event.REMOVED)) == 1


@AT_ONCE
@pytest.mark.parametrize("action", ["activate", "deactivate", "end-sessions"])
async def test_a_bulk_action_is_harmless_for_somebody_just_removed(
    app: Application, owner: QuartClient, team: Team, action: str, at_once: bool
) -> None:
    gus = str(team[Role.GUEST].id)

    async def remove(work: UnitOfWork) -> None:
        await work.session.delete(await work.session.get_one(User, int(gus)))

    await db.of(app).write(remove)

    assert await twice(owner, "/admin/people/bulk", at_once=at_once, action=action, id=gus) == [303, 303]


@AT_ONCE
async def test_inviting_somebody_twice_leaves_one_invitation_and_one_mail(
    app: Application, owner: QuartClient, at_once: bool
) -> None:
    form = {"emails": "kim@example.org", "role": "member"}

    assert await twice(owner, "/admin/people/invitations", at_once=at_once, **form) == [303, 303]
    async with db.of(app).reading() as session:
        assert await session.scalar(select(func.count()).select_from(OneTimeToken).where(IS_PENDING)) == 1
        assert await session.scalar(select(func.count()).select_from(Mail)) == 1


@AT_ONCE
@pytest.mark.parametrize(
    ("action", "statuses", "pending", "event"),
    [
        ("resend", [303, 404], 1, Event.INVITED),
        ("link", [200, 404], 1, Event.LINK_COPIED),
        ("withdrawal", [303, 404], 0, Event.INVITATION_WITHDRAWN),
    ],
)
async def test_an_invitation_is_resent_or_withdrawn_once(
    app: Application, owner: QuartClient, action: str, statuses: list[int], pending: int, event: Event, at_once: bool
) -> None:
    await owner.post("/admin/people/invitations", form={"emails": "kim@example.org", "role": "member"})
    before = len(await events(app, event))

    assert await twice(owner, f"/admin/people/invitations/1/{action}", at_once=at_once) == statuses
    assert len(await events(app, event)) == before + 1
    async with db.of(app).reading() as session:
        assert await session.scalar(select(func.count()).select_from(OneTimeToken).where(IS_PENDING)) == pending


@AT_ONCE
async def test_a_mail_is_retried_once_and_its_link_can_be_shown_repeatedly(
    app: Application, owner: QuartClient, team: Team, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    started: set[tuple[str, str]] = set()  # the schedule looks for mails when a server starts, and starts this one, too
    monkeypatch.setattr(app.extensions["rowcast.queue"], "enqueue", lambda *what: started.add(what))
    monkeypatch.setattr(type(db.of(app).settings), "sends_mail", True)
    mail_id = await post(app, "eve@example.org", team[Role.MEMBER].id, tries=MAX_TRIES, failure="Refused.")

    assert await twice(owner, f"/admin/mails/{mail_id}/retry", at_once=at_once) == [303, 422]
    assert await twice(owner, f"/admin/mails/{mail_id}/link", at_once=at_once) == [200, 200]
    assert started == {("send_mail", mail_id)}
    assert len(await events(app, Event.JOB_RETRIED)) == 1
