"""Name, time zone and style of numbers."""

import pytest
from quart.testing import QuartClient
from sqlalchemy import update

from tests.events import events
from tests.http.account.conftest import page, text_of
from tests.tables import add_table
from webapp.account.forms import time_zone_choices
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import User
from webapp.web.application import Application

GIVEN = {"name": "Ada Lovelace", "time_zone": "Europe/London", "number_style": "point"}


async def test_a_saved_profile_is_used_at_once(app: Application, ada: QuartClient) -> None:
    add_table(app.extensions["rowcast.settings"].data_dir, {"A": "text"}, [("x",)] * 1200, title="Many")

    answer = await ada.post("/account", form=GIVEN)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    html = await page(ada, "/account")
    assert 'value="Ada Lovelace"' in html
    assert '<option value="Europe/London" selected>London</option>' in html
    assert '<span class="wide">Ada Lovelace</span>' in html
    assert "1.200" in await page(ada, "/dashboard")
    assert "1.200 rows" in await page(ada, "/tables/1")
    assert " GMT" in await page(ada, "/account/devices")
    (event,) = await events(app, "account.profile_changed")
    assert event.details == {"changed": ["name", "time_zone", "number_style"]}


async def test_saving_an_unchanged_profile_is_not_audited(app: Application, ada: QuartClient) -> None:
    await ada.post("/account", form={"name": "ada", "time_zone": "UTC", "number_style": "comma"})

    assert await events(app, "account.profile_changed") == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "what you want to be called"),
        ("name", " \u200b\t ", "what you want to be called"),
        ("name", "x" * 201, "at most 200"),
        ("name", "a\0b", "cannot be kept"),
        ("time_zone", "Mars/Olympus_Mons", "Choose one of these"),
        ("time_zone", "../../etc/passwd", "Choose one of these"),
        ("number_style", "roman", "Choose one of these"),
    ],
)
async def test_an_invalid_field_is_refused_beside_the_field(
    ada: QuartClient, field: str, value: str, words: str
) -> None:
    answer = await ada.post("/account", form={**GIVEN, field: value})

    html = await text_of(answer)
    assert answer.status_code == 422
    assert words in html
    assert f'id="{field}-error"' in html
    assert 'value="ada"' in await page(ada, "/account")


async def test_a_name_is_one_line_of_visible_characters(ada: QuartClient) -> None:
    await ada.post("/account", form={**GIVEN, "name": " Ada\r\nBcc: all\u202e  Lovelace "})

    assert 'value="Ada Bcc: all Lovelace"' in await page(ada, "/account")


async def test_extra_form_fields_change_nothing(eve: QuartClient, app: Application) -> None:
    await eve.post("/account", form={**GIVEN, "role": "owner", "email": "ada@example.org", "id": "1"})

    assert "Administration" not in await page(eve, "/account")
    assert "eve@example.org" in await page(eve, "/account")


async def test_an_old_time_zone_name_chosen_earlier_can_be_kept(app: Application, ada: QuartClient) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.session.execute(
            update(User).where(User.email == "ada@example.org").values(time_zone="Asia/Calcutta")
        )

    await db.of(app).write(write)

    assert '<option value="Asia/Calcutta" selected>' in await page(ada, "/account")
    assert (await ada.post("/account", form={**GIVEN, "time_zone": "Asia/Calcutta"})).status_code == 303
    assert (await ada.post("/account", form={**GIVEN, "time_zone": "Asia/Katmandu"})).status_code == 422


def test_time_zones_are_grouped_by_continent_without_old_names() -> None:
    choices = time_zone_choices()

    names = [name for group in choices.values() for name, _ in group]
    assert names[0] == "UTC"
    assert {"Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} <= set(names)
    assert not [name for name in names if name.startswith(("Etc/", "posix/", "US/"))]
    assert not {"Africa/Asmera", "Asia/Calcutta", "Australia/ACT", "Europe/Kiev"} & set(names)
    assert ("America/Argentina/Buenos_Aires", "Argentina, Buenos Aires") in choices["America"]
