"""Sharing a table: its owner decides, in one transaction, and whoever is affected is told by an event."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import select

from settings import Settings
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import broker, db, hasher
from webapp.models import (
    Action,
    Actor,
    AuditEvent,
    AuditSource,
    Import,
    Member,
    OneTimeToken,
    Purpose,
    Role,
    TableInvitation,
    TableRole,
    TokenUnusable,
    User,
)
from webapp.models.accounts import invitation as invitations
from webapp.models.accounts.people import OPERATOR, change_role, remove_person
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables import invited, members
from webapp.models.tables.access import find_access
from webapp.models.tables.change_log import ACCESS_CHANGED, topic_of
from webapp.models.tables.deletion import delete_table, delete_tables_of
from webapp.web.application import Application

ADA = Actor(1, "ada@example.org", "Ada", "owner")  # owns the server
GRACE = Actor(2, "grace@example.org", "Grace", "member")  # owns the table
EVE = Actor(3, "eve@example.org", "Eve", "member")
GUS = Actor(4, "gus@example.org", "Gus", "guest")
KIM = "kim@example.org"  # without an account
IMPORT = "a" * 32


class Letters:
    """A mailer that keeps the tokens of what is sent."""

    confirms_addresses = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str | None]] = []

    async def send(self, work: UnitOfWork, /, template: str, recipient: str, **context: Any) -> None:
        self.sent.append((template, recipient, context.get("token")))


@pytest.fixture
async def table_id(app: Application, settings: Settings) -> AsyncIterator[int]:
    async def keep(work: UnitOfWork) -> None:
        for who in (ADA, GRACE, EVE, GUS):
            work.session.add(User(id=who.id, email=who.email, name=who.name, password_hash="x", role=who.role))

    async with app.app_context():
        await db().write(keep)
        made = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=GRACE.id)
        await db().write(_add_import, made)
        yield made


async def _add_import(work: UnitOfWork, table_id: int) -> None:
    work.session.add(
        Import(id=IMPORT, user_id=GRACE.id, filename="a.csv", size=1, sha256="x", table_id=table_id, state="done")
    )


async def act(verb: Any, actor: Actor, *args: Any) -> Any:
    return await db().write(verb, actor, AuditSource(actor.id, actor.email), *args)


async def share(table_id: int, actor: Actor, role: TableRole = TableRole.VIEWER) -> None:
    await act(members.add_member, GRACE, table_id, actor.id, role)


async def part_of(actor: Actor, table_id: int) -> str | None:
    try:
        return (await find_access(db(), actor, table_id)).table_role
    except NotFound:
        return None


async def events() -> list[tuple[str, str, dict[str, Any]]]:
    async with db().reading() as session:
        found = await session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(event.event, event.subject, event.details) for event in found]


async def test_the_owner_adds_changes_and_removes_members(table_id: int) -> None:
    await share(table_id, EVE)
    assert await part_of(EVE, table_id) == "viewer"
    await act(members.change_member_role, GRACE, table_id, EVE.id, TableRole.EDITOR)
    assert await part_of(EVE, table_id) == "editor"
    await act(members.remove_member, GRACE, table_id, EVE.id)
    assert await part_of(EVE, table_id) is None

    table = {"table_id": table_id}
    assert await events() == [
        ("table.member_added", EVE.email, table | {"role": "viewer"}),
        ("table.member_changed", EVE.email, table | {"before": "viewer", "role": "editor"}),
        ("table.member_removed", EVE.email, table | {"role": "editor"}),
    ]


async def test_adding_or_removing_somebody_twice_changes_and_records_nothing(table_id: int) -> None:
    for _ in range(2):
        await share(table_id, EVE, TableRole.EDITOR)
    assert await part_of(EVE, table_id) == "editor"
    assert await act(members.remove_member, GRACE, table_id, EVE.id) is not None
    assert await act(members.remove_member, GRACE, table_id, EVE.id) is None

    assert len(await events()) == 2


@pytest.mark.parametrize(
    ("actor", "shared_as", "refusal"),
    [
        (ADA, None, NotFound),  # the server's owner is a stranger to the table
        (EVE, None, NotFound),
        (EVE, TableRole.VIEWER, NotAllowed),
        (EVE, TableRole.EDITOR, NotAllowed),
        (GUS, TableRole.EDITOR, NotAllowed),
    ],
)
async def test_nobody_but_the_owner_decides_who_sees_a_table(
    table_id: int, actor: Actor, shared_as: TableRole | None, refusal: type[Exception]
) -> None:
    if shared_as:
        await share(table_id, actor, shared_as)
    target = GUS.id if actor is not GUS else EVE.id
    for verb, *args in (
        (members.add_member, table_id, target, TableRole.VIEWER),
        (members.change_member_role, table_id, actor.id, TableRole.EDITOR),
        (members.remove_member, table_id, target),
        (members.hand_over, table_id, actor.id),
        (invited.invite_member, Letters(), table_id, KIM, TableRole.VIEWER),
        (invited.renew_link, table_id, 1),
        (invited.uninvite, table_id, 1),
    ):
        with pytest.raises(refusal):
            await act(verb, actor, *args)


async def test_an_owner_who_is_a_guest_by_now_shares_nothing(table_id: int) -> None:
    """Though the request was begun as a member."""
    await db().write(change_role, OPERATOR, GRACE.id, Role.GUEST)

    with pytest.raises(NotAllowed):
        await share(table_id, EVE)


@pytest.mark.parametrize(
    ("user_id", "role", "refusal"),
    [
        (GRACE.id, TableRole.VIEWER, members.IsOwner),
        (EVE.id, TableRole.OWNER, members.NoMemberRole),
        (99, TableRole.VIEWER, NotFound),
    ],
)
async def test_only_other_people_become_viewers_or_editors(
    table_id: int, user_id: int, role: TableRole, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await act(members.add_member, GRACE, table_id, user_id, role)


async def test_a_table_has_a_limited_number_of_members(table_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    await share(table_id, EVE)
    await act(invited.invite_member, GRACE, Letters(), table_id, KIM, TableRole.VIEWER)  # counts as one

    with pytest.raises(members.TooManyMembers):
        await share(table_id, GUS)
    await share(table_id, EVE, TableRole.EDITOR)  # who is one already


async def test_a_member_leaves_and_the_owner_does_not(table_id: int) -> None:
    await share(table_id, GUS)
    assert await act(members.leave, GUS, table_id) == "Planets"
    assert await part_of(GUS, table_id) is None
    for actor, refusal in ((GUS, NotFound), (GRACE, members.IsOwner)):
        with pytest.raises(refusal):
            await act(members.leave, actor, table_id)


async def test_who_was_the_owner_deletes_nothing_any_more(table_id: int) -> None:
    """Also where the table was theirs when they asked for it."""
    await act(members.hand_over, GRACE, table_id, EVE.id)
    for actor, refusal in ((GRACE, NotAllowed), (GUS, NotFound)):
        with pytest.raises(refusal):
            await db().write(delete_table, actor, table_id)

    await db().write(delete_table, EVE, table_id)

    assert await part_of(EVE, table_id) is None


@pytest.mark.parametrize("shared_as", [None, TableRole.VIEWER])
async def test_a_table_is_handed_over_with_its_file_and_its_owner_stays_as_an_editor(
    table_id: int, shared_as: TableRole | None
) -> None:
    if shared_as:
        await share(table_id, EVE, shared_as)
    for _ in range(2):  # the second time it is done already
        await act(members.hand_over, GRACE, table_id, EVE.id)

    assert (await part_of(EVE, table_id), await part_of(GRACE, table_id)) == ("owner", "editor")
    async with db().reading() as session:
        assert await session.scalar(select(Import.user_id)) == EVE.id
        assert list(await session.scalars(select(Member.user_id))) == [GRACE.id]
    with pytest.raises(NotAllowed):
        await share(table_id, GUS)
    await db().write(remove_person, OPERATOR, GRACE.id, delete_tables_of)
    assert await part_of(EVE, table_id) == "owner"
    async with db().reading() as session:
        assert await session.scalar(select(Import.user_id)) == EVE.id


async def test_guests_and_deactivated_people_get_no_table(table_id: int) -> None:
    await db().write(_deactivate, EVE.id)

    for actor in (GUS, EVE):
        with pytest.raises(members.MayNotOwn):
            await act(members.hand_over, GRACE, table_id, actor.id)
    assert await part_of(GRACE, table_id) == "owner"


async def _deactivate(work: UnitOfWork, user_id: int) -> None:
    (await work.session.get_one(User, user_id)).is_active = False


async def test_whoever_shows_the_table_is_told_that_somebodys_part_changed(table_id: int) -> None:
    async with broker().subscribe([topic_of(table_id)]) as told:
        await share(table_id, EVE)
        assert await told.get(5) == ACCESS_CHANGED
        await share(table_id, GUS, TableRole.EDITOR)
        assert await told.get(5) == ACCESS_CHANGED
        await act(members.hand_over, GRACE, table_id, EVE.id)
        assert await told.get(5) == ACCESS_CHANGED
        await db().write(remove_person, OPERATOR, GUS.id, delete_tables_of)
        assert await told.get(5) == ACCESS_CHANGED


async def test_the_part_of_a_removed_person_goes_and_the_table_of_a_removed_owner_too(table_id: int) -> None:
    await share(table_id, EVE)
    await share(table_id, GUS)
    await db().write(remove_person, OPERATOR, GUS.id, delete_tables_of)
    async with db().reading() as session:
        assert list(await session.scalars(select(Member.user_id))) == [EVE.id]

    await db().write(remove_person, OPERATOR, GRACE.id, delete_tables_of)

    assert await part_of(EVE, table_id) is None
    async with db().reading() as session:
        assert list(await session.scalars(select(Member.user_id))) == []


async def accept(token: str | None) -> User:
    password_hash = await hasher().hash("correct horse battery")
    given = {"token": token or "", "name": "Kim", "password_hash": password_hash}
    user: User = await db().write(invited.accept_invitation, AuditSource(None, ""), Letters(), **given)
    return user


async def test_somebody_new_is_invited_as_a_guest_and_sees_the_tables_after_accepting(
    table_id: int, settings: Settings
) -> None:
    other_id, letters = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=EVE.id), Letters()
    assert await act(invited.invite_member, GRACE, letters, table_id, KIM, TableRole.VIEWER)
    assert await act(invited.invite_member, GRACE, letters, table_id, KIM, TableRole.EDITOR)  # changes the role
    assert await act(invited.invite_member, EVE, letters, other_id, KIM, TableRole.VIEWER)
    assert [(template, recipient) for template, recipient, _ in letters.sent] == [("invitation", KIM)]

    user = await accept(letters.sent[0][2])

    assert user.role == Role.GUEST
    kim = Actor(user.id, KIM, user.name, user.role)
    assert (await part_of(kim, table_id), await part_of(kim, other_id)) == ("editor", "viewer")
    with pytest.raises(NotAllowed):
        await find_access(db(), kim, other_id, Action.EDIT_TABLE)


async def test_an_invitation_keeps_its_tables_when_it_is_sent_again(table_id: int) -> None:
    letters = Letters()
    await act(invited.invite_member, GRACE, letters, table_id, KIM, TableRole.VIEWER)
    by_ada = invitations.ActingUser(ADA, AuditSource(ADA.id, ADA.email))
    await db().write(invitations.invite, by_ada, letters, [KIM], Role.MEMBER)
    assert len(letters.sent) == 2
    with pytest.raises(TokenUnusable):
        await accept(letters.sent[0][2])

    user = await accept(letters.sent[1][2])

    assert user.role == Role.MEMBER
    assert await part_of(Actor(user.id, KIM, user.name, user.role), table_id) == "viewer"


async def test_a_link_is_passed_on_by_hand_unless_an_administrator_sent_the_invitation(table_id: int) -> None:
    letters = Letters()
    await act(invited.invite_member, GRACE, letters, table_id, KIM, TableRole.VIEWER)
    email, token = await act(invited.renew_link, GRACE, table_id, await invitation_id())
    assert email == KIM
    with pytest.raises(TokenUnusable):
        await accept(letters.sent[0][2])
    user = await accept(token)
    assert (user.role, user.verified_at) == ("guest", None)
    assert await part_of(Actor(user.id, KIM, user.name, user.role), table_id) == "viewer"

    by_ada = invitations.ActingUser(ADA, AuditSource(ADA.id, ADA.email))
    await db().write(invitations.invite, by_ada, letters, ["lou@example.org"], Role.ADMINISTRATOR)
    await act(invited.invite_member, GRACE, letters, table_id, "lou@example.org", TableRole.VIEWER)
    with pytest.raises(NotAllowed):
        await act(invited.renew_link, GRACE, table_id, await invitation_id())


async def test_a_withdrawn_invitation_ends_unless_it_is_for_something_else(table_id: int, settings: Settings) -> None:
    other_id, letters = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=GRACE.id), Letters()
    for each in (table_id, other_id):
        await act(invited.invite_member, GRACE, letters, each, KIM, TableRole.VIEWER)
    invitation = await invitation_id()
    await act(invited.uninvite, GRACE, table_id, invitation)
    async with db().reading() as session:
        assert await session.scalar(OneTimeToken.usable(Purpose.INVITE, letters.sent[0][2] or "")) is not None
        assert list(await session.scalars(select(TableInvitation.table_id))) == [other_id]

    await act(invited.uninvite, GRACE, other_id, invitation)

    with pytest.raises(TokenUnusable):
        await accept(letters.sent[0][2])


@pytest.mark.parametrize("role", [Role.GUEST, Role.MEMBER])
async def test_an_invitation_by_somebody_who_is_a_guest_by_now_is_not_accepted(table_id: int, role: Role) -> None:
    letters = Letters()
    await act(invited.invite_member, GRACE, letters, table_id, KIM, TableRole.VIEWER)
    await db().write(change_role, OPERATOR, GRACE.id, role)

    with pytest.raises(TokenUnusable) if role is Role.GUEST else nullcontext():
        await accept(letters.sent[0][2])


async def test_whoever_has_an_account_is_added_instead_of_invited(table_id: int) -> None:
    letters = Letters()

    assert not await act(invited.invite_member, GRACE, letters, table_id, EVE.email, TableRole.VIEWER)

    assert (await part_of(EVE, table_id), letters.sent) == ("viewer", [])


async def test_a_table_has_a_limited_number_of_invitations(table_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invited, "MAX_INVITED", 1)
    await act(invited.invite_member, GRACE, Letters(), table_id, KIM, TableRole.VIEWER)

    with pytest.raises(UserError, match="Withdraw one first"):
        await act(invited.invite_member, GRACE, Letters(), table_id, "lou@example.org", TableRole.VIEWER)


async def invitation_id() -> int:
    """Of the newest one that can be accepted."""
    async with db().reading() as session:
        pending = select(OneTimeToken.id).where(invitations.IS_PENDING).order_by(OneTimeToken.id.desc()).limit(1)
        return (await session.scalars(pending)).one()
