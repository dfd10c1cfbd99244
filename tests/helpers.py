"""People in tests: they sign up and sign in through the real forms."""

from dataclasses import dataclass
from typing import Any

from quart import Quart
from quart.testing import QuartClient

from webapp.auth.registrations import setup_key
from webapp.extensions import config, db
from webapp.models.retention import RETENTIONS

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    email: str
    password: str = PASSWORD


ADA = Person("ada@example.org")
GRACE = Person("grace@example.org")


def sign_up_form(app: Quart, person: Person = ADA) -> dict[str, str]:
    """The key is only checked where the first person needs it."""
    key = setup_key(config.of(app))
    return {"email": person.email, "password": person.password, "confirmation": person.password, "setup_key": key}


async def sign_up(client: QuartClient, person: Person = ADA, **more: str) -> Any:
    """Create an account; the client is signed in afterwards. Only the first person can, unless registration is open."""
    answer = await client.post("/register", form=sign_up_form(client.app, person) | more)
    assert answer.status_code == 303, await answer.get_data(as_text=True)
    return answer


async def sign_in(client: QuartClient, person: Person = ADA, *, remember: bool = False) -> Any:
    form = {"email": person.email, "password": person.password} | ({"remember": "y"} if remember else {})
    answer = await client.post("/login", form=form)
    assert answer.status_code == 303, await answer.get_data(as_text=True)
    return answer


async def sign_out(client: QuartClient) -> None:
    answer = await client.post("/logout")
    assert answer.status_code == 303


async def is_signed_in(client: QuartClient) -> bool:
    """The welcome page redirects signed-in people to the dashboard."""
    answer = await client.get("/")
    return bool(answer.status_code == 303)


async def delete_what_is_old(app: Quart) -> None:
    """As the schedule does once an hour."""
    for retention in RETENTIONS:
        await db.of(app).write(retention.delete_batch, config.of(app))
