"""Who may call which route: `docs/roles.md` documents it, and this requests every route as every role.

A person's own objects (tables, imports) are tried with their own and with somebody else's; actions on people are tried
with somebody below and somebody above. Tokens are tried below /api/, the only place that accepts them.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from quart.testing import QuartClient
from werkzeug.routing import Rule

from settings import Settings
from tests.database import connect
from tests.forms import place_form
from tests.helpers import Person, is_signed_in, sign_in
from tests.import_states import add_import, add_update
from tests.large_changes import add_plan
from tests.people import ROLES, settle, settle_everybody
from tests.policy.test_access import BY_LINK, SAMPLES
from tests.saved_views import add_view
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import place_webhook
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import (
    Action,
    Actor,
    ApiToken,
    Link,
    Member,
    OneTimeToken,
    Purpose,
    Role,
    Scope,
    Table,
    TableInvitation,
    TableRole,
    User,
    is_allowed,
    utc_now,
)
from webapp.models.mail import Letter, post_mail
from webapp.models.policy import RULES
from webapp.web.application import Application
from webapp.web.rate_limit import requests

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "roles.md"
FILE = ROOT / "tests" / "corpus" / "ragged.csv"
COLUMNS = ("stranger", *reversed(Role), "token")
LINE = re.compile(r"\| `([A-Z]+) (/[^`]*)` \|(.+)\|")
# The values of a cell. "own" and "below" combine two outcomes: yes with one's own or somebody below, otherwise 404 or
# 403.
WORDS = {"yes", "no", "sign in", "own", "below", "none", *Scope}

Key = tuple[str, str]
LOSING = ("tables.destroy", "tables.members_hand_over", "api.tables_delete")  # the table


@dataclass(frozen=True)
class World:
    """Whose objects a request is about: one's own or of somebody below, or somebody else's or of somebody above."""

    app: Application
    settings: Settings
    people: dict[Role, User]
    other: User  # a member with a table and an import
    addresses: Iterator[int] = field(default_factory=lambda: cycle(range(1, 255)))  # of machines

    async def samples(self, method: str, rule: Rule, actor: Role, *, foreign: bool) -> dict[str, Any]:
        whose = self.other if foreign else self.people[actor]
        found = {name: SAMPLES[name] for name in rule.arguments}
        if rule.endpoint.startswith(("tables.", "forms.")) or {"table_id", "import_id"} & rule.arguments:
            await db.of(self.app).wait_for_writes()  # of when a link was used last, for one
            given = self._tables(whose, method) | await self._shared(whose, actor, method, rule)
            found |= {name: value for name, value in given.items() if name in found}
            if "form_id" in found:
                found["form_id"] = await self.write(place_form, found["table_id"])
        elif rule.endpoint.startswith(("admin.", "api.")):
            found |= await self._managed(rule, Role.OWNER if foreign else Role.GUEST)
        return found

    def _tables(self, whose: User, method: str) -> dict[str, Any]:
        """An import waiting for a decision, to be changed; and one that is done, to be viewed."""
        with closing(connect(self.settings.data_dir / "rowcast.db")) as connection:
            found = connection.execute(
                "SELECT tables.id, imports.id FROM tables JOIN imports ON owner_id = user_id"
                " WHERE user_id = ? ORDER BY (table_id IS NOT NULL) = ? DESC, tables.id",
                (whose.id, method == "GET"),
            ).fetchone()
        given: dict[str, Any] = dict(zip(("table_id", "import_id"), found, strict=True))
        given["change_id"] = add_plan(self.settings.data_dir, found[0], user_id=whose.id, state="done")
        given["view_id"] = add_view(self.settings.data_dir, found[0], owner=whose.id)
        return given

    async def _shared(self, whose: User, actor: Role, method: str, rule: Rule) -> dict[str, Any]:
        """Somebody else with whom the table is shared, and an invitation to it: the previous request may have ended
        them.
        """
        table_id = self._tables(whose, method).get("table_id")
        member = self.people[Role.MEMBER if actor is Role.ADMINISTRATOR else Role.ADMINISTRATOR]
        if rule.endpoint in LOSING:  # later requests need the first one
            table_id = add_table(self.settings.data_dir, PLANETS, PLANET_ROWS, owner=whose.id)
        if rule.endpoint.startswith("tables.trash"):
            table_id = add_table(self.settings.data_dir, PLANETS, PLANET_ROWS, owner=whose.id)
            await self.write(_throw_away, table_id)
        if "token_id" in rule.arguments:
            return {"token_id": await self.write(_invite_to, table_id)}
        if "link_id" in rule.arguments:
            view_id = add_view(self.settings.data_dir, table_id, owner=None)
            return {"table_id": table_id, "link_id": await self.write(_link_to, table_id, view_id)}
        if "webhook_id" in rule.arguments:
            return {"table_id": table_id, **await self.write(place_webhook, table_id)}
        if "user_id" in rule.arguments:
            await self.write(_share, table_id, member.id, "viewer")
        if {"table_id", "import_id"} <= rule.arguments:
            return {"table_id": table_id, "import_id": add_file(self.settings, table_id, whose.id, method)}
        return {"user_id": member.id, "table_id": table_id}

    async def _managed(self, rule: Rule, role: Role) -> dict[str, Any]:
        """A new person each time: the previous request may have removed the last one."""
        email = f"subject{self.app.extensions.setdefault('subjects', 0)}@example.org"
        self.app.extensions["subjects"] += 1
        if "user_id" in rule.arguments:
            return {"user_id": (await settle(self.app, email, role)).id}
        if "mail_id" in rule.arguments:
            subject = await settle(self.app, email, role)
            return {"mail_id": await self.write(_wait, email, subject.id)}
        if "token_id" in rule.arguments:
            return {"token_id": await self.write(_invite, email, role)}
        return {}

    async def write(self, verb: Any, *args: Any) -> Any:
        async with self.app.app_context():
            return await db().write(verb, *args)


def add_file(settings: Settings, table_id: int, user_id: int, method: str) -> str:
    """A further file for the table, that is done, to be viewed; or waits for a decision."""
    state, seq = ("done", 1) if method == "GET" else ("ready", None)
    return add_update(settings.data_dir, FILE, table_id, state, user_id=user_id, seq=seq).rpartition("/")[2]


async def _wait(work: UnitOfWork, email: str, user_id: int) -> str:
    letter = Letter(email, "A link", "text", "html", "http://localhost/reset/x")
    return (await post_mail(work, letter, sealer(), user_id)).id


async def _invite(work: UnitOfWork, email: str, role: Role) -> int:
    await OneTimeToken.issue(work, Purpose.INVITE, email=email, data={"role": role})
    await work.session.flush()
    return (await work.session.execute(OneTimeToken.__table__.select())).all()[-1].id


async def _invite_to(work: UnitOfWork, table_id: int) -> int:
    data = {"role": Role.GUEST, "is_for_table": True}
    await OneTimeToken.issue(work, Purpose.INVITE, email="kim@example.org", data=data)
    await work.session.flush()
    token_id = (await work.session.execute(OneTimeToken.__table__.select())).all()[-1].id
    work.session.add(TableInvitation(invitation_id=token_id, table_id=table_id, role="viewer"))
    return int(token_id)


async def _link_to(work: UnitOfWork, table_id: int, view_id: int) -> int:
    link = Link(
        table_id=table_id, name="Press", token_hash=token_hex(8), sealed="", scope=[], shown=None, view_id=view_id
    )
    work.session.add(link)
    await work.session.flush()
    return link.id


async def _throw_away(work: UnitOfWork, table_id: int) -> None:
    (await work.session.get_one(Table, table_id)).deleted_at = utc_now()


async def _share(work: UnitOfWork, table_id: int, user_id: int, role: str) -> None:
    await work.session.merge(Member(table_id=table_id, user_id=user_id, role=role))


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are more routes than requests that one person may send in a minute."""
    for kind in requests.LIMITS:
        monkeypatch.setitem(requests.LIMITS, kind, 100_000)


