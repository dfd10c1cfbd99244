"""Every store has a bound, the handbook names it, and what is too old is deleted in one place."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table

from settings import Settings
from webapp.jobs import schedule, workflows
from webapp.models import Base, idempotency, mail, retention
from webapp.models.accounts import identity, one_time_token, passkey, recovery_code, session
from webapp.models.retention import RETENTIONS
from webapp.models.tables import (
    forms,
    import_update,
    invited,
    large_change,
    linking,
    members,
    saved_view,
    webhook,
    webhooks,
)

ROOT = Path(__file__).parents[2]
OTHER_STORES = {"alembic_version", "jobs.db", "imports/"}
BY_PEOPLE = {"users", "tables", "columns", "spare_columns", "import_updates"}
HISTORY: set[timedelta | int | str] = {
    "ROWCAST_HISTORY_DAYS",
    timedelta(days=Settings.model_fields["history_days"].default),
    "ROWCAST_HISTORY_MB",
    Settings.model_fields["history_mb"].default,
}
# The limits of the code that the handbook's words name: ages, and numbers of rows.
LIMITS: dict[str, set[timedelta | int | str]] = {
    "audit_events": {"ROWCAST_AUDIT_DAYS", timedelta(days=Settings.model_fields["audit_days"].default)},
    "change_sets": HISTORY,
    "changes": HISTORY,
    "change_set_parts": set(),
    "large_changes": {retention.RECORD_RETENTION},
    "large_change_parts": {large_change.MAX_UNDECIDED},
    "large_change_left": set(),
    "sessions": {"ROWCAST_SESSION_LIFETIME", session.MAX_SESSIONS},
    "one_time_tokens": {one_time_token.RETENTION},
    "mails": {mail.RETENTION, retention.RECORD_RETENTION},
    "api_tokens": {retention.RECORD_RETENTION},
    "imports": {schedule.MAX_UNDECIDED, retention.IMPORT_RETENTION, timedelta(seconds=schedule.MAX_AGE)},
    "type_changes": {retention.RECORD_RETENTION},
    "idempotency_keys": {idempotency.MAX_AGE, idempotency.MAX_KEYS},
    "passkeys": {passkey.MAX_PASSKEYS},
    "identities": {identity.MAX_IDENTITIES},
    "recovery_codes": {recovery_code.CODES},
    "table_members": {members.MAX_MEMBERS},
    "links": {linking.MAX_LINKS},
    "webhooks": {webhooks.MAX_WEBHOOKS},
    "webhook_deliveries": {webhook.KEPT, webhook.KEPT_FOR},
    "table_invitations": {invited.MAX_INVITED},
    "saved_views": {saved_view.MAX_SHARED, saved_view.MAX_OWN, saved_view.DELETED_RETENTION},
    "forms": {forms.MAX_FORMS, retention.RECORD_RETENTION},
    "form_answers": set(),
    "alembic_version": {1},
    "jobs.db": {workflows.RETENTION},
    "import_sources": {import_update.MAX_SOURCES},
    "imports/": {timedelta(seconds=schedule.MAX_AGE)},
}
UNITS = {"day": 1, "week": 7}
NUMBERS = {"a": 1, "one": 1}


def documented() -> dict[str, tuple[str, str]]:
    """The bound of each store and how long or how much is kept, as the handbook has them."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("### What grows")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    return {name: (bound, kept) for names, bound, kept in rows for name in re.findall(r"`([^`]+)`", names)}


def limits_in(text: str) -> Iterator[timedelta | int | str]:
    """The settings, ages and numbers that a cell of the table names, as in "a day, and 1,000 a person"."""
    yield from re.findall(r"`(ROWCAST_\w+)`", text)
    for number, unit in re.findall(r"\b(one|a|\d[\d,]*)(?: (days?|weeks?)\b)?", re.sub("`[^`]*`", "", text)):
        if unit:
            yield timedelta(days=(NUMBERS.get(number) or int(number)) * UNITS[unit.rstrip("s")])
        elif number != "a":
            yield NUMBERS.get(number) or int(number.replace(",", ""))


def test_every_table_of_the_database_is_in_the_list_of_what_grows() -> None:
    assert set(documented()) == {*Base.metadata.tables, *OTHER_STORES}


def test_what_is_bounded_by_age_is_what_the_schedule_deletes() -> None:
    by_age = {name for name, (bound, _) in documented().items() if bound.startswith("by age")} - OTHER_STORES

    assert by_age == {retention.model.__tablename__ for retention in RETENTIONS}


def test_what_is_bounded_by_people_is_deleted_with_them() -> None:
    by_people = {name for name, (bound, _) in documented().items() if bound == "by people"}

    assert by_people == BY_PEOPLE
    assert all(name == "users" or goes_with_people(Base.metadata.tables[name]) for name in by_people)


def goes_with_people(table: Table) -> bool:
    parents = [key.column.table for key in table.foreign_keys if key.ondelete == "CASCADE"]
    return any(parent.name == "users" or goes_with_people(parent) for parent in parents)


def test_the_limits_of_the_other_stores_are_named_one_by_one() -> None:
    assert set(LIMITS) == set(documented()) - BY_PEOPLE


@pytest.mark.parametrize("store", LIMITS)
def test_the_handbook_names_the_limits_of_the_code(store: str) -> None:
    assert set(limits_in(documented()[store][1])) == LIMITS[store]


def test_the_age_of_a_row_deletes_it_in_one_place_only() -> None:
    """A second rule somewhere else would keep one from being changed, and make people wait while it searches."""
    found = {
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in (ROOT / "webapp").rglob("*.py")
        if path != Path(retention.__file__)
        for call in calls_of_where(ast.parse(path.read_text(encoding="utf-8")))
        if "delete" in ast.unparse(call.func) and re.search(r"_at (<|>)|too_old|\bold\b", ast.unparse(call))
    }

    assert found == set()


def calls_of_where(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "where":
            yield node
