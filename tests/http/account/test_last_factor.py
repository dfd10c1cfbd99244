"""Where the server asks everybody for a second factor, the last one cannot be removed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.conftest import Client, make_settings
from tests.helpers import sign_up
from tests.http.account.conftest import page, text_of
from tests.http.account.test_passkeys import add, stored_passkeys
from tests.http.account.test_second_factor import current_code, turn_on
from tests.mails import letters
from webapp import create_app
from webapp.web.application import Application

LAST = "this is your last second factor"


@pytest.fixture
async def strict(data_dir: Path) -> AsyncIterator[Application]:
    made = create_app(make_settings(data_dir, second_factor="everybody"))
    made.test_client_class = Client
    async with made.test_app():
        yield made


@pytest.fixture
async def person(strict: Application) -> QuartClient:
    client = strict.test_client()
    await sign_up(client)
    return client


async def test_the_last_passkey_stays_and_an_earlier_one_can_be_removed(
    strict: Application, person: QuartClient
) -> None:
    await add(person, Authenticator())
    await add(person, Authenticator())

    assert "you need another passkey or an authenticator app" in await page(person, "/account/passkeys/1")
    assert (await person.post("/account/passkeys/1/removal")).status_code == 303
    refused = await person.post("/account/passkeys/2/removal")

    assert (refused.status_code, LAST in await text_of(refused)) == (422, True)
    assert len(await stored_passkeys(strict)) == 1


async def test_the_last_authenticator_app_stays_until_there_is_a_passkey(person: QuartClient) -> None:
    secret, _ = await turn_on(person)

    refused = await person.post("/account/second-factor/removal", form={"code": current_code(secret, 1)})
    assert (refused.status_code, LAST in await text_of(refused)) == (422, True)
    await add(person, Authenticator())
    assert (
        await person.post("/account/second-factor/removal", form={"code": current_code(secret, 1)})
    ).status_code == 303
    assert (await person.post("/account/passkeys/1/removal")).status_code == 422


async def test_the_page_says_what_signing_in_takes_once_the_app_is_off(
    strict: Application, person: QuartClient
) -> None:
    secret, _ = await turn_on(person)
    before = await page(person, "/account/second-factor")
    await add(person, Authenticator())
    with_passkey = await page(person, "/account/second-factor")
    form = await page(person, "/account/second-factor/removal")

    await person.post("/account/second-factor/removal", form={"code": current_code(secret, 1)})

    after = await page(person, "/account/second-factor")
    assert "the app is your only second factor. Add a passkey first" in before
    assert "without the app you sign in with a passkey" in with_passkey
    assert "afterwards you can sign in only with a passkey" in form
    assert "sign in with a passkey from now on" in after
    assert "password is enough" not in before + with_passkey + form + after
    assert "password alone" not in before + with_passkey + form + after
    mail = (await letters(strict))[-1]
    assert mail.subject == "Signing in no longer takes a second step"
    assert "a passkey takes its place" in mail.text


async def test_an_empty_credential_id_is_refused(strict: Application, person: QuartClient) -> None:
    device = Authenticator()
    device.credential_id = b""

    assert (await add(person, device)).status_code == 422
    assert await stored_passkeys(strict) == []
