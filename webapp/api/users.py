"""People: list, add, show, change and remove them, by the same verbs as the administration pages."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from quart import Response, request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, query, response, takes_idempotency_key
from webapp.api.schemas import NewPerson, People, PeopleQuery, Person, PersonChange, PersonId
from webapp.extensions import db
from webapp.models import User
from webapp.models.accounts import people
from webapp.models.accounts.combined_changes import change_person, if_version, version_of
from webapp.models.accounts.outcomes import person_id, person_subject
from webapp.models.accounts.people_query import people_after
from webapp.models.errors import NotFound
from webapp.models.idempotency import AlreadyDone, Outcome, once
from webapp.web.access import Action, may, roles_with_two_factors
from webapp.web.idempotency import header_key
from webapp.web.mailer import mailer
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import acting_user
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
    async with db().reading() as session:
        # One more than requested shows whether there is a next page.
        users = await people_after(session, query_args.after, query_args.limit + 1, query_args.q)
    page = users[: query_args.limit]
    next_url = _next_url(query_args, page[-1].id) if len(users) > query_args.limit else None
    headers = {"Link": f'<{next_url}>; rel="next"'} if next_url else {}
    return People(items=[Person.of(user) for user in page], next=next_url), 200, headers


@bp.post("/v1/users")
@tag(["People"])
@may(Action.MANAGE_PEOPLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Person, 201, headers=("Location", "ETag"))
@body(NewPerson)
async def users_create(data: NewPerson) -> Any:
    """Add a person

    They get a mail with a link to choose a password; programs never handle passwords. Without a mail server an
    administrator finds the link in the administration under "Mail". Owners may grant every role, others only roles
    below their own. Sent again with the same `Idempotency-Key` within a day, the request adds nobody and gets the
    person that the first one added.
    """
    key, by = await header_key(), acting_user()
    details: dict[str, Any] = {"email": data.email, "name": data.name, "role": data.role, "mailer": mailer}
    try:
        person = await db().write(once, key, _added, partial(people.add_person, **details), by)
    except AlreadyDone as done:
        person = await _find(person_id(done.outcome.subject))
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
    one. A promotion ends passkeys; it is refused with a 409 where the server asks for a second factor and passkeys are
    their only one.
    """
    versions = request.if_match or None
    change = partial(change_person, two_factors=roles_with_two_factors())
    person = await db().write(
        if_version, acting_user(), user_id, versions, change, data.name, data.role, data.is_active
    )
    return Person.of(person), 200, {"ETag": _etag(person)}


@bp.delete("/v1/users/<id:user_id>")
@tag(["People"])
@may(Action.MANAGE_PEOPLE)
@writes
@errors(409, 412)
async def users_delete(user_id: PersonId) -> Response:
    """Remove a person

    Permanently, with all their tables. To keep the option of restoring them, deactivate them instead. Sent again, it
    gets a 404: there is nobody left to remove, and ids are never given to somebody else.
    """
    versions = request.if_match or None
    await db().write(if_version, acting_user(), user_id, versions, people.remove_person, delete_user_data)
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


async def _find(user_id: int) -> User:
    """Raises `NotFound`."""
    async with db().reading() as session:
        person = await session.get(User, user_id)
    if person is None:
        raise NotFound("person")
    return person


def _added(person: User) -> Outcome:
    return Outcome(subject=person_subject(person))


def _next_url(query: PeopleQuery, last_id: int) -> str:
    args = query.model_dump(exclude_unset=True) | {"after": last_id, "limit": query.limit}
    return f"{request.path}?{urlencode(args)}"


def _etag(person: User) -> str:
    return f'"{version_of(person)}"'
