"""People who are signed in before the window opens: not every test is about the door."""

from urllib.parse import urlencode

from tests.helpers import ADA, Person
from tests.servers import Server

Cookies = list[tuple[str, str]]


def sign_up(server: Server, person: Person = ADA) -> Cookies:
    """A new account through the real form; the cookies of its sign-in."""
    form = {"email": person.email, "password": person.password, "confirmation": person.password}
    return _cookies(server, "/register", form)


def sign_in(server: Server, person: Person = ADA) -> Cookies:
    return _cookies(server, "/login", {"email": person.email, "password": person.password})


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
