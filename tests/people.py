"""People of every role, stored as the application stores them; they sign in through the real form."""

from quart.testing import QuartClient

from tests.helpers import PASSWORD, Person, sign_in
from webapp.extensions import db, hasher
from webapp.models import Role, User
from webapp.models.accounts import people
from webapp.models.accounts.people import OPERATOR
from webapp.web.application import Application

ADA = Person("ada@example.org")  # the owner
BOB = Person("bob@example.org")  # an administrator
BEN = Person("ben@example.org")
EVE = Person("eve@example.org")  # a member
GUS = Person("gus@example.org")  # a guest
ROLES = {Role.OWNER: ADA, Role.ADMINISTRATOR: BOB, Role.MEMBER: EVE, Role.GUEST: GUS}


async def settle(
    app: Application, email: str, role: Role = Role.MEMBER, name: str = "", *, verified: bool = True
) -> User:
    """Add a person who can sign in with `PASSWORD`."""
    async with app.app_context():
        password_hash = await hasher().hash(PASSWORD)
        return await db().write(
            people.add_person,
            OPERATOR,
            email=email,
            name=name,
            role=role,
            password_hash=password_hash,
            is_verified=verified,
        )


async def settle_everybody(app: Application) -> dict[Role, User]:
    return {role: await settle(app, person.email, role) for role, person in ROLES.items()}


async def window(app: Application, person: Person) -> QuartClient:
    """A separate browser, signed in."""
    client = app.test_client()
    await sign_in(client, person)
    return client
