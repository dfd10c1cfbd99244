"""A valid request for every route that changes something, with what it is about: to press it several times, or while
that is being deleted.
"""

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quart.testing import QuartClient
from sqlalchemy import delete, select, update

from settings import Settings
from tests.authenticator import Authenticator
from tests.database import connect
from tests.forms import add_form
from tests.helpers import PASSWORD, Person
from tests.http.account.test_emails import ask
from tests.http.account.test_passkeys import add, options
from tests.http.account.test_second_factor import begin, current_code, turn_on
from tests.http.auth.conftest import SECRET, add_second_factor
from tests.import_states import add_import, add_update
from tests.large_changes import add_plan
from tests.links import add_link
from tests.mails import letters
from tests.people import settle, window
from tests.saved_views import add_view
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import place_webhook
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, hasher, sealer
from webapp.models import (
    Actor,
    ApiToken,
    AuditSource,
    Identity,
    Import,
    ImportUpdate,
    Mail,
    OneTimeToken,
    Passkey,
    Purpose,
    RecoveryCode,
    Role,
    Scope,
    Session,
    TableForm,
    TableInvitation,
    TableRole,
    User,
)
from webapp.models.accounts.account import delete_account
from webapp.models.accounts.invitation import invite
from webapp.models.accounts.people import OPERATOR
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES, Letter, post_mail
from webapp.models.tables import editing, importing, members, undo
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.invited import invite_member
from webapp.models.tables.table_form import find_public_form
from webapp.models.tables.trash import purge_table
from webapp.models.tables.view_saving import delete_view
from webapp.rowstore.table_ref import Field
from webapp.tables.row_form import CellText
from webapp.web.application import Application
from webapp.web.mailer import mailer
from webapp.web.user_data import delete_user_data

FILE = Path(__file__).parent / "corpus" / "ragged.csv"
WORKBOOK = Path(__file__).parent / "corpus" / "reports" / "222_two_sheets.xlsx"
CSV = {"Content-Type": "text/csv"}
SEEN = '{"title": "Moons", "rules": {}, "behind": 1, "place": 2}'
PASSWORDS = {"password": "another phrase of mine", "confirmation": "another phrase of mine"}

Verb = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Scene:
    """An administrator and their browser; `number` tells the people of one scene from those of the next."""

    app: Application
    settings: Settings
    user: User
    client: QuartClient
    number: int

    async def write(self, verb: Verb, *args: Any, **kwargs: Any) -> Any:
        async with self.app.test_request_context("/"):
            return await db().write(verb, *args, **kwargs)

    async def add_table(self, owner: User | None = None) -> int:
        """Blocks the loop: a unit of work in the background that has begun could not end meanwhile."""
        await db.of(self.app).wait_for_writes()
        return add_table(self.settings.data_dir, PLANETS, PLANET_ROWS, owner=(owner or self.user).id)

    async def member(self, **more: Any) -> User:
        return await settle(self.app, f"member{self.number}@example.org", **more)

    def stranger(self) -> QuartClient:
        return self.app.test_client()

    async def remove(self, user: User) -> None:
        source = AuditSource(user.id, user.email)
        await self.write(delete_account, source, mailer, user.id, delete_user_data)

    async def end_proofs(self) -> None:
        """What a request without another subject rests on: sign-ins, links, tokens, passkeys and codes."""
        await self.write(_delete_proofs)


@dataclass(frozen=True)
class Press:
    """A request. `gone` deletes what it is about; without it that is what proves who sends it (`Scene.end_proofs`).
    `page` shows the form, if it has a key against repeats.
    """

    path: str
    form: dict[str, str] = field(default_factory=dict)
    gone: Callable[[], Awaitable[Any]] | None = None
    client: QuartClient | None = None  # of somebody other than the administrator of the scene
    headers: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    page: str = ""
    method: str = "POST"
    data: str = ""  # that is neither


Prepare = Callable[[Scene], Awaitable[Press]]


async def open_scene(app: Application, settings: Settings, number: int) -> Scene:
    email = f"actor{number}@example.org"
    user = await settle(app, email, Role.ADMINISTRATOR)
    return Scene(app, settings, user, await window(app, Person(email)), number)


