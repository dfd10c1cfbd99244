"""The second factor: turned on by a code, turned off by another; recovery codes, shown once."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.authenticator import Authenticator
from tests.conftest import Client, make_settings
from tests.events import events, names
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_up
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.mails import letters
from webapp import create_app
from webapp.extensions import db
from webapp.models import User
from webapp.web.application import Application

OWN = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE = re.compile(r"^[a-z2-9]{4}(?:-[a-z2-9]{4}){5}$", re.MULTILINE)


def current_code(secret: str, steps: int = 0) -> str:
    """The authenticator app's code for this or another time step."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def begin(client: QuartClient, path: str = "/account/second-factor/new") -> tuple[str, str]:
    """The secret and its encrypted form, from the page."""
    html = await page(client, path)
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', html)
    sealed = re.search(r'name="sealed"[^>]* value="([^"]+)"', html)
    assert secret
    assert sealed
    return secret[1].replace(" ", ""), sealed[1]


async def turn_on(client: QuartClient) -> tuple[str, list[str]]:
    """The secret and the recovery codes."""
    secret, sealed = await begin(client)
    answer = await client.post("/account/second-factor/new", form={"sealed": sealed, "code": current_code(secret)})
    html = await text_of(answer)
    assert answer.status_code == 200, html
    return secret, CODE.findall(html.partition('id="codes"')[2].partition(">")[2].partition("<")[0])


async def row(app: Application) -> User:
    async with db.of(app).reading() as session:
        return (await session.scalars(select(User).where(User.email == ADA.email))).one()


async def sign_in_with(app: Application, code: str) -> bool:
    client = app.test_client()
    first = await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    assert not await is_signed_in(client)
    await client.post(first.headers["Location"], form={"code": code})
    return await is_signed_in(client)


async def test_the_second_factor_is_on_once_its_first_code_was_typed(app: Application, ada: QuartClient) -> None:
    secret, _ = await begin(ada)
    assert (await row(app)).totp_secret is None

    secret, codes = await turn_on(ada)

    assert len(set(codes)) == 10
    assert await is_signed_in(ada)
    assert secret not in str((await row(app)).totp_secret)
    html = await page(ada, "/account/second-factor")
    assert "It is on" in html
    assert 'action="/account/devices/others/end"' in html
    assert await sign_in_with(app, current_code(secret, 1))
    assert (await letters(app))[-1].subject == "Signing in now takes a second step"
    assert (await events(app, "second_factor.added"))[0].details == {}


async def test_the_qr_code_contains_the_secret_and_no_inline_style(ada: QuartClient) -> None:
    html = await page(ada, "/account/second-factor/new")

    assert '<svg viewBox="0 0 ' in html
    assert 'stroke="currentColor"' in html
    assert "style=" not in html
    assert "otpauth://" not in html  # in the picture only


async def test_the_code_that_turned_it_on_does_not_sign_in(app: Application, ada: QuartClient) -> None:
    secret, sealed = await begin(ada)
    code = current_code(secret)
    await ada.post("/account/second-factor/new", form={"sealed": sealed, "code": code})

    assert not await sign_in_with(app, code)


async def test_recovery_codes_are_shown_once_and_valid_once(app: Application, ada: QuartClient) -> None:
    _, codes = await turn_on(ada)

    html = await page(ada, "/account/second-factor")
    assert "10 codes left" in html
    assert not CODE.findall(html)
    assert await sign_in_with(app, codes[0].upper().replace("-", " "))
    assert not await sign_in_with(app, codes[0])
    assert "9 codes left" in await page(ada, "/account/second-factor")


async def form_of_new_codes(client: QuartClient) -> dict[str, str]:
    html = await page(client, "/account/second-factor/recovery-codes")
    assert "The 10 that are left stop working" in html
    found = re.search(r'name="replaces" type="hidden" value="([^"]+)"', html)
    assert found
    return {"replaces": found[1]}


async def test_new_recovery_codes_replace_the_old_ones(app: Application, ada: QuartClient) -> None:
    _, old = await turn_on(ada)

    form = await form_of_new_codes(ada)
    html = await text_of(await ada.post("/account/second-factor/recovery-codes", form=form))

    new = CODE.findall(html.partition('id="codes"')[2].partition(">")[2].partition("<")[0])
    assert len(new) == 10
    assert not set(new) & set(old)
    assert not await sign_in_with(app, old[1])
    assert await sign_in_with(app, new[1])
    assert "recovery_code.renewed" in await names(app)
    assert "New recovery codes were created" in [letter.subject for letter in await letters(app)]


async def test_reloading_the_page_of_new_recovery_codes_does_not_replace_them(
    app: Application, ada: QuartClient
) -> None:
    await turn_on(ada)
    form = await form_of_new_codes(ada)
    html = await text_of(await ada.post("/account/second-factor/recovery-codes", form=form))

    again = await ada.post("/account/second-factor/recovery-codes", form=form)

    assert (again.status_code, again.headers["Location"]) == (303, "/account/second-factor")
    assert "New codes were created already" in await page(ada, "/account/second-factor")
    assert (await names(app)).count("recovery_code.renewed") == 1
    shown_once = CODE.findall(html.partition('id="codes"')[2].partition(">")[2].partition("<")[0])
    assert await sign_in_with(app, shown_once[0])