@pytest.fixture
async def world(app: Application, settings: Settings) -> World:
    people = await settle_everybody(app)
    other = await settle(app, "other@example.org")
    for user in (*people.values(), other):
        table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=user.id)
        _add_change(settings, table_id)
        for state, linked_table in (("ready", None), ("done", table_id)):
            import_id = add_import(settings.data_dir, FILE, state, table_id=linked_table).rpartition("/")[2]
            folder = settings.imports_dir / import_id
            folder.mkdir(parents=True)
            for name in ("original", "rejected.csv"):
                (folder / name).write_bytes(FILE.read_bytes())
            with closing(connect(settings.data_dir / "rowcast.db")) as connection:
                connection.execute("UPDATE imports SET user_id = ? WHERE id = ?", (user.id, import_id))
    return World(app, settings, people, other)


def _add_change(settings: Settings, table_id: int) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO change_sets (table_id, seq, at, via, kind, rows, cells, note, size)"
            " VALUES (?, 1, '2026-11-22 12:00:00', 'grid', 'cells', 0, 0, '', 0)",
            (table_id,),
        )
        connection.execute("UPDATE tables SET seq = 1 WHERE id = ?", (table_id,))


def written() -> dict[Key, dict[str, str]]:
    """The table: (method, path) -> column -> word."""
    found: dict[Key, dict[str, str]] = {}
    for method, path, cells in LINE.findall(TABLE.read_text(encoding="utf-8")):
        assert (method, path) not in found, f"{method} {path} stands there twice"
        values = [cell.strip() for cell in cells.split("|")]
        assert len(values) == len(COLUMNS), f"{method} {path}: {values}"
        assert set(values) <= WORDS, f"{method} {path}: {values}"
        found[method, path] = dict(zip(COLUMNS, values, strict=True))
    return found