def plain(path: str, page: str = "", **form: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        return Press(path, form, page=page)

    return prepare


async def rename_profile(scene: Scene) -> Press:
    return Press("/account", {"name": "Eva", "time_zone": "UTC", "number_style": "comma"})


async def delete_own_account(scene: Scene) -> Press:
    return Press("/account/deletion", {"email": scene.user.email})


async def end_device(scene: Scene) -> Press:
    await window(scene.app, Person(scene.user.email))
    async with db.of(scene.app).reading() as session:
        ids = (await session.scalars(select(Session.id).where(Session.user_id == scene.user.id))).all()
    return Press(f"/account/devices/{max(ids)}/end", {}, lambda: scene.write(_forget, Session, max(ids)))


async def confirm_email(scene: Scene) -> Press:
    address = f"new{scene.number}@example.org"
    await ask(scene.client, address)
    token = (await letters(scene.app, address))[-1].link.partition("token=")[2]
    return Press("/account/email/confirmation", {"token": token})


async def change_email(scene: Scene) -> Press:
    return Press("/account/email", {"email": f"new{scene.number}@example.org"}, page="/account/email")


async def _passkey(scene: Scene) -> tuple[Authenticator, int]:
    device = Authenticator()
    await add(scene.client, device)
    async with db.of(scene.app).reading() as session:
        ids = (await session.scalars(select(Passkey.id).where(Passkey.user_id == scene.user.id))).all()
    return device, max(ids)


async def rename_passkey(scene: Scene) -> Press:
    _, passkey_id = await _passkey(scene)
    gone = lambda: scene.write(_forget, Passkey, passkey_id)  # noqa: E731
    return Press(f"/account/passkeys/{passkey_id}", {"name": "Old phone"}, gone)


async def remove_passkey(scene: Scene) -> Press:
    _, passkey_id = await _passkey(scene)
    return Press(f"/account/passkeys/{passkey_id}/removal", {}, lambda: scene.write(_forget, Passkey, passkey_id))


async def add_passkey(scene: Scene) -> Press:
    credential = Authenticator().create(await options(scene.client, "/account/passkeys/options"))
    return Press("/account/passkeys/new", {"name": "Phone", "credential": credential})


async def remove_identity(scene: Scene) -> Press:
    async def link(work: UnitOfWork) -> int:
        identity = Identity(user_id=scene.user.id, issuer="https://sso.example.org", subject="1", email="a@example.org")
        work.session.add(identity)
        await work.session.flush()
        return identity.id

    identity_id = await scene.write(link)
    gone = lambda: scene.write(_forget, Identity, identity_id)  # noqa: E731
    return Press(f"/account/identities/{identity_id}/removal", {}, gone)


async def sign_in_through_provider(scene: Scene) -> Press:
    return Press("/login/oidc", client=scene.stranger())


async def confirm_by_passkey(scene: Scene) -> Press:
    device, passkey_id = await _passkey(scene)
    credential = device.get(await options(scene.client))
    gone = lambda: scene.write(_forget, Passkey, passkey_id)  # noqa: E731
    return Press("/login/confirm/passkey", {"credential": credential}, gone)


async def sign_in_by_passkey(scene: Scene) -> Press:
    device, passkey_id = await _passkey(scene)
    client = scene.stranger()
    credential = device.get(await options(client))
    gone = lambda: scene.write(_forget, Passkey, passkey_id)  # noqa: E731
    return Press("/login/passkey", {"credential": credential}, gone, client)


async def passkey_options(scene: Scene) -> Press:
    await _passkey(scene)
    return Press("/login/passkey/options")


async def turn_on_second_factor(scene: Scene) -> Press:
    secret, sealed = await begin(scene.client)
    return Press("/account/second-factor/new", {"sealed": sealed, "code": current_code(secret)})


async def replace_authenticator_app(scene: Scene) -> Press:
    await turn_on(scene.client)
    secret, sealed = await begin(scene.client, "/account/second-factor/replacement")
    return Press("/account/second-factor/replacement", {"sealed": sealed, "code": current_code(secret)})


async def turn_off_second_factor(scene: Scene) -> Press:
    secret, _ = await turn_on(scene.client)
    return Press("/account/second-factor/removal", {"code": current_code(secret, 1)})


async def renew_recovery_codes(scene: Scene) -> Press:
    await turn_on(scene.client)
    html = await (await scene.client.get("/account/second-factor/recovery-codes")).get_data(as_text=True)
    found = re.search(r'name="replaces"[^>]* value="([^"]+)"', html)
    assert found
    return Press("/account/second-factor/recovery-codes", {"replaces": found[1]})


async def make_token(scene: Scene) -> Press:
    path = "/account/tokens/new"
    return Press(path, {"name": "nightly", "scope": "read", "lifetime": "90"}, page=path)


async def revoke_token(scene: Scene) -> Press:
    token, _ = await scene.write(ApiToken.issue, scene.user.id, name="t", scope=Scope.READ, expires_at=None)
    gone = lambda: scene.write(_forget, ApiToken, token.id)  # noqa: E731
    return Press(f"/account/tokens/{token.id}/revocation", {}, gone)


async def sign_in_with_password(scene: Scene) -> Press:
    return Press("/login", {"email": scene.user.email, "password": PASSWORD}, None, scene.stranger())


async def sign_in_with_code(scene: Scene) -> Press:
    await add_second_factor(scene.app, scene.user.id)
    client = scene.stranger()
    await client.post("/login", form={"email": scene.user.email, "password": PASSWORD})
    return Press("/login/code", {"code": current_code(SECRET)}, None, client)


async def register(scene: Scene) -> Press:
    form = {"email": f"new{scene.number}@example.org", **PASSWORDS}
    return Press("/register", form, None, scene.stranger(), page="/register")


async def ask_for_reset(scene: Scene) -> Press:
    return Press("/reset", {"email": scene.user.email}, None, scene.stranger())


async def reset_password(scene: Scene) -> Press:
    token = await scene.write(OneTimeToken.issue, Purpose.RESET, user_id=scene.user.id, email=scene.user.email)
    return Press(f"/reset/{token}", PASSWORDS, None, scene.stranger())


async def accept_invitation(scene: Scene) -> Press:
    data = {"role": Role.GUEST, "inviter": scene.user.email, "inviter_id": scene.user.id}
    email = f"new{scene.number}@example.org"
    token = await scene.write(OneTimeToken.issue, Purpose.INVITE, email=email, data=data)
    path = f"/invitations/{token}"
    return Press(path, {"name": "Eve", **PASSWORDS}, None, scene.stranger(), page=path)


async def verify(scene: Scene) -> Press:
    await scene.write(_unverify, scene.user.id)
    token = await scene.write(OneTimeToken.issue, Purpose.VERIFY, user_id=scene.user.id, email=scene.user.email)
    return Press(f"/verifications/{token}")


async def resend_verification(scene: Scene) -> Press:
    await scene.write(_unverify, scene.user.id)
    return Press("/verifications")


# --- administration ---


def person(action: str, *, has_key: bool = False, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        member = await scene.member()
        given = {name: value.format(email=member.email, number=scene.number) for name, value in form.items()}
        page = f"/admin/people/{member.id}"
        return Press(f"{page}{action}", given, lambda: scene.remove(member), page=page if has_key else "")

    return prepare


async def change_several_people(scene: Scene) -> Press:
    member = await scene.member()
    return Press("/admin/people/bulk", {"action": "deactivate", "id": str(member.id)}, lambda: scene.remove(member))


async def send_invitation(scene: Scene) -> Press:
    form = {"emails": f"new{scene.number}@example.org", "role": "guest"}
    return Press("/admin/people/invitations", form, page="/admin/people/invitations/new")


def invitation(action: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        await scene.write(invite, OPERATOR, mailer, [f"new{scene.number}@example.org"], Role.GUEST)
        async with db.of(scene.app).reading() as session:
            newest = select(OneTimeToken.id).where(OneTimeToken.purpose == Purpose.INVITE)
            token_id = max((await session.scalars(newest)).all())
        gone = lambda: scene.write(_forget, OneTimeToken, token_id)  # noqa: E731
        return Press(f"/admin/people/invitations/{token_id}/{action}", {}, gone)

    return prepare


def mail(action: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        member = await scene.member()
        token = await scene.write(OneTimeToken.issue, Purpose.RESET, user_id=member.id, email=member.email)
        letter = Letter(member.email, "A link", "text", "html", f"http://localhost/reset/{token}")
        posted = await scene.write(post_mail, letter, sealer.of(scene.app), member.id)
        await scene.write(_give_up, posted.id)
        return Press(f"/admin/mails/{posted.id}/{action}", {}, lambda: scene.remove(member))

    return prepare


# --- tables ---


def deleting(scene: Scene, owner: User, table_id: int) -> Callable[[], Awaitable[Any]]:
    return lambda: scene.write(delete_table, actor_of(owner), table_id)


def trashed(action: str, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    """With a table in the trash; what deletes it is its purge."""

    async def prepare(scene: Scene) -> Press:
        # In a thread: the job of an earlier purge, which may have the lock, goes on meanwhile.
        table_id = await asyncio.to_thread(
            add_table, scene.settings.data_dir, PLANETS, PLANET_ROWS, owner=scene.user.id
        )
        actor = actor_of(scene.user)
        await scene.write(delete_table, actor, table_id)
        filled = {name: value.format(id=table_id) for name, value in form.items()}
        address = f"/tables/trash{action.format(id=table_id)}"

        async def gone() -> None:
            with suppress(NotFound):  # the job that the press has left is interrupted, too
                await scene.write(purge_table, actor, table_id)

        return Press(address, filled, gone)

    return prepare


def table(action: str, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        return Press(f"/tables/{table_id}{action}", form, deleting(scene, scene.user, table_id))

    return prepare


async def delete_a_row(work: UnitOfWork, actor: Actor, table_id: int) -> None:
    await editing.delete_rows(work, actor, table_id, [3])


def large_change(action: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a plan that waits for a decision."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        change_id = add_plan(scene.settings.data_dir, table_id, user_id=scene.user.id)
        return Press(f"/tables/{table_id}/changes/{change_id}{action}", gone=deleting(scene, scene.user, table_id))

    return prepare


def change(
    action: str, *, steps: Sequence[Verb] = (), page: str = "", json: dict[str, Any] | None = None, **form: str
) -> Callable[[Scene], Awaitable[Press]]:
    """Of a table in which the person has changed a cell, and then taken these `steps`."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        actor = actor_of(scene.user)
        await scene.write(editing.change_cells, actor, table_id, [editing.CellEdit(1, 1, "Mercury", "Hermes")])
        for step in steps:
            await scene.write(step, actor, table_id)
        gone = deleting(scene, scene.user, table_id)
        shown = f"/tables/{table_id}{page}" if page else ""
        return Press(f"/tables/{table_id}{action}", form, gone, json=json, page=shown)

    return prepare


def sharing(action: str, shared_as: str = "", **form: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a table that is shared with a member, or is to be; `shared_as` is what they are to it."""

    async def prepare(scene: Scene) -> Press:
        member = await scene.member()
        table_id = await scene.add_table()
        if shared_as:
            await scene.write(members.add_member, *_acting(scene.user), table_id, member.id, TableRole(shared_as))
        given = {name: value.format(email=member.email) for name, value in form.items()}
        path = f"/tables/{table_id}/members{action.format(id=member.id)}"
        return Press(path, given, deleting(scene, scene.user, table_id))

    return prepare


def saved_view(action: str, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a view for all members, which is deleted meanwhile."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        view_id = add_view(scene.settings.data_dir, table_id, owner=None)
        gone = lambda: scene.write(delete_view, actor_of(scene.user), table_id, view_id)  # noqa: E731
        return Press(f"/tables/{table_id}/views/{view_id}{action}", form, gone)

    return prepare


def table_form(action: str, **fields: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a form, to be changed by an editor; the form goes while it is pressed."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        form = await add_form(db.of(scene.app), scene.settings, table_id, actor=actor_of(scene.user))
        return Press(f"{form.page}{action}", fields, lambda: scene.write(_forget, TableForm, form.id))

    return prepare


def link(action: str, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    """A link to a table, or the one that is to be made."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        path, gone = f"/tables/{table_id}/links", deleting(scene, scene.user, table_id)
        if not action:
            return Press(path, form, gone, page=path)
        link_id, _ = await add_link(scene.app, table_id, scene.user)
        return Press(path + action.format(id=link_id), form, gone)

    return prepare


async def link_of_view(scene: Scene) -> Press:
    """To be brought up to date."""
    table_id = await scene.add_table()
    view_id = add_view(scene.settings.data_dir, table_id, owner=None)
    link_id, _ = await add_link(scene.app, table_id, scene.user, scope=[("f.4", "eq:yes")], view_id=view_id)
    path = f"/tables/{table_id}/links/{link_id}/view"
    return Press(path, {"seen": "1"}, deleting(scene, scene.user, table_id))


def webhook(action: str, *, has_key: bool = False, **form: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a webhook, or the one that is to be made."""

    async def prepare(scene: Scene) -> Press:
        # In a thread: what an earlier press has sent is written down meanwhile.
        table_id = await asyncio.to_thread(
            add_table, scene.settings.data_dir, PLANETS, PLANET_ROWS, owner=scene.user.id
        )
        path, gone = f"/tables/{table_id}/webhooks", deleting(scene, scene.user, table_id)
        if not action:
            return Press(path, form, gone, page=path)
        ids = await scene.write(place_webhook, table_id)
        page = f"{path}/{ids['webhook_id']}"
        return Press(path + action.format(**ids), form, gone, page=page if has_key else "")

    return prepare


def visit(
    action: str, *, page: str = "", json: dict[str, Any] | None = None, password: str = "", **form: str
) -> Callable[[Scene], Awaitable[Press]]:
    """By a link that allows it, of a table of the person; its own end is that of the table."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        hashed = await hasher.of(scene.app).hash(password) if password else None
        _, path = await add_link(scene.app, table_id, scene.user, may_edit=True, password_hash=hashed)
        gone, shown = deleting(scene, scene.user, table_id), f"{path}{page}" if page else ""
        filled = {"password": password} if password else form
        return Press(path + action, filled, gone, client=scene.stranger(), json=json, page=shown)

    return prepare


async def answer_form(scene: Scene) -> Press:
    table_id = await scene.add_table()
    form = await add_form(db.of(scene.app), scene.settings, table_id, actor=actor_of(scene.user))
    public = await db.of(scene.app).read(lambda connection: find_public_form(connection, form.token))
    gone = deleting(scene, scene.user, table_id)
    return Press(form.url, {"cell1": "Pluto", "seen": public.seen}, gone, scene.stranger(), page=form.url)


async def leave_table(scene: Scene) -> Press:
    owner = await scene.member()
    table_id = await scene.add_table(owner)
    await scene.write(members.add_member, *_acting(owner), table_id, scene.user.id, TableRole.VIEWER)
    return Press(f"/tables/{table_id}/members/leaving", {}, deleting(scene, owner, table_id))


def table_invitation(action: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        email = f"new{scene.number}@example.org"
        gone = deleting(scene, scene.user, table_id)
        if not action:
            return Press(f"/tables/{table_id}/invitations", {"email": email, "role": "viewer"}, gone)
        await scene.write(invite_member, *_acting(scene.user), mailer, table_id, email, TableRole.VIEWER)
        invited = select(TableInvitation.invitation_id).where(TableInvitation.table_id == table_id)
        async with db.of(scene.app).reading() as session:
            token_id = await session.scalar(invited)
        return Press(f"/tables/{table_id}/invitations/{token_id}/{action}", {}, gone)

    return prepare


def actor_of(user: User) -> Actor:
    return Actor(user.id, user.email, user.name, user.role)


def _acting(user: User) -> tuple[Actor, AuditSource]:
    return actor_of(user), AuditSource(user.id, user.email)


def _add_import(scene: Scene, state: str, owner: User, file: Path = FILE) -> str:
    import_id = add_import(scene.settings.data_dir, file, state).rpartition("/")[2]
    with closing(connect(scene.settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE imports SET user_id = ? WHERE id = ?", (owner.id, import_id))
    folder = scene.settings.imports_dir / import_id
    folder.mkdir(parents=True)
    (folder / "original").write_bytes(file.read_bytes())
    return import_id


def waiting_import(action: str, file: Path = FILE, **fields: str) -> Callable[[Scene], Awaitable[Press]]:
    async def prepare(scene: Scene) -> Press:
        import_id = _add_import(scene, "ready", scene.user, file)
        return Press(f"/tables/imports/{import_id}{action}", fields, lambda: scene.write(importing.cancel, import_id))

    return prepare


def further_file(action: str, *, is_compared: bool = False, **fields: str) -> Callable[[Scene], Awaitable[Press]]:
    """Of a table, which is deleted while it is pressed."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        url = add_update(scene.settings.data_dir, FILE, table_id, "ready", user_id=scene.user.id)
        folder = scene.settings.imports_dir / url.rpartition("/")[2]
        folder.mkdir(parents=True)
        (folder / "original").write_bytes(FILE.read_bytes())
        if is_compared:
            gzip.open(folder / "plan.gz", "wt").close()  # the job has nothing to change
            await scene.write(_compared, url.rpartition("/")[2])
        return Press(f"{url}{action}", fields, deleting(scene, scene.user, table_id))

    return prepare


async def dismissed_import(scene: Scene) -> Press:
    import_id = _add_import(scene, "failed", scene.user)
    form = {"id": import_id}
    return Press("/tables/imports/dismissal", form, lambda: scene.write(importing.dismiss, scene.user.id, import_id))


async def retry_import(scene: Scene) -> Press:
    owner = await scene.member()
    import_id = _add_import(scene, "ready", owner)
    await scene.write(_fail, import_id)
    return Press(f"/admin/jobs/imports/{import_id}/retry", {}, lambda: scene.remove(owner))


async def edit_row(scene: Scene) -> Press:
    """With the token of what the form showed."""
    token = CellText(Field(1, "Planet", "text", {}), "Earth").token
    return await change("/rows/3", cell1="Gaia", seen1=token)(scene)


async def edit_row_by_link(scene: Scene) -> Press:
    token = CellText(Field(1, "Planet", "text", {}), "Earth").token
    return await visit("/rows/3", cell1="Gaia", seen1=token)(scene)


async def paste(scene: Scene) -> Press:
    return Press("/tables", {"text": "a,b\n1,2\n"}, page="/dashboard")


# --- the API ---


async def _program(scene: Scene) -> dict[str, str]:
    _, token = await scene.write(ApiToken.issue, scene.user.id, name="api", scope=Scope.ADMIN, expires_at=None)
    return {"Authorization": f"Bearer {token}"}


async def api_create(scene: Scene) -> Press:
    client = scene.app.test_client(use_cookies=False)
    data = {"email": f"new{scene.number}@example.org"}
    return Press("/api/v1/users", client=client, headers=await _program(scene), json=data)


async def api_change(scene: Scene) -> Press:
    client, member = scene.app.test_client(use_cookies=False), await scene.member()
    gone = lambda: scene.remove(member)  # noqa: E731
    shown = await _program(scene)
    return Press(f"/api/v1/users/{member.id}", {}, gone, client, shown, {"name": "Eva"}, method="PATCH")


async def api_delete(scene: Scene) -> Press:
    client, member = scene.app.test_client(use_cookies=False), await scene.member()
    gone, shown = lambda: scene.remove(member), await _program(scene)
    return Press(f"/api/v1/users/{member.id}", {}, gone, client, shown, method="DELETE")


async def api_create_table(scene: Scene) -> Press:
    client, data = scene.app.test_client(use_cookies=False), {"title": "T", "columns": [{"title": "a"}]}
    return Press("/api/v1/tables", client=client, headers=await _program(scene), json=data)


def api_table(action: str, json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    """By a program, of a table."""

    async def prepare(scene: Scene) -> Press:
        table_id = await scene.add_table()
        path, gone = f"/api/v1/tables/{table_id}{action}", deleting(scene, scene.user, table_id)
        client = scene.app.test_client(use_cookies=False)
        return Press(path, {}, gone, client, await _program(scene), json, method=method)

    return prepare


def api_member(action: str, json: dict[str, Any] | None = None, method: str = "POST", shared_as: str = "") -> Prepare:
    async def prepare(scene: Scene) -> Press:
        member = await scene.member()
        press = await api_table(f"/members{action.format(id=member.id)}", json, method)(scene)
        if shared_as:
            table_id = int(press.path.split("/")[4])
            await scene.write(members.add_member, *_acting(scene.user), table_id, member.id, TableRole(shared_as))
        return press if method != "POST" else replace(press, json={"user_id": member.id, **(json or {})})

    return prepare


def api_view(json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    async def prepare(scene: Scene) -> Press:
        press = await api_table("/views", json, method)(scene)
        view_id = add_view(scene.settings.data_dir, int(press.path.split("/")[4]), owner=scene.user.id)
        return replace(press, path=f"{press.path}/{view_id}")

    return prepare


def api_link(json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    async def prepare(scene: Scene) -> Press:
        press = await api_table("/links", json, method)(scene)
        link_id, _ = await add_link(scene.app, int(press.path.split("/")[4]), scene.user)
        return replace(press, path=f"{press.path}/{link_id}")

    return prepare


async def api_link_of_view(scene: Scene) -> Press:
    """To be brought up to date."""
    press = await api_table("/links", {"version": 1})(scene)
    table_id = int(press.path.split("/")[4])
    view_id = add_view(scene.settings.data_dir, table_id, owner=None)
    link_id, _ = await add_link(scene.app, table_id, scene.user, scope=[("f.4", "eq:yes")], view_id=view_id)
    return replace(press, path=f"{press.path}/{link_id}/view")


def api_webhook(action: str = "", json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    async def prepare(scene: Scene) -> Press:
        press = await api_table("/webhooks", json, method)(scene)
        ids = await scene.write(place_webhook, int(press.path.split("/")[4]))
        return replace(press, path=f"{press.path}/{ids['webhook_id']}{action.format(**ids)}")

    return prepare


def api_form(action: str = "", json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    async def prepare(scene: Scene) -> Press:
        press = await api_table("/forms", json, method)(scene)
        table_id = int(press.path.split("/")[4])
        form = await add_form(db.of(scene.app), scene.settings, table_id, actor=actor_of(scene.user), is_on=False)
        return replace(press, path=f"{press.path}/{form.id}{action}")

    return prepare


async def api_upload(scene: Scene) -> Press:
    client, headers = scene.app.test_client(use_cookies=False), await _program(scene)
    return Press("/api/v1/imports?filename=a.csv", client=client, headers=headers | CSV, data="a,b\n1,2\n")


async def api_upload_into(scene: Scene) -> Press:
    press = await api_table("/imports?filename=a.csv", method="POST")(scene)
    return replace(press, headers=press.headers | CSV, data="Planet,Moons\nPluto,5\n")


def api_import(action: str = "", json: dict[str, Any] | None = None, method: str = "POST") -> Prepare:
    """Of a file that waits for a decision."""

    async def prepare(scene: Scene) -> Press:
        import_id = _add_import(scene, "ready", scene.user)
        client, headers = scene.app.test_client(use_cookies=False), await _program(scene)
        gone = lambda: scene.write(importing.cancel, import_id)  # noqa: E731
        return Press(f"/api/v1/imports/{import_id}{action}", {}, gone, client, headers, json, method=method)

    return prepare


async def _forget(work: UnitOfWork, model: Any, row_id: Any) -> None:
    await work.session.execute(delete(model).where(model.id == row_id))


async def _delete_proofs(work: UnitOfWork) -> None:
    for model in (Session, OneTimeToken, ApiToken, Passkey, RecoveryCode):
        await work.session.execute(delete(model))
    await work.session.execute(update(User).values(totp_secret=None, totp_added_at=None))


async def _unverify(work: UnitOfWork, user_id: int) -> None:
    await work.session.execute(update(User).where(User.id == user_id).values(verified_at=None))


async def _fail(work: UnitOfWork, import_id: str) -> None:
    await work.session.execute(update(Import).where(Import.id == import_id).values(state="failed"))


async def _compared(work: UnitOfWork, import_id: str) -> None:
    statement = update(ImportUpdate).where(ImportUpdate.import_id == import_id)
    await work.session.execute(statement.values(comparison={"seq": 0, "entries": 1}))


async def _give_up(work: UnitOfWork, mail_id: str) -> None:
    await work.session.execute(update(Mail).where(Mail.id == mail_id).values(tries=MAX_TRIES))


# By endpoint. A test compares it with the routes of the application.
PRESSES: dict[str, Callable[[Scene], Awaitable[Press]]] = {
    "account.deletion": delete_own_account,
    "account.devices_end": end_device,
    "account.devices_end_others": plain("/account/devices/others/end"),
    "account.email": change_email,
    "account.email_confirmation": confirm_email,
    "account.email_withdrawal": plain("/account/email/withdrawal"),
    "account.export_create": plain("/account/export"),
    "account.identities_link": plain("/account/identities"),
    "account.identities_remove": remove_identity,
    "account.passkeys_edit": rename_passkey,
    "account.passkeys_new": add_passkey,
    "account.passkeys_options": plain("/account/passkeys/options"),
    "account.passkeys_remove": remove_passkey,
    "account.password": plain("/account/password", current=PASSWORD, **PASSWORDS),
    "account.profile": rename_profile,
    "account.recovery_codes": renew_recovery_codes,
    "account.second_factor_new": turn_on_second_factor,
    "account.second_factor_removal": turn_off_second_factor,
    "account.second_factor_replacement": replace_authenticator_app,
    "account.tokens_new": make_token,
    "account.tokens_revoke": revoke_token,
    "admin.invitations_create": send_invitation,
    "admin.invitations_link": invitation("link"),
    "admin.invitations_resend": invitation("resend"),
    "admin.invitations_withdraw": invitation("withdrawal"),
    "admin.jobs_retry": retry_import,
    "admin.mails_link": mail("link"),
    "admin.mails_retry": mail("retry"),
    "admin.people_bulk": change_several_people,
    "admin.person_activate": person("/activation"),
    "admin.person_deactivate": person("/deactivation"),
    "admin.person_email": person("/email", email="other{number}@example.org"),
    "admin.person_end_sessions": person("/sessions/end"),
    "admin.person_remove": person("/removal", confirmation="{email}"),
    "admin.person_reset": person("/reset", has_key=True),
    "admin.person_role": person("/role", role="guest"),
    "admin.person_update": person("", name="Eva"),
    "api.columns_create": api_table("/columns", {"title": "Mass", "type": "decimal", "place": 2}),
    "api.columns_delete": api_table("/columns/2", method="DELETE"),
    "api.columns_update": api_table("/columns/2", {"title": "Satellites", "type": "text"}, "PATCH"),
    "api.deliveries_repeat": api_webhook("/deliveries/{delivery_id}/again"),
    "api.forms_create": api_table("/forms", {"name": "New planets", "fields": [{"column": 1}]}),
    "api.forms_delete": api_form(method="DELETE"),
    "api.forms_renew": api_form("/address"),
    "api.forms_restore": api_form("/restoration"),
    "api.forms_update": api_form(json={"name": "Moons", "is_on": True}, method="PATCH"),
    "api.imports_cancel": api_import("/cancel"),
    "api.imports_create": api_upload,
    "api.imports_create_into": api_upload_into,
    "api.imports_start": api_import("/start"),
    "api.imports_update": api_import("", {"columns": [{"number": 1, "title": "First"}]}, "PATCH"),
    "api.links_create": api_table("/links", {"name": "Press"}),
    "api.links_delete": api_link(method="DELETE"),
    "api.links_follow": api_link_of_view,
    "api.links_update": api_link({"may_edit": True}, "PATCH"),
    "api.members_create": api_member("", {"role": "editor"}),
    "api.members_delete": api_member("/{id}", method="DELETE", shared_as="viewer"),
    "api.members_update": api_member("/{id}", {"role": "editor"}, "PATCH", shared_as="viewer"),
    "api.rows_change": api_table("/rows", {"rows": [{"id": 3, "cells": {"Moons": 2}}]}, "PATCH"),
    "api.rows_create": api_table("/rows", {"rows": [{"cells": {"Planet": "Pluto"}}]}),
    "api.rows_delete": api_table("/rows/3", method="DELETE"),
    "api.rows_put": api_table("/rows", {"key": ["Planet"], "rows": [{"cells": {"Planet": "Pluto"}}]}, "PUT"),
    "api.rows_remove": api_table("/rows", {"rows": [{"id": 3}]}, "DELETE"),
    "api.rows_replace": api_table("/rows/3", {"cells": {"Planet": "Gaia"}}, "PUT"),
    "api.rows_update": api_table("/rows/3", {"cells": {"Planet": "Gaia"}}, "PATCH"),
    "api.tables_create": api_create_table,
    "api.tables_delete": api_table("", method="DELETE"),
    "api.tables_update": api_table("", {"title": "Moons"}, "PATCH"),
    "api.users_create": api_create,
    "api.users_delete": api_delete,
    "api.users_update": api_change,
    "api.views_create": api_table("/views", {"name": "Giants", "state": "sort=-2"}),
    "api.views_delete": api_view(method="DELETE"),
    "api.views_update": api_view({"name": "Giants", "state": "sort=-2", "is_shared": True}, "PATCH"),
    "api.webhooks_create": api_table("/webhooks", {"name": "Shop", "url": "https://hooks.invalid/"}),
    "api.webhooks_delete": api_webhook(method="DELETE"),
    "api.webhooks_replay": api_webhook("/replay", {"seq": 1}),
    "api.webhooks_rotate": api_webhook("/secret"),
    "api.webhooks_test": api_webhook("/test"),
    "api.webhooks_update": api_webhook(json={"url": "https://hooks.invalid/other"}, method="PATCH"),
    "auth.confirm": plain("/login/confirm", password=PASSWORD),
    "auth.invitation": accept_invitation,
    "auth.login": sign_in_with_password,
    "auth.login_code": sign_in_with_code,
    "auth.logout": plain("/logout"),
    "auth.logout_everywhere": plain("/logout/everywhere"),
    "auth.passkey_confirm": confirm_by_passkey,
    "auth.passkey_login": sign_in_by_passkey,
    "auth.passkey_options": passkey_options,
    "auth.register": register,
    "auth.reset": ask_for_reset,
    "auth.reset_edit": reset_password,
    "auth.single_sign_on": sign_in_through_provider,
    "auth.single_sign_on_confirm": plain("/login/confirm/oidc"),
    "auth.verify": verify,
    "auth.verify_resend": resend_verification,
    "forms.answer": answer_form,
    "forms.create": change("/forms", page="/forms/new", name="New planets", column="1"),
    "forms.destroy": table_form("/deletion"),
    "forms.renew": table_form("/address"),
    "forms.restore": table_form("/restoration"),
    "forms.switch": table_form("/state"),
    "forms.update": table_form("", name="Renamed", column="1", seen="1"),
    "tables.bulk_update": change(
        "/bulk/set?rows=all", page="/bulk/duplicate?rows=all", column="1", text="Vulcan", confirm="1"
    ),
    "tables.cells_update": change("/cells", json={"edits": [{"row": 3, "column": 2, "seen": "1", "text": "2"}]}),
    "tables.columns_create": change("/columns", page="/columns/new", title="Mass", type="decimal", place="2"),
    "tables.columns_destroy": table("/columns/2/deletion", seen="Moons"),
    "tables.columns_update": table("/columns/2", title="Satellites", place="1", seen=SEEN),
    "tables.create": paste,
    "tables.deletions_destroy": change("/trash/purge", steps=[delete_a_row], seq="2"),
    "tables.deletions_restore": change("/trash/restoration", steps=[delete_a_row], seq="2"),
    "tables.destroy": table("/deletion", confirmation="Planets"),
    "tables.imports_cancel": waiting_import("/cancellation"),
    "tables.imports_dismiss": dismissed_import,
    "tables.imports_sheets": waiting_import("/sheets", WORKBOOK, sheets="Two"),
    "tables.imports_start": waiting_import("/start"),
    "tables.imports_update": waiting_import(""),
    "tables.invitations_create": table_invitation(""),
    "tables.invitations_link": table_invitation("link"),
    "tables.invitations_withdraw": table_invitation("withdrawal"),
    "shared.cells_update": visit("/cells", json={"edits": [{"row": 3, "column": 2, "seen": "1", "text": "2"}]}),
    "shared.pastes_create": visit("/paste", json={"text": "Gaia\t1", "rows": [3], "columns": [1, 2]}),
    "shared.password": visit("/password", password="the rings of Saturn"),
    "shared.rows_create": visit("/rows", page="/rows/new", cell1="Pluto"),
    "shared.rows_destroy": visit("/rows/deletion", id="3"),
    "shared.rows_duplicate": visit("/rows/duplicate", page="/rows/3", id="3"),
    "shared.rows_update": edit_row_by_link,
    "tables.links_create": link("", name="Press", what="table"),
    "tables.links_follow": link_of_view,
    "tables.links_revoke": link("/{id}/revocation"),
    "tables.links_update": link("/{id}", name="Board", may_search="y"),
    "tables.webhooks_again": webhook("/{webhook_id}/deliveries/{delivery_id}/again", has_key=True),
    "tables.webhooks_create": webhook("", name="Shop", url="https://hooks.invalid/", events="rows.added"),
    "tables.webhooks_destroy": webhook("/{webhook_id}/deletion"),
    "tables.webhooks_replay": webhook("/{webhook_id}/replay", has_key=True, seq="1"),
    "tables.webhooks_rotate": webhook("/{webhook_id}/secret", has_key=True),
    "tables.webhooks_switch": webhook("/{webhook_id}/state", on="1"),
    "tables.webhooks_test": webhook("/{webhook_id}/test", has_key=True),
    "tables.webhooks_update": webhook("/{webhook_id}", name="Shop", url="https://hooks.invalid/", events="rows.added"),
    "tables.members_create": sharing("", person="{email}", role="editor"),
    "tables.members_destroy": sharing("/{id}/removal", "viewer"),
    "tables.members_hand_over": sharing("/{id}/handover", "viewer"),
    "tables.members_leave": leave_table,
    "tables.members_update": sharing("/{id}", "viewer", role="editor"),
    "tables.pastes_create": change("/paste", json={"text": "Gaia\t1", "rows": [3], "columns": [1, 2]}),
    "tables.presence_update": table("/presence", row="3", column="2"),
    "tables.redo_create": change("/redo", steps=[undo.undo_latest]),
    "tables.reverts_create": change("/history/1/revert"),
    "tables.rows_create": change("/rows", page="/rows/new", cell1="Pluto"),
    "tables.rows_destroy": change("/rows/deletion", id="3"),
    "tables.large_changes_cancel": large_change("/cancellation"),
    "tables.large_changes_start": large_change("/start"),
    "tables.rows_duplicate": change("/rows/duplicate", page="/rows/3", id="3"),
    "tables.rows_update": edit_row,
    "tables.samples_create": plain("/tables/samples", "/dashboard"),
    "tables.trash_destroy": trashed("/{id}/purge", confirmation="Planets"),
    "tables.trash_destroy_all": trashed("/purge", id="{id}"),
    "tables.trash_restore": trashed("/{id}/restoration"),
    "tables.types_cancel": table("/columns/2/type/cancellation"),
    "tables.types_update": table("/columns/2/type", type='{"type": "text", "format": {}}'),
    "tables.undo_create": change("/undo"),
    "tables.updates_apply": further_file("/application", is_compared=True),
    "tables.updates_cancel": further_file("/cancellation"),
    "tables.updates_create": change("/imports", page="/imports", text="Planet\nMars\n"),
    "tables.updates_update": further_file("", mode="append", **{"column-0": "1"}),
    "tables.update": table("", title="Moons"),
    "tables.views_create": table("/views?sort=-2", name="Giants"),
    "tables.views_destroy": saved_view("/deletion"),
    "tables.views_restore": saved_view("/restoration"),
    "tables.views_save": saved_view("/state?sort=-2", seen="1"),
    "tables.views_update": saved_view("", name="Giants", is_shared="y", is_default="y"),
}
