"""One table of rights; a token never has more rights than its owner or its scope."""

import pytest

from webapp.models import Action, Actor, Role, Scope, Table, TableRole, User, is_above, is_allowed
from webapp.models.policy import RULES
from webapp.models.tables.access import TableAccess

EVERYBODY = "owner administrator member guest"
SEEING = {Action.READ_TABLE, Action.SAVE_VIEWS}
MAY = {
    Action.USE: EVERYBODY,
    Action.OWN_ACCOUNT: EVERYBODY,
    Action.READ_TABLE: EVERYBODY,
    Action.CREATE_TABLE: "owner administrator member",
    Action.SAVE_VIEWS: EVERYBODY,
    Action.EDIT_ROWS: EVERYBODY,
    Action.EDIT_TABLE: EVERYBODY,
    Action.CHANGE_TABLE: "owner administrator member",
    Action.READ_PEOPLE: "owner administrator member",
    Action.INVITE_GUESTS: "owner administrator member",
    Action.MANAGE_PEOPLE: "owner administrator",
    Action.RUN_SERVER: "owner administrator",
}
SCOPES = {
    Action.USE: "read write admin",
    Action.OWN_ACCOUNT: "",
    Action.READ_TABLE: "read write admin",
    Action.CREATE_TABLE: "write admin",
    Action.SAVE_VIEWS: "write admin",
    Action.EDIT_ROWS: "write admin",
    Action.EDIT_TABLE: "write admin",
    Action.CHANGE_TABLE: "write admin",
    Action.READ_PEOPLE: "read write admin",
    Action.INVITE_GUESTS: "write admin",
    Action.MANAGE_PEOPLE: "admin",
    Action.RUN_SERVER: "admin",
}


def actor(role: str, scope: Scope | None = None, id: int = 1) -> Actor:
    return Actor(id, "a@example.org", "a", role, scopes=scope.included if scope else None)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_each_role_has_the_rights_of_the_table(role: Role, action: Action) -> None:
    assert is_allowed(actor(role), action) is (role in MAY[action].split())


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("scope", Scope)
def test_each_scope_has_the_rights_of_the_table(scope: Scope, action: Action) -> None:
    assert is_allowed(actor("owner", scope), action) is (scope in SCOPES[action].split())


def test_a_scope_gives_nobody_more_than_their_role() -> None:
    assert not is_allowed(actor("member", Scope.ADMIN), Action.MANAGE_PEOPLE)
    assert not is_allowed(actor("guest", Scope.WRITE), Action.CREATE_TABLE)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("table_role", "may"),
    [
        (TableRole.VIEWER, SEEING),
        (TableRole.EDITOR, SEEING | {Action.EDIT_ROWS, Action.EDIT_TABLE}),
        (TableRole.OWNER, SEEING | {Action.EDIT_ROWS, Action.EDIT_TABLE, Action.CHANGE_TABLE}),
    ],
)
def test_what_one_may_do_with_a_table_depends_on_what_one_is_to_it(
    role: Role, table_role: TableRole, may: set[Action]
) -> None:
    found = TableAccess(Table(id=1, owner_id=2, title="t"), table_role)
    if role is Role.GUEST:
        may = may - {Action.CHANGE_TABLE}

    assert {action for action in Action if is_allowed(actor(role), action, found)} == may


@pytest.mark.parametrize(
    ("role", "manages"),
    [
        ("owner", "owner administrator member guest"),
        ("administrator", "member guest"),
        ("member", ""),
        ("guest", ""),
    ],
)
def test_people_are_managed_by_higher_roles_only(role: str, manages: str) -> None:
    for other in Role:
        subject = User(id=2, email="b@example.org", name="b", role=other)
        assert is_allowed(actor(role), Action.MANAGE_PEOPLE, subject) is (other in manages.split()), other
    if role in ("owner", "administrator"):
        assert [other for other in Role if is_above(actor(role), other)] == manages.split()


def test_every_action_has_a_rule() -> None:
    assert RULES.keys() == set(Action)