def routes(app: Application) -> dict[Key, Rule]:
    return {
        (method, rule.rule): rule
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_table_lists_exactly_the_routes_of_the_application(settings: Settings) -> None:
    assert sorted(written()) == sorted(routes(create_app(settings)))


async def test_strangers_get_the_status_in_the_table(world: World) -> None:
    client = world.app.test_client()
    for key, rule in routes(world.app).items():
        found = outcome(await ask(world, client, key, rule, Role.MEMBER))
        assert found == written()[key]["stranger"], key


@pytest.mark.parametrize("role", Role)
async def test_every_role_gets_the_status_in_the_table(world: World, role: Role) -> None:
    client, person = world.app.test_client(), ROLES[role]
    await sign_in(client, person)
    for key, rule in routes(world.app).items():
        if rule.endpoint in ENDING:
            continue
        mine = await tried(world, client, key, rule, role, person)
        theirs = await tried(world, client, key, rule, role, person, foreign=True)
        assert together(mine, theirs) == written()[key][role], (key, mine, theirs)


# These end the sign-in that they are tried with.
ENDING = {"auth.logout", "auth.logout_everywhere"}


@pytest.mark.parametrize("role", Role)
async def test_every_role_may_sign_out(world: World, role: Role) -> None:
    for key, rule in routes(world.app).items():
        if rule.endpoint in ENDING:
            client = world.app.test_client()
            await sign_in(client, ROLES[role])
            assert (await client.open(key[1], method=key[0])).status_code == 303
            assert written()[key][role] == "yes"
            assert not await is_signed_in(client)


@pytest.mark.parametrize("scope", Scope)
async def test_a_token_gets_the_status_in_the_table_and_nothing_beyond_the_api(world: World, scope: Scope) -> None:
    """An owner's token, so that only its scope can be insufficient."""
    client = world.app.test_client(use_cookies=False)
    owner = world.people[Role.OWNER]
    async with world.app.app_context():
        _, token = await db().write(ApiToken.issue, owner.id, name="t", scope=scope, expires_at=None)
    headers = {"Authorization": f"Bearer {token}"}
    for key, rule in routes(world.app).items():
        word = written()[key]["token"]
        found = outcome(await ask(world, client, key, rule, Role.OWNER, headers=headers))
        if rule.rule.startswith("/api/"):
            assert (found == "yes") is (word == "yes" or Scope(word) in scope.included), (key, found)
        else:
            assert (word, found) == ("none", written()[key]["stranger"]), key


@dataclass(frozen=True)
class Part:
    """What somebody is to a table; None: a stranger to it."""

    table_role: TableRole | None


@pytest.mark.parametrize("table_role", [None, *TableRole])
@pytest.mark.parametrize("role", [Role.GUEST, Role.MEMBER])
async def test_every_part_in_a_table_opens_the_routes_of_its_rights_and_no_others(
    world: World, role: Role, table_role: TableRole | None
) -> None:
    """`@may` names the right of a route. Without it the route is for everybody who can see the table."""
    client, person = world.app.test_client(), world.people[role]
    actor = Actor(person.id, person.email, person.name, person.role)
    await sign_in(client, ROLES[role])
    actions = set()
    for key, rule in routes(world.app).items():
        if not rule.rule.startswith("/tables/<id:table_id>"):
            continue
        table_id = await take_part(world, person, table_role)
        action = getattr(world.app.view_functions[rule.endpoint], "action", Action.READ_TABLE)
        answer = await ask_of(world, client, key, rule, table_id, person)
        if table_role is None:
            expected = "not there" if is_allowed(actor, action) else "no"
        else:
            expected = "yes" if is_allowed(actor, action, Part(table_role)) else "no"
        found = "not there" if answer.status_code == 404 else outcome(answer)
        assert found == expected, (key, table_role, answer.status_code)
        actions.add(action)
    assert actions == {Action.READ_TABLE, Action.EDIT_ROWS, Action.EDIT_TABLE, Action.CHANGE_TABLE}


@pytest.mark.parametrize("table_role", [None, *TableRole])
@pytest.mark.parametrize("role", [Role.GUEST, Role.MEMBER])
async def test_a_token_opens_no_more_of_a_table_than_its_owners_part_in_it(
    world: World, role: Role, table_role: TableRole | None
) -> None:
    """Each route gets what it is about, so that only the right can be missing."""
    client, person = world.app.test_client(use_cookies=False), world.people[role]
    actor = Actor(person.id, person.email, person.name, person.role)
    _, token = await world.write(issue_token, person.id)
    actions = set()
    for key, rule in routes(world.app).items():
        if not rule.rule.startswith("/api/v1/tables/<id:table_id>"):
            continue
        table_id = await take_part(world, person, table_role)
        action = getattr(world.app.view_functions[rule.endpoint], "action", Action.READ_TABLE)
        headers, body = {"Authorization": f"Bearer {token}"}, API_BODIES.get(rule.endpoint)
        answer = await ask_of(world, client, key, rule, table_id, person, headers=headers, json=body)
        if table_role is None:
            expected = "not there" if is_allowed(actor, action) else "no"
        else:
            expected = "yes" if is_allowed(actor, action, Part(table_role)) else "no"
        found = "not there" if answer.status_code == 404 else outcome(answer)
        assert found == expected, (key, table_role, answer.status_code)
        actions.add(action)
    assert actions == {action for action, rule in RULES.items() if rule.table_role}


async def issue_token(work: UnitOfWork, user_id: int) -> tuple[ApiToken, str]:
    return await ApiToken.issue(work, user_id, name=token_hex(8), scope=Scope.WRITE, expires_at=None)


# Valid bodies of those routes of the API that look at a body before they look for the table.
API_BODIES: dict[str, Any] = {
    "api.columns_create": {"title": "Mass"},
    "api.columns_update": {"title": "Mass"},
    "api.forms_create": {"name": "New planets"},
    "api.forms_update": {"is_on": True},
    "api.links_create": {"name": "Press"},
    "api.links_follow": {"version": 1},
    "api.links_update": {"may_edit": True},
    "api.members_create": {"user_id": 1},
    "api.members_update": {"role": "editor"},
    "api.rows_change": {"rows": [{"id": 1, "cells": {"1": "x"}}], "names": "number"},
    "api.rows_create": {"rows": [{"cells": {}}]},
    "api.rows_put": {"key": ["1"], "rows": [{"cells": {"1": "x"}}], "names": "number"},
    "api.rows_remove": {"rows": [{"id": 1}]},
    "api.rows_replace": {"cells": {"1": "x"}, "names": "number"},
    "api.rows_update": {"cells": {"1": "x"}, "names": "number"},
    "api.tables_update": {"title": "Worlds"},
    "api.views_create": {"name": "Giants"},
    "api.views_update": {"name": "Giants"},
    "api.webhooks_create": {"name": "Shop", "url": "https://hooks.invalid/"},
    "api.webhooks_replay": {"seq": 1},
    "api.webhooks_update": {"is_on": False},
}


async def take_part(world: World, person: User, table_role: TableRole | None) -> int:
    """A new table, with its file: the previous request may have deleted the last one, or left it."""
    owner = person if table_role is TableRole.OWNER else world.other
    await db.of(world.app).wait_for_writes()  # of refusals
    table_id = add_table(world.settings.data_dir, PLANETS, PLANET_ROWS, owner=owner.id)
    _add_change(world.settings, table_id)
    import_id = add_import(world.settings.data_dir, FILE, "done", table_id=table_id).rpartition("/")[2]
    folder = world.settings.imports_dir / import_id
    folder.mkdir(parents=True)
    (folder / "original").write_bytes(FILE.read_bytes())
    async with world.app.app_context():
        if table_role not in (None, TableRole.OWNER):
            await db().write(_share, table_id, person.id, table_role)
    return table_id


async def ask_of(
    world: World, client: QuartClient, key: Key, rule: Rule, table_id: int, person: User, **more: Any
) -> Any:
    """By default with an empty body; about another member, an invitation of this table, and a change or file of one's
    own.
    """
    given = {name: SAMPLES[name] for name in rule.arguments} | {"table_id": table_id}
    async with world.app.app_context():
        if "user_id" in rule.arguments:
            given["user_id"] = world.people[Role.ADMINISTRATOR].id
            await db().write(_share, table_id, given["user_id"], TableRole.VIEWER)
        if "token_id" in rule.arguments:
            given["token_id"] = await db().write(_invite_to, table_id)
        if "link_id" in rule.arguments:
            view_id = add_view(world.settings.data_dir, table_id, owner=None)
            given["link_id"] = await db().write(_link_to, table_id, view_id)
        if "webhook_id" in rule.arguments:
            given |= await db().write(place_webhook, table_id)
    if "import_id" in rule.arguments:
        given["import_id"] = add_file(world.settings, table_id, person.id, key[0])
    if "form_id" in rule.arguments:
        given["form_id"] = await world.write(place_form, table_id)
    if "change_id" in rule.arguments:
        given["change_id"] = add_plan(world.settings.data_dir, table_id, user_id=person.id, state="done")
    if "view_id" in rule.arguments:
        given["view_id"] = add_view(world.settings.data_dir, table_id, owner=person.id)
    named = {name: value for name, value in given.items() if name in rule.arguments}
    path = world.app.url_map.bind("localhost").build(rule.endpoint, named, key[0])
    return await client.open(path, method=key[0], **more)


async def tried(
    world: World, client: QuartClient, key: Key, rule: Rule, role: Role, person: Person, *, foreign: bool = False
) -> str:
    found = await ask(world, client, key, rule, role, foreign=foreign)
    if not await is_signed_in(client):
        await sign_in(client, replace(person))
    return "not there" if found.status_code == 404 else outcome(found)


async def ask(
    world: World, client: QuartClient, key: Key, rule: Rule, role: Role, *, foreign: bool = False, **more: Any
) -> Any:
    """With an empty body: people who are let in are told that something is missing. Links that do not work are asked
    for from another address each time, because of one only so many are answered.
    """
    adapter = world.app.url_map.bind("localhost")
    path = adapter.build(rule.endpoint, await world.samples(key[0], rule, role, foreign=foreign), key[0])
    if rule.rule.startswith(BY_LINK):
        more["scope_base"] = {"client": (f"192.0.2.{next(world.addresses)}", 4711)}
    return await client.open(path, method=key[0], **more)


def outcome(answer: Any) -> str:
    """Anybody who gets as far as a view that reports invalid input has been let in."""
    is_door = answer.status_code == 303 and re.match(r"/login(\?|$)", answer.headers["Location"])
    if is_door or answer.status_code == 401:
        return "sign in"
    return "no" if answer.status_code == 403 else "yes"


def together(mine: str, theirs: str) -> str:
    """Both outcomes combined: equal; or yes for one's own and 404 otherwise; or yes for people below and no for those
    above.
    """
    if mine == theirs or (mine, theirs) == ("not there", "not there"):
        return "yes" if mine == "not there" else mine
    return {("yes", "not there"): "own", ("yes", "no"): "below"}.get((mine, theirs), f"{mine}, {theirs}")
