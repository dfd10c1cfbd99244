"""Forms in tests: made by the verbs, switched on, with a field for each column named."""

import secrets
from dataclasses import dataclass
from typing import Any

from settings import Settings
from webapp.db.database import Database
from webapp.db.keys import sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, AuditSource
from webapp.models.tables import forms
from webapp.models.tables.form_checks import FormSettings
from webapp.models.tables.table_form import FormField, TableForm

OWNER = Actor(1, "ada@example.org", "Ada", "owner")
SOURCE = AuditSource(1, "ada@example.org")
# Of `tests.tables.PLANETS`.
FIELDS = (
    FormField(1, "Planet", required=True),
    FormField(2, "Moons"),
    FormField(4, "Rings"),
)


@dataclass(frozen=True)
class MadeForm:
    id: int
    table_id: int
    token: str
    version: int

    @property
    def url(self) -> str:
        return f"/f/{self.token}"

    @property
    def page(self) -> str:
        """Where it is changed."""
        return f"/tables/{self.table_id}/forms/{self.id}"


async def add_form(
    database: Database,
    settings: Settings,
    table_id: int,
    *fields: FormField,
    name: str = "New planets",
    actor: Actor = OWNER,
    is_on: bool = True,
    **more: Any,
) -> MadeForm:
    wanted = FormSettings(name, fields or FIELDS, **more)
    source = AuditSource(actor.id, actor.email)
    form = await database.write(forms.create_form, actor, source, sealer(settings), table_id, wanted)
    if is_on:
        await database.write(forms.switch_form, actor, source, table_id, form.id, is_on=True)
    return made(settings, form)


async def place_form(work: UnitOfWork, table_id: int) -> int:
    """Whoever may edit the table."""
    fields = [field.to_json() for field in FIELDS]
    form = TableForm(table_id=table_id, name="x", token_hash=secrets.token_hex(), sealed="", fields=fields)
    work.session.add(form)
    await work.session.flush()
    return form.id


def made(settings: Settings, form: TableForm) -> MadeForm:
    return MadeForm(form.id, form.table_id, sealer(settings).decrypt(form.sealed).decode(), form.version)
