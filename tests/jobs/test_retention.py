"""What is older than it is kept is deleted by the running server, and nothing else."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from tests.conftest import make_settings
from tests.servers import wait_for
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db
from webapp.jobs import schedule
from webapp.models import (
    ApiToken,
    AuditEvent,
    Import,
    Mail,
    OneTimeToken,
    Purpose,
    SavedView,
    Session,
    Table,
    User,
    retention,
    utc_now,
)
from webapp.models.base import Base
from webapp.models.idempotency import IdempotencyKey
from webapp.web.application import Application

AUDIT_DAYS, LIFETIME = 30, 10  # days
STORES: list[type[Base]] = [AuditEvent, Session, OneTimeToken, Mail, ApiToken, Import, IdempotencyKey, SavedView]


def rows_of(age: timedelta, name: str) -> list[Base]:
    """One row of each store, all of the same age; the names of unique columns end in `name`."""
    then = utc_now() - age
    upload = {"filename": "n.csv", "size": 1, "sha256": ""}
    device = {"agent": "", "address": "", "remembered": False}
    return [
        AuditEvent(event="x", actor="", subject=name, address="", agent="", at=then),
        Session(user_id=1, token_hash=name, created_at=then, **device),
        OneTimeToken(purpose="invite", token_hash=name, expires_at=then),
        Mail(id=name, recipient="", subject="", sealed=None, created_at=then),
        ApiToken(user_id=1, name=name, scope="read", token_hash=name, start="", created_at=then, revoked_at=then),
        Import(id=name, user_id=1, state="failed", created_at=then, finished_at=then, **upload),
        IdempotencyKey(hash=name, fingerprint="", url="", message="", subject="", created_at=then),
        SavedView(table_id=1, name=name, state=[], deleted_at=then),
    ]


async def fill(work: UnitOfWork) -> None:
    work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))
    work.session.add(Table(id=1, owner_id=1, title="Planets"))
    await work.session.flush()
    work.session.add(SavedView(table_id=1, name="of use", state=[], changed_at=utc_now() - timedelta(days=200)))
    kept = {
        AuditEvent: AUDIT_DAYS, Session: LIFETIME, OneTimeToken: 30, Mail: 90, ApiToken: 90, Import: 30,
        IdempotencyKey: 1, SavedView: 1,
    }  # fmt: skip
    for index, days in enumerate(kept.values()):
        for number in range(3):
            work.session.add(rows_of(timedelta(days=days, hours=1), f"old {number}")[index])
        work.session.add(rows_of(timedelta(days=days, hours=-1), "kept")[index])
    work.session.add(Mail(id="unsent", recipient="", subject="", sealed="x", created_at=utc_now() - timedelta(days=20)))
    for name, minutes in (("expired", -1), ("current", 1)):
        expires_at = utc_now() + timedelta(minutes=minutes)
        work.session.add(OneTimeToken(purpose=Purpose.CHALLENGE, token_hash=name, expires_at=expires_at))
    ready = rows_of(timedelta(days=200), "used")
    ready[4].revoked_at = ready[4].expires_at = None  # type: ignore[attr-defined]
    ready[5].state = "loading"  # type: ignore[attr-defined]
    work.session.add_all(ready[4:6])


async def counts(app: Application) -> dict[str, Any]:
    async with db.of(app).reading() as session:
        return {model.__tablename__: await session.scalar(select(func.count()).select_from(model)) for model in STORES}


async def test_what_is_too_old_is_deleted_in_batches_and_the_rest_stays(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(schedule, "CLEAN_EVERY", 0.0)
    monkeypatch.setattr(retention, "BATCH", 2)
    app = create_app(make_settings(data_dir, audit_days=AUDIT_DAYS, session_lifetime=LIFETIME * 86400))
    expected = {
        "audit_events": 1, "sessions": 1, "one_time_tokens": 2, "mails": 2, "api_tokens": 2, "imports": 2,
        "idempotency_keys": 1, "saved_views": 2,
    }  # fmt: skip
    async with app.test_app():
        await db.of(app).write(fill)
        loop = asyncio.get_running_loop()

        def is_pruned() -> bool:
            return asyncio.run_coroutine_threadsafe(counts(app), loop).result() == expected

        await asyncio.to_thread(wait_for, is_pruned)


@pytest.mark.sqlite  # the plan that another planner makes for an empty table says nothing
async def test_looking_for_old_tokens_reads_an_index_instead_of_all_of_them(app: Application) -> None:
    (tokens,) = [entry for entry in retention.RETENTIONS if entry.model is OneTimeToken]
    statement = select(OneTimeToken.id).where(tokens.is_over(utc_now(), config.of(app)))
    async with db.of(app).reading() as session:
        sql = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = [row.detail for row in await session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]

    assert any("ix_one_time_tokens_expires_at" in step for step in plan)
    assert not any(step.startswith("SCAN") for step in plan)
