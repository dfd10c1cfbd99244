"""Another authenticator app in place of the one there is: a new phone."""

import asyncio

import pytest
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.events import events, names
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_out
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.http.account.test_passkeys import add, options
from tests.http.account.test_second_factor import begin, current_code, row, sign_in_with, turn_on
from tests.mails import letters
from webapp.web.application import Application

PATH = "/account/second-factor/replacement"


async def replace(client: QuartClient) -> str:
    """Return the new secret."""
    secret, sealed = await begin(client, PATH)
    answer = await client.post(PATH, form={"sealed": sealed, "code": current_code(secret)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/second-factor")
    return secret


async def test_the_old_app_signs_in_until_the_new_one_has_shown_its_first_code(
    app: Application, ada: QuartClient
) -> None:
    old, codes = await turn_on(ada)
    new, sealed = await begin(ada, PATH)
    assert await sign_in_with(app, current_code(old, 1))

    await ada.post(PATH, form={"sealed": sealed, "code": current_code(new)})

    assert not await sign_in_with(app, current_code(old, 1))
    assert await sign_in_with(app, current_code(new, 1))
    assert await sign_in_with(app, codes[0])
    assert await is_signed_in(ada)
    assert "codes of the old one do not" in await page(ada, "/account/second-factor")


async def test_a_replaced_app_is_in_the_audit_log_and_announced_by_mail(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    before = (await row(app)).totp_added_at

    await replace(ada)

    (event,) = await events(app, "second_factor.replaced")
    assert (event.actor, event.subject) == (ADA.email, ADA.email)
    assert (await letters(app))[-1].subject == "Your authenticator app was replaced"
    after = (await row(app)).totp_added_at
    assert before
    assert after
    assert after > before


async def test_the_notices_of_new_factors_say_what_a_new_password_does_not_undo(
    app: Application, ada: QuartClient
) -> None:
    await turn_on(ada)
    await replace(ada)
    await add(ada, Authenticator())

    notices = [letter.text for letter in (await letters(app))[-3:]]

    assert ["take that app off your account" in text for text in notices] == [True, True, False]
    assert "remove the passkey on the page of your account" in notices[2]


async def test_a_wrong_code_of_the_new_app_changes_nothing(app: Application, ada: QuartClient) -> None:
    old, _ = await turn_on(ada)
    secret, sealed = await begin(ada, PATH)

    for code in ("000000", current_code(old, 1)):
        refused = await ada.post(PATH, form={"sealed": sealed, "code": code})
        assert refused.status_code == 422
        html = await text_of(refused)
        assert "not right" in html
        assert " ".join(secret[at : at + 4] for at in range(0, 32, 4)) in html

    assert [event.details for event in await events(app, "second_factor.refused")] == [{"step": "replacement"}] * 2
    assert await sign_in_with(app, current_code(old, 1))


async def test_replacing_the_app_takes_a_proof_that_is_more_than_the_password(
    app: Application, ada: QuartClient
) -> None:
    old, _ = await turn_on(ada)
    await make_session_stale(app)

    assert (await ada.get(PATH)).headers["Location"].startswith("/login/confirm")
    assert (await ada.post("/login/confirm", form={"password": PASSWORD})).status_code == 422
    assert (await ada.get(PATH)).headers["Location"].startswith("/login/confirm")
    await ada.post("/login/confirm", form={"password": PASSWORD, "code": current_code(old, 1)})

    await replace(ada)


async def test_a_passkey_is_proof_enough_to_replace_the_app(app: Application, ada: QuartClient) -> None:
    device = Authenticator()
    await turn_on(ada)
    await add(ada, device)
    await make_session_stale(app)
    await ada.post("/login/confirm/passkey", form={"credential": device.get(await options(ada))})

    await replace(ada)


async def test_sign_ins_elsewhere_must_prove_themselves_with_the_new_app(app: Application, ada: QuartClient) -> None:
    old, _ = await turn_on(ada)
    other = app.test_client()
    await other.post("/login", form={"email": ADA.email, "password": PASSWORD})
    await other.post("/login/code", form={"code": current_code(old, 1)})
    assert (await other.get("/account/tokens/new")).status_code == 200

    await replace(ada)

    assert (await other.get("/account/tokens/new")).headers["Location"].startswith("/login/confirm")


async def test_of_two_pages_only_the_first_replaces_the_app(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    late, late_sealed = await begin(ada, PATH)
    first = await replace(ada)

    refused = await ada.post(PATH, form={"sealed": late_sealed, "code": current_code(late)})

    assert refused.status_code == 422
    assert "has changed since this page was made" in await text_of(refused)
    assert await sign_in_with(app, current_code(first, 1))


async def test_a_page_shown_before_the_password_changed_replaces_nothing(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    late, late_sealed = await begin(ada, PATH)
    new = {"password": "a quite different sentence", "confirmation": "a quite different sentence"}
    assert (await ada.post("/account/password", form={"current": PASSWORD, **new})).status_code == 303

    assert (await ada.post(PATH, form={"sealed": late_sealed, "code": current_code(late)})).status_code == 422

    assert "second_factor.replaced" not in await names(app)


async def test_sent_twice_at_once_the_app_is_replaced_once(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    secret, sealed = await begin(ada, PATH)
    form = {"sealed": sealed, "code": current_code(secret)}

    answers = await asyncio.gather(*(ada.post(PATH, form=form) for _ in range(4)))

    assert {answer.status_code for answer in answers} == {303}
    assert (await names(app)).count("second_factor.replaced") == 1
    assert await sign_in_with(app, current_code(secret, 1))


@pytest.mark.parametrize("sealed", ["x" * 40, ""])
async def test_a_forged_or_missing_secret_is_refused(app: Application, ada: QuartClient, sealed: str) -> None:
    await turn_on(ada)

    assert (await ada.post(PATH, form={"sealed": sealed, "code": "123456"})).status_code == 422

    assert "second_factor.replaced" not in await names(app)


async def test_without_an_app_there_is_none_to_replace(app: Application, ada: QuartClient) -> None:
    for answer in (await ada.get(PATH), await ada.post(PATH, form={"sealed": "x", "code": "123456"})):
        assert answer.headers["Location"] == "/account/second-factor"


async def test_guesses_at_the_first_code_are_limited(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    _, sealed = await begin(ada, PATH)

    answers = [await ada.post(PATH, form={"sealed": sealed, "code": f"{n:06}"}) for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert answers[-1].headers["Retry-After"]


async def test_the_notice_at_the_next_sign_in_has_the_date_of_the_new_app(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    secret = await replace(ada)
    await sign_out(ada)
    client = app.test_client()
    await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    await client.post("/login/code", form={"code": current_code(secret, 1)})

    assert "an authenticator app, added" in await page(client, "/dashboard")
