"""People: list, add, show, change and remove them, by the same verbs as the administration pages."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from quart import Response, request, url_for
from quart_schema import tag
from sqlalchemy import or_, select
from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed

from webapp.api import bp
from webapp.api.decorators import body, errors, query, response
from webapp.api.schemas import NewPerson, People, PeopleQuery, Person, PersonChange, PersonId
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import User
from webapp.models.accounts import people
from webapp.models.accounts.links import send_welcome
from webapp.models.accounts.people import ActingUser
from webapp.models.errors import NotFound
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.mailer import mailer
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user
from webapp.web.user_data import delete_user_data


@bp.get("/v1/users")
@tag(["People"])
@may(Action.READ_PEOPLE)
@reads
@response(People, headers=("Link",))
@query(PeopleQuery)
async def users_index(query_args: PeopleQuery) -> Any:
    """List people

    Oldest accounts first. Follow `next`, or the header `Link: <...>; rel="next"`, until it is absent.
    """
    found = await _page(query_args)
    shown = found[: query_args.limit]
    following = _next(query_args, shown[-1].id) if len(found) > query_args.limit else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return People(items=[Person.of(user) for user in shown], next=following), 200, headers


@bp.post("/v1/users")
@tag(["People"])
@may(Action.MANAGE_PEOPLE)
@writes
@errors(409)
@response(Person, 201, headers=("Location", "ETag"))
@body(NewPerson)
async def users_create(data: NewPerson) -> Any:
    """Add a person

    They get a mail with a link to choose a password; programs never handle passwords. Without a mail server an
    administrator finds the link in the administration under "Mail". Owners may grant every role, others only roles
    below their own.
    """
    person = await db().write(_add, _manager(), data, current_user().email)
    return Person.of(person), 201, {"Location": url_for("api.users_show", user_id=person.id), "ETag": _etag(person)}


@bp.get("/v1/users/<id:user_id>")
@tag(["People"])
@may(Action.READ_PEOPLE)
@reads
@response(Person, headers=("ETag",))
async def users_show(user_id: PersonId) -> Any:
    """Show a person

    The header `ETag` identifies this version: send it as `If-Match` with a change.
    """
    person = await _find(user_id)
    return Person.of(person), 200, {"ETag": _etag(person)}


@bp.patch("/v1/users/<id:user_id>")
@tag(["People"])
@may(Action.MANAGE_PEOPLE)
@writes
@errors(409, 412)
@response(Person, headers=("ETag",))
@body(PersonChange)
async def users_update(user_id: PersonId, data: PersonChange) -> Any:
    """Change a person

    Their name, their role, or whether they may sign in: all fields given are changed, or none. The last owner stays
    one.
    """
    person = await db().write(_change, _manager(), user_id, data, request.if_match)
    return Person.of(person), 200, {"ETag": _etag(person)}


@bp.delete("/v1/users/<id:user_id>")
@tag(["People"])
@may(Action.MANAGE_PEOPLE)
@writes
@errors(409, 412)
async def users_delete(user_id: PersonId) -> Response:
    """Remove a person

    Permanently, with all their tables. To keep the option of restoring them, deactivate them instead.
    """
    await db().write(_remove, _manager(), user_id, request.if_match)
    gone = Response(status=204)
    del gone.headers["Content-Type"]
    return gone


def _manager() -> ActingUser:
    return ActingUser(current_user(), audit_source())


async def _page(query: PeopleQuery) -> Sequence[User]:
    """Fetch one more than requested, which shows whether there is a next page."""
    statement = select(User).where(User.id > query.after).order_by(User.id).limit(query.limit + 1)
    if query.q:
        statement = statement.where(
            or_(User.email.icontains(query.q, autoescape=True), User.name.icontains(query.q, autoescape=True))
        )
    async with db().reading() as session:
        return (await session.execute(statement)).scalars().all()


def _next(query: PeopleQuery, last: int) -> str:
    """The same query, for the next page."""
    return f"{request.path}?{urlencode(query.model_dump(exclude_unset=True) | {'after': last, 'limit': query.limit})}"


async def _find(user_id: int) -> User:
    async with db().reading() as session:
        found = await session.get(User, user_id)
    if found is None:
        raise NotFound("person")
    return found


async def _add(work: UnitOfWork, by: ActingUser, data: NewPerson, inviter: str) -> User:
    person = await people.add_person(work, by, email=data.email, name=data.name, role=data.role)
    await send_welcome(work, mailer, person, inviter)
    return person


async def _change(work: UnitOfWork, by: ActingUser, user_id: int, data: PersonChange, seen: ETags) -> User:
    """One unit of work: if the second change is refused, the first has not happened either."""
    await _expect(work, user_id, seen)
    if "name" in data.model_fields_set:
        await people.change_person(work, by, user_id, name=data.name)
    if "role" in data.model_fields_set:
        await people.change_role(work, by, user_id, data.role)
    if "is_active" in data.model_fields_set:
        await (people.activate if data.is_active else people.deactivate)(work, by, user_id)
    return await work.session.get_one(User, user_id)


async def _remove(work: UnitOfWork, by: ActingUser, user_id: int, seen: ETags) -> None:
    await _expect(work, user_id, seen)
    await people.remove_person(work, by, user_id, delete_user_data)


async def _expect(work: UnitOfWork, user_id: int, seen: ETags) -> None:
    """Raises PreconditionFailed if somebody else was faster. Under the write lock nobody can be faster still."""
    person = await work.session.get(User, user_id)
    if person is not None and seen and _etag(person).strip('"') not in seen:
        raise PreconditionFailed


def _etag(person: User) -> str:
    """Changes with everything that can be changed, but not with the last activity."""
    kept = (person.id, person.email, person.name, str(person.role), person.is_active, person.verified_at)
    return f'"{hashlib.sha256(repr(kept).encode()).hexdigest()[:16]}"'
