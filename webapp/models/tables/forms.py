"""Making, changing, switching and deleting the forms of a table: for those who may edit it.

Rights are checked in the same transaction. All raise `NotFound` and `NotAllowed`, like everything that finds a table.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.sealing import BrokenSeal, Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.base import hash_token, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import require_access
from webapp.models.tables.form_checks import FormSettings, checked_settings, settings_of
from webapp.models.tables.table import Table
from webapp.models.tables.table_form import TableForm
from webapp.rowstore import row_writer

MAX_FORMS = 100  # of a table, without the deleted ones


class TooManyForms(UserError):
    def __init__(self) -> None:
        super().__init__(f"A table has at most {MAX_FORMS} forms. Delete one first.")


class FormChanged(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Somebody else has changed this form in the meantime, so nothing was saved. Here is what it is now; change"
            " it again if you still want to."
        )


async def list_forms(session: AsyncSession, table_id: int) -> Sequence[TableForm]:
    """The newest first."""
    listed = select(TableForm).where(TableForm.table_id == table_id, TableForm.deleted_at.is_(None))
    return (await session.scalars(listed.order_by(TableForm.id.desc()))).all()


async def find_form(session: AsyncSession, table_id: int, form_id: int) -> TableForm:
    """Raises `NotFound`, also for one that is deleted."""
    form = await _find(session, table_id, form_id)
    if form.deleted_at is not None:
        raise NotFound("form")
    return form


def token_of(form: TableForm, sealer: Sealer) -> str | None:
    """What its address ends with; None if the server's key has been replaced since it was made."""
    try:
        return sealer.decrypt(form.sealed).decode()
    except BrokenSeal:
        return None


async def create_form(
    work: UnitOfWork, actor: Actor, source: AuditSource, sealer: Sealer, table_id: int, wanted: FormSettings
) -> TableForm:
    """It is switched off. Raises `FormRefused` and `TooManyForms`."""
    table = await _editable(work, actor, table_id)
    settings = await _checked(work, table, wanted)
    await _ensure_room(work, table_id)
    form = TableForm(table_id=table_id, created_by=actor.id)
    _give_token(form, sealer)
    _set(form, settings)
    work.session.add(form)
    await work.session.flush()
    await AuditEvent.record(work, Event.FORM_MADE, source, form.name, table_id=table_id, form_id=form.id)
    return form


async def change_form(
    work: UnitOfWork, actor: Actor, table_id: int, form_id: int, seen: int, wanted: FormSettings
) -> TableForm:
    """`seen` is the version that the editor saw. Raises `FormRefused` and `FormChanged`."""
    table = await _editable(work, actor, table_id)
    form = await find_form(work.session, table_id, form_id)
    settings = await _checked(work, table, wanted)
    if settings_of(form) == settings:
        return form
    if form.version != seen:
        raise FormChanged
    _set(form, settings)
    form.version += 1
    return form


async def switch_form(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, form_id: int, *, is_on: bool
) -> TableForm:
    """Whether it takes answers."""
    await _editable(work, actor, table_id)
    form = await find_form(work.session, table_id, form_id)
    if form.is_on != is_on:
        form.is_on = is_on
        given = {"table_id": table_id, "form_id": form_id}
        await AuditEvent.record(work, Event.FORM_SWITCHED, source, form.name, is_on=is_on, **given)
    return form


async def renew_address(
    work: UnitOfWork, actor: Actor, source: AuditSource, sealer: Sealer, table_id: int, form_id: int
) -> TableForm:
    """The address until now ends at once."""
    await _editable(work, actor, table_id)
    form = await find_form(work.session, table_id, form_id)
    _give_token(form, sealer)
    await AuditEvent.record(work, Event.FORM_RENEWED, source, form.name, table_id=table_id, form_id=form_id)
    return form


async def delete_form(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, form_id: int) -> TableForm:
    """Its address ends at once; its answers are rows of the table, and stay. It can be restored until it is forgotten
    with other records.
    """
    await _editable(work, actor, table_id)
    form = await _find(work.session, table_id, form_id)
    if form.deleted_at is None:
        form.deleted_at = utc_now()
        await AuditEvent.record(work, Event.FORM_DELETED, source, form.name, table_id=table_id, form_id=form_id)
    return form


async def restore_form(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, form_id: int) -> TableForm:
    """As it was when it was deleted, with its address. Raises `TooManyForms`."""
    await _editable(work, actor, table_id)
    form = await _find(work.session, table_id, form_id)
    if form.deleted_at is not None:
        await _ensure_room(work, table_id)
        form.deleted_at = None
        await AuditEvent.record(work, Event.FORM_RESTORED, source, form.name, table_id=table_id, form_id=form_id)
    return form


async def _editable(work: UnitOfWork, actor: Actor, table_id: int) -> Table:
    return (await require_access(work, actor, table_id, Action.EDIT_TABLE)).table


async def _checked(work: UnitOfWork, table: Table, wanted: FormSettings) -> FormSettings:
    return await work.run(lambda connection: checked_settings(row_writer(connection), table, wanted))


async def _ensure_room(work: UnitOfWork, table_id: int) -> None:
    count = select(func.count()).where(TableForm.table_id == table_id, TableForm.deleted_at.is_(None))
    if (await work.session.scalar(count) or 0) >= MAX_FORMS:
        raise TooManyForms


async def _find(session: AsyncSession, table_id: int, form_id: int) -> TableForm:
    form = await session.get(TableForm, form_id)
    if form is None or form.table_id != table_id:
        raise NotFound("form")
    return form


def _values(settings: FormSettings) -> dict[str, object]:
    fields = [field.to_json() for field in settings.fields]
    values = {name: value for name, value in asdict(settings).items() if name not in ("fields", "origins")}
    return values | {"fields": fields, "origins": list(settings.origins)}


def _set(form: TableForm, settings: FormSettings) -> None:
    for name, value in _values(settings).items():
        setattr(form, name, value)


def _give_token(form: TableForm, sealer: Sealer) -> None:
    token = secrets.token_urlsafe(32)
    form.token_hash = hash_token(token)
    form.sealed = sealer.encrypt(token.encode()).decode()
