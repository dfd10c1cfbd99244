"""People in tests: they sign up and sign in through the real forms."""

from dataclasses import dataclass
from typing import Any

from quart.testing import QuartClient

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    email: str
    password: str = PASSWORD


ADA = Person("ada@example.org")
GRACE = Person("grace@example.org")


async def sign_up(client: QuartClient, person: Person = ADA, **more: str) -> Any:
    """Make an account; the client is signed in afterwards. Only the first person can, unless registration is open."""
    form = {"email": person.email, "password": person.password, "confirmation": person.password, **more}
    answer = await client.post("/register", form=form)
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
    """The front door sends who is signed in on to the dashboard."""
    answer = await client.get("/")
    return bool(answer.status_code == 303)
