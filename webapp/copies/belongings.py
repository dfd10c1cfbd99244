"""What belongs to a table of a portable archive besides its rows: its history, members, views, links and forms."""

import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from webapp.copies.portable import PartDocument, SetDocument, TableDocument
from webapp.db.sealing import Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import ChangeSet, ChangeSetPart, Link, Member, SavedView, Table, TableForm, TableRole, User
from webapp.models.base import hash_token
from webapp.models.tables.change_set import Entry, columns_of, extent_of, insert_entries, store_entries
from webapp.models.tables.table_form import FormField
from webapp.rowstore.entries import pack_part

_ROLES = frozenset({TableRole.VIEWER, TableRole.EDITOR})


async def add_history(work: UnitOfWork, table_id: int, documents: Sequence[SetDocument | PartDocument]) -> None:
    """Authors are names: whoever has an account here did not do anything with this table here."""

    def add(connection: Connection) -> None:
        for document in documents:
            if isinstance(document, PartDocument):
                _add_part(connection, table_id, document)
            else:
                _add_set(connection, table_id, document)

    await work.run(add)


def _add_set(connection: Connection, table_id: int, document: SetDocument) -> None:
    stored = store_entries([Entry(*entry) for entry in document.entries])
    given = document.model_dump(exclude={"entries"})
    connection.execute(insert(ChangeSet).values(table_id=table_id, actor_id=None, blob=stored.blob, **given))
    insert_entries(connection, table_id, document.seq, stored)


def _add_part(connection: Connection, table_id: int, document: PartDocument) -> None:
    entries = [Entry(*entry) for entry in document.entries]
    rows, cells = extent_of(entries)
    connection.execute(
        insert(ChangeSetPart).values(
            table_id=table_id,
            seq=document.of,
            number=document.number,
            entries=len(entries),
            rows=len(rows),
            cells=cells,
            columns=",".join(map(str, columns_of(entries))),
            first_row=min(rows, default=0),
            last_row=max(rows, default=0),
            blob=pack_part(entries),
        )
    )


async def add_belongings(
    work: UnitOfWork, table: Table, owner: User, about: TableDocument, sealer: Sealer
) -> list[str]:
    """Return what was not taken in. Links and forms get new addresses; forms are switched off."""
    addresses = [person.email for person in about.members] + [view.owner for view in about.views if view.owner]
    found = await work.session.execute(select(User.email, User.id).where(User.email.in_(addresses)))
    people = {email: user_id for email, user_id in found}
    notes = _add_members(work, table, owner, about, people)
    notes += await _add_views(work, table, about, people)
    notes += _add_links(work, table, owner, about, sealer)
    notes += _add_forms(work, table, owner, about, sealer)
    return notes


def _add_members(
    work: UnitOfWork, table: Table, owner: User, about: TableDocument, people: dict[str, int]
) -> list[str]:
    notes = list[str]()
    for person in about.members:
        if person.email not in people or person.role not in _ROLES:
            notes.append(f"member without an account here: {person.email} ({person.role})")
        elif people[person.email] != owner.id:
            given = {"user_id": people[person.email], "role": person.role, "added_by": owner.id}
            work.session.add(Member(table_id=table.id, **given))
    return notes


async def _add_views(work: UnitOfWork, table: Table, about: TableDocument, people: dict[str, int]) -> list[str]:
    notes = list[str]()
    for view in about.views:
        if view.owner is not None and view.owner not in people:
            notes.append(f"view of somebody without an account here: {view.name} ({view.owner})")
            continue
        owner_id = people[view.owner] if view.owner else None
        state = [list(pair) for pair in view.state]
        record = SavedView(table_id=table.id, owner_id=owner_id, name=view.name, state=state, layout=view.layout)
        work.session.add(record)
        if view.is_default and owner_id is None:
            await work.session.flush()
            table.default_view_id = record.id
    return notes


def _add_links(work: UnitOfWork, table: Table, owner: User, about: TableDocument, sealer: Sealer) -> list[str]:
    notes = list[str]()
    for link in about.links:
        if link.has_password:
            notes.append(f"link with a password, which is not in the archive: {link.name}")
            continue
        given = link.model_dump(exclude={"has_password", "scope"})
        scope = [list(pair) for pair in link.scope]
        work.session.add(Link(table_id=table.id, made_by=owner.id, scope=scope, **given, **_address(sealer)))
    return notes


def _add_forms(work: UnitOfWork, table: Table, owner: User, about: TableDocument, sealer: Sealer) -> list[str]:
    notes = list[str]()
    for form in about.forms:
        try:
            fields = [FormField.from_json(asked).to_json() for asked in form.fields]
        except (KeyError, TypeError, ValueError):
            notes.append(f"form that this version does not understand: {form.name}")
            continue
        given = form.model_dump(exclude={"fields"})
        work.session.add(TableForm(table_id=table.id, created_by=owner.id, fields=fields, **given, **_address(sealer)))
    return notes


def _address(sealer: Sealer) -> dict[str, str]:
    """A new one, which nobody has yet."""
    token = secrets.token_urlsafe(32)
    return {"token_hash": hash_token(token), "sealed": sealer.encrypt(token.encode()).decode()}
