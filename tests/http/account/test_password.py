"""Changing one's own password."""

import pytest
from quart.testing import QuartClient

from tests.events import events
from tests.helpers import ADA, PASSWORD, Person, is_signed_in, sign_in
from tests.http.account.conftest import make_session_stale, text_of
from tests.mails import letters
from webapp.web.application import Application

NEW = "a violet stapler sings"
GIVEN = {"current": PASSWORD, "password": NEW, "confirmation": NEW}


async def test_a_new_password_signs_out_every_other_device(app: Application, ada: QuartClient) -> None:
    other = app.test_client()
    await sign_in(other)

    answer = await ada.post("/account/password", form=GIVEN)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/password")
    assert await is_signed_in(ada)
    assert not await is_signed_in(other)
    await sign_in(app.test_client(), Person(ADA.email, NEW))
    assert (await app.test_client().post("/login", form={"email": ADA.email, "password": PASSWORD})).status_code == 422
    (letter,) = await letters(app, ADA.email)
    assert letter.subject == "Your password was changed"
    (event,) = await events(app, "password.changed")
    assert NEW not in str(event.details)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("current", "", "Type your current password"),
        ("current", "something else", "Wrong password"),
        ("current", "x" * 100_000, "too long"),
        ("current", "nul\0", "cannot be kept"),
        ("password", "short", "at least 10"),
        ("password", "password123", "Many people"),
        ("password", "ada@example.org", "hardly more than"),
        ("password", "x" * 1001, "at most 1000"),
        ("confirmation", "a violet stapler sinks", "differ"),
        ("confirmation", "", "a second time"),
    ],
)
async def test_an_invalid_field_is_refused_beside_the_field(
    app: Application, ada: QuartClient, field: str, value: str, words: str
) -> None:
    form = {**GIVEN, field: value}
    form = {**form, "confirmation": value} if field == "password" else form

    answer = await ada.post("/account/password", form=form)

    html = await text_of(answer)
    assert answer.status_code == 422
    assert words in html
    assert f'id="{field}-error"' in html
    assert NEW not in html
    await sign_in(app.test_client())


async def test_an_overlong_password_is_refused_before_hashing(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.hashing.Hasher._run", lambda *args: pytest.fail("hashed"))

    answer = await ada.post("/account/password", form={**GIVEN, "password": "x" * 1_000_000})

    assert answer.status_code == 413


async def test_guesses_at_the_current_password_are_limited(ada: QuartClient) -> None:
    guesses = [
        (await ada.post("/account/password", form={**GIVEN, "current": f"guess {n}"})).status_code for n in range(11)
    ]

    assert guesses == [422] * 10 + [429]


async def test_changing_the_password_requires_a_fresh_sign_in_as_well(app: Application, ada: QuartClient) -> None:
    await make_session_stale(app)

    answer = await ada.post("/account/password", form=GIVEN, headers={"Referer": "http://localhost/account/password"})

    assert answer.headers["Location"] == "/login/confirm?next=/account/password"
    await sign_in(app.test_client())
