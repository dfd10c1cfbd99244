"""People who are already signed in: most tests are not about signing in."""

from contextlib import closing
from urllib.parse import urlencode

from argon2 import PasswordHasher

from tests.database import connect
from tests.helpers import ADA, Person
from tests.servers import Server

Cookies = list[tuple[str, str]]


def sign_up(server: Server, person: Person = ADA) -> Cookies:
    """A new account through the real form; the cookies of its sign-in."""
    form = {"email": person.email, "password": person.password, "confirmation": person.password}
    return _cookies(server, "/register", form)


def sign_in(server: Server, person: Person = ADA) -> Cookies:
    return _cookies(server, "/login", {"email": person.email, "password": person.password})


def settle(server: Server, person: Person) -> Cookies:
    """Somebody who has been here for long, signed in: of one address only so many may sign up in a while."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(person.password)
    with closing(connect(server.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO users (email, name, password_hash, role, is_active, created_at, verified_at)"
            " VALUES (?, ?, ?, 'member', TRUE, '2026-11-22 12:00:00', '2026-11-22 12:00:00')",
            (person.email, person.email.partition("@")[0], hashed),
        )
    return sign_in(server, person)


def _cookies(server: Server, path: str, form: dict[str, str]) -> Cookies:
    answer = server.ask(
        "POST",
        path,
        urlencode(form).encode(),
        Content_Type="application/x-www-form-urlencoded",
        Sec_Fetch_Site="same-origin",
    )
    assert answer.status == 303, answer.body.decode()
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    return [(name, value)]