async def test_recovery_codes_can_be_downloaded_without_javascript(ada: QuartClient) -> None:
    secret, sealed = await begin(ada)
    answer = await ada.post("/account/second-factor/new", form={"sealed": sealed, "code": current_code(secret)})

    link = re.search(r'download="rowcast-recovery-codes.txt" href="(data:text/plain[^"]+)"', await text_of(answer))
    assert link
    assert link[1].count("%0A") == 12


@pytest.mark.parametrize("use", ["code", "recovery code"])
async def test_a_code_turns_the_second_factor_off(app: Application, ada: QuartClient, use: str) -> None:
    secret, codes = await turn_on(ada)

    wrong = await ada.post("/account/second-factor/removal", form={"code": "000000"})
    assert wrong.status_code == 422
    assert "not right" in await text_of(wrong)
    right = current_code(secret, 1) if use == "code" else codes[3]
    answer = await ada.post("/account/second-factor/removal", form={"code": right})

    assert answer.headers["Location"] == "/account/second-factor"
    assert (await row(app)).totp_secret is None
    assert "second_factor.removed" in await names(app)
    client = app.test_client()
    await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    assert await is_signed_in(client)


async def assert_refused(app: Application, client: QuartClient, form: dict[str, str], words: str) -> None:
    answer = await client.post("/account/second-factor/new", form=form)

    html = await text_of(answer)
    assert answer.status_code == 422
    assert words in html
    assert (await row(app)).totp_secret is None


async def test_a_wrong_code_turns_nothing_on_and_the_page_keeps_the_secret(app: Application, ada: QuartClient) -> None:
    secret, sealed = await begin(ada)
    answer = await ada.post("/account/second-factor/new", form={"sealed": sealed, "code": "000000"})

    assert answer.status_code == 422
    assert " ".join(secret[at : at + 4] for at in range(0, 32, 4)) in await text_of(answer)


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "x" * 5000, "\uff11\uff12\uff13\uff14\uff15\uff16", "nul\0"]
)
async def test_a_malformed_code_is_refused_beside_the_field(app: Application, ada: QuartClient, code: str) -> None:
    _, sealed = await begin(ada)

    await assert_refused(app, ada, {"sealed": sealed, "code": code}, 'id="code-error"')


async def test_a_secret_sealed_for_another_person_or_forged_is_refused(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    secret, sealed = await begin(eve)

    await assert_refused(app, ada, {"sealed": sealed, "code": current_code(secret)}, "too old")
    await assert_refused(app, ada, {"sealed": OWN, "code": current_code(OWN)}, "too old")
    await assert_refused(app, ada, {"sealed": "ü", "code": current_code(OWN)}, "too old")
    await assert_refused(app, ada, {"sealed": "x" * 5000, "code": "123456"}, "another look")
    await assert_refused(app, ada, {"code": "123456"}, "another look")


async def test_a_setup_page_left_open_too_long_is_refused(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, sealed = await begin(ada)
    monkeypatch.setattr("webapp.account.totp_setup.MAX_SETUP_SECONDS", -1)

    await assert_refused(app, ada, {"sealed": sealed, "code": current_code(secret)}, "too old")


async def test_turning_the_second_factor_on_twice_changes_nothing(app: Application, ada: QuartClient) -> None:
    secret, sealed = await begin(ada)
    await turn_on(ada)
    before = (await row(app)).totp_secret

    answer = await ada.post("/account/second-factor/new", form={"sealed": sealed, "code": current_code(secret, 1)})

    assert answer.status_code == 303
    assert (await row(app)).totp_secret == before


async def test_guesses_at_codes_are_limited(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)

    answers = [await ada.post("/account/second-factor/removal", form={"code": f"{n:06}"}) for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert (await row(app)).totp_secret is not None


async def test_while_it_is_off_the_pages_to_turn_it_off_and_to_renew_codes_redirect(ada: QuartClient) -> None:
    for answer in (
        await ada.get("/account/second-factor/recovery-codes"),
        await ada.post("/account/second-factor/recovery-codes"),
        await ada.post("/account/second-factor/removal", form={"code": "123456"}),
    ):
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account/second-factor")


@pytest.mark.parametrize("path", ["new", "recovery-codes", "removal"])
async def test_every_change_of_the_second_factor_requires_a_fresh_sign_in(
    app: Application, ada: QuartClient, path: str
) -> None:
    await make_session_stale(app)
    form: Any = {"code": "123456", "sealed": "x"}

    for answer in (
        await ada.get(f"/account/second-factor/{path}"),
        await ada.post(f"/account/second-factor/{path}", form=form),
    ):
        assert answer.headers["Location"].startswith("/login/confirm")


@pytest.mark.parametrize("way", ["code", "passkey"])
async def test_setting_up_a_required_second_factor_opens_the_other_pages(data_dir: Path, way: str) -> None:
    app = create_app(make_settings(data_dir, second_factor="everybody"))
    app.test_client_class = Client
    async with app.test_app():
        ada = app.test_client()
        await sign_up(ada)
        assert (await ada.get("/dashboard")).headers["Location"] == "/account/second-factor"
        await make_session_stale(app)
        asked = await ada.get("/account/second-factor/new")
        assert asked.headers["Location"] == "/login/confirm?next=/account/second-factor/new"
        await ada.post(asked.headers["Location"], form={"password": PASSWORD})

        if way == "code":
            await turn_on(ada)
        else:
            answer = await ada.post("/account/passkeys/options")
            credential = Authenticator().create(json.loads(await answer.get_data()))
            await ada.post("/account/passkeys/new", form={"name": "My phone", "credential": credential})

        assert (await ada.get("/dashboard")).status_code == 200
