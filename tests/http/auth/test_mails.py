"""Mails: the text and HTML parts have the same wording and the same link, whatever people's names are."""

import re
from typing import Any

import html5lib
import pytest

from settings import Settings
from tests.mails import letters
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Purpose, Role, User
from webapp.models.accounts.one_time_token import send_link
from webapp.web import templating
from webapp.web.application import Application
from webapp.web.mailer import TEMPLATES, mailer

NOTICES = [name for name, (_, endpoint) in TEMPLATES.items() if endpoint == "auth.reset"]
HOSTILE = 'x"><script>alert(1)</script>\n\nClick https://evil.example/'
# What each notice is given besides.
CONTEXT: dict[str, dict[str, Any]] = {
    "second_factor_removed": {"is_demanded": False},
    "email_change_asked": {"new_email": "new@example.org"},
    "email_changed": {"new_email": "new@example.org", "to": "old@example.org"},
    "passkey_added": {"name": HOSTILE},
    "passkey_removed": {"name": HOSTILE},
    "identity_added": {"provider": HOSTILE, "identity": HOSTILE},
    "identity_removed": {"provider": HOSTILE},
    "token_made": {"name": HOSTILE},
    "new_device": {"address": "192.0.2.7", "when": "22 November 2026 at 10:00 UTC"},
}


async def sent(app: Application, write: Any) -> list[Any]:
    """The letters a request writes by `write(work, user)`."""

    async def verb(work: UnitOfWork) -> None:
        await write(work, await work.session.get_one(User, 1))

    async with app.test_request_context("/"):
        await db().write(verb)
    return await letters(app)


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("template", NOTICES)
async def test_both_parts_of_a_notice_have_the_same_wording(app: Application, ada: Any, template: str) -> None:
    context = dict(CONTEXT.get(template, {}))
    to = context.pop("to", "ada@example.org")

    (letter,) = await sent(app, lambda work, user: mailer.send(work, template, to, user_id=user.id, **context))

    document = html5lib.parse(letter.html, namespaceHTMLElements=False)
    assert words("".join(document.find("body").itertext())) == words(letter.text)
    assert letter.subject == TEMPLATES[template][0]
    assert letter.recipient == to
    assert letter.text.startswith("Hello,\n\n")
    assert letter.text.endswith("\n")
    assert "<script" not in letter.html
    assert not [one for one in letter.text.split("\n\n") if one.startswith("Click")]  # no paragraph of somebody else's
    links = [element.get("href") for element in document.iter("a")]
    assert links == ([letter.link] if letter.link in letter.text else [])


@pytest.mark.parametrize(
    ("write", "place"),
    [
        (lambda work, user: send_link(work, mailer, Purpose.VERIFY, user, "verification"), "verifications/"),
        (lambda work, user: send_link(work, mailer, Purpose.RESET, user, "reset"), "reset/"),
        (
            lambda work, user: mailer.send(
                work, "invitation", "new@example.org", token="t" * 43, role=Role.GUEST, inviter="ada@example.org"
            ),
            "invitations/",
        ),
        (
            lambda work, user: mailer.send(
                work, "email_change", "new@example.org", token="t" * 43, old_email="ada@example.org"
            ),
            "account/email/confirmation?token=",
        ),
    ],
)
async def test_a_link_stands_alone_in_both_parts_and_leads_to_this_server(
    app: Application, ada: Any, write: Any, place: str
) -> None:
    (letter,) = await sent(app, write)

    document = html5lib.parse(letter.html, namespaceHTMLElements=False)
    assert letter.link.startswith(f"http://localhost/{place}")
    assert f"\n\n{letter.link}\n\n" in letter.text
    assert [element.get("href") for element in document.iter("a")] == [letter.link]
    assert words("".join(document.find("body").itertext())) == words(letter.text)


def test_every_template_of_a_mail_is_used() -> None:
    there = {path.stem for path in (templating.FOLDER / "mail").glob("[!_]*.txt")}
    package = templating.FOLDER.parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))

    assert there == TEMPLATES.keys()
    sent_by_name = re.findall(r'(?:mailer\.send\b|send_link\()[^"()]*\(?(?:\s*work,\s*)?"(\w+)"', source)
    assert TEMPLATES.keys() - set(sent_by_name) == set()


async def test_a_mail_loads_nothing(app: Application, ada: Any) -> None:
    (letter,) = await sent(app, lambda work, user: send_link(work, mailer, Purpose.RESET, user, "reset"))

    tags = {element.tag for element in html5lib.parse(letter.html, namespaceHTMLElements=False).iter()}
    assert tags <= {"html", "head", "meta", "title", "body", "p", "a", "br"}


async def test_a_link_leads_to_the_public_origin(data_dir: Any, settings: Settings) -> None:
    from tests.conftest import Client, make_settings
    from tests.helpers import ADA, sign_up_form
    from webapp import create_app

    app = create_app(make_settings(data_dir, public_origin="https://rows.example.org"))
    app.test_client_class = Client
    there: dict[str, Any] = {"headers": {"Host": "rows.example.org"}, "scope_base": {"scheme": "https"}}
    async with app.test_app():
        assert (await app.test_client().post("/register", form=sign_up_form(app), **there)).status_code == 303
        await app.test_client().post("/reset", form={"email": ADA.email}, **there)
        (letter,) = await letters(app)

    assert letter.link.startswith("https://rows.example.org/reset/")
