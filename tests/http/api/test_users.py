"""People, as programs see and change them."""

import asyncio
import re
from datetime import UTC, datetime

import pytest
from quart.testing import QuartClient
from sqlalchemy import func, select, update

from tests.helpers import ADA, Person, is_signed_in, sign_in
from tests.http.api.conftest import Make, add, problem
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import ApiToken, AuditEvent, Mail, Role, Scope, User, utc_now
from webapp.models.mail import Letter
from webapp.web.application import Application

USERS = "/api/v1/users"


async def test_people_are_listed_in_pages_oldest_accounts_first(app: Application, program: Make) -> None:
    client = await program()
    for number in range(2, 6):
        await add(app, f"p{number}@example.org")
    seen, address, pages = [], f"{USERS}?limit=2", 0

    while address:
        answer = await client.get(address)
        page = await answer.get_json()
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        assert (link and link[1]) == page["next"]
        seen += [person["id"] for person in page["items"]]
        address, pages = page["next"], pages + 1

    assert (seen, pages) == ([1, 2, 3, 4, 5], 3)


async def test_people_are_found_by_name_and_address_with_wildcards_taken_literally(
    app: Application, program: Make
) -> None:
    client = await program()
    await add(app, "grace@example.org", name="Grace 100% Hopper")
    await add(app, "under_score@example.org", name="Unda")

    async def found(q: str) -> list[str]:
        answer = await client.get(USERS, query_string={"q": q, "limit": 1})
        return [person["email"] for person in (await answer.get_json())["items"]]

    assert await found("HOPPER") == await found("0%") == await found("grace@") == ["grace@example.org"]
    assert await found("_") == ["under_score@example.org"]
    assert await found("nobody") == []


async def test_the_url_of_the_next_page_repeats_the_query(app: Application, program: Make) -> None:
    client = await program()
    for name in ("a&b=c", "x a&b=c", "y A&B=C"):
        await add(app, f"{len(name)}{name[0]}@example.org", name=name)

    first = await (await client.get(USERS, query_string={"q": "a&b=c", "limit": "2"})).get_json()
    second = await (await client.get(first["next"])).get_json()

    assert [person["name"] for person in first["items"] + second["items"]] == ["a&b=c", "x a&b=c", "y A&B=C"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1_0", "limit"),
        ("limit=5.0", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit[]=1", "limit"),
        ("after=-1", "after"),
        ("after=" + "9" * 5000, "after"),
        ("q=%00", "q"),
        ("q=" + "x" * 201, "q"),
        ("page=2", "page"),
    ],
)
async def test_an_error_names_the_invalid_parameter(program: Make, query: str, parameter: str) -> None:
    client = await program()

    document = await problem(await client.get(f"{USERS}?{query}"), 400)

    assert [error["parameter"] for error in document["errors"]] == [parameter]
    assert document["errors"][0]["detail"]


async def test_times_are_in_utc(program: Make) -> None:
    client = await program()

    person = await (await client.get(f"{USERS}/1")).get_json()

    assert person["created_at"].endswith("Z")
    created_at = datetime.fromisoformat(person["created_at"])
    assert created_at.tzinfo == UTC
    assert abs((utc_now() - created_at).total_seconds()) < 60


async def test_an_added_person_chooses_a_password_by_a_mailed_link(app: Application, program: Make) -> None:
    client = await program()

    answer = await client.post(USERS, json={"email": " New@Example.ORG ", "name": "New", "role": "guest"})

    person = await answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{USERS}/{person['id']}"
    assert (person["email"], person["name"], person["role"]) == ("new@example.org", "New", "guest")
    assert (person["is_active"], person["is_verified"], person["seen_at"]) == (True, False, None)
    shown = await client.get(answer.headers["Location"])
    assert await shown.get_json() == person
    assert shown.headers["ETag"] == answer.headers["ETag"]
    link = (await mailed(app)).link
    stranger = app.test_client()
    password = "a sentence of their own"
    chosen = await stranger.post(
        link.removeprefix("http://localhost"), form={"password": password, "confirmation": password}
    )
    assert chosen.status_code == 303, await chosen.get_data(as_text=True)
    await sign_in(app.test_client(), Person("new@example.org", password))


async def mailed(app: Application) -> Letter:
    async with db.of(app).reading() as session:
        mail = (await session.scalars(select(Mail).order_by(Mail.created_at.desc()))).first()
    assert mail is not None
    letter = mail.letter(sealer.of(app))
    assert letter is not None
    return letter


async def test_the_welcome_mail_names_who_added_the_person_and_the_server(app: Application, program: Make) -> None:
    await (await program()).post(USERS, json={"email": "new@example.org"})

    letter = await mailed(app)
    assert letter.recipient == "new@example.org"
    for text in ("ada@example.org", "as member", letter.link, "http://localhost/reset"):
        assert text in letter.text


async def test_a_taken_address_is_refused_in_any_spelling_and_in_a_race(app: Application, program: Make) -> None:
    client = await program()

    twice = await client.post(USERS, json={"email": "ADA@example.ORG"})
    both = await asyncio.gather(*(client.post(USERS, json={"email": "same@example.org"}) for _ in range(2)))

    await problem(twice, 409)
    assert sorted(answer.status_code for answer in both) == [201, 409]
    async with db.of(app).reading() as session:
        assert await session.scalar(select(func.count()).select_from(Mail)) == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/email"]),
        ([], ["#"]),
        ("email", ["#"]),
        (None, ["#"]),
        (7, ["#"]),
        ({"email": None}, ["#/email"]),
        ({"email": ""}, ["#/email"]),
        ({"email": "no-address"}, ["#/email"]),
        ({"email": "a@b@example.org"}, ["#/email"]),
        ({"email": "a\u0000@example.org"}, ["#/email"]),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, ["#/email"]),
        ({"email": ["a@example.org"]}, ["#/email"]),
        ({"email": {"a": "b"}}, ["#/email"]),
        ({"email": "a" * 300 + "@example.org"}, ["#/email"]),
        ({"email": "\ud800@example.org"}, ["#/email"]),
        ({"email": "\uff41da@example.org"}, ["#/email"]),
        ({"email": "\u0430da@example.org"}, ["#/email"]),
        ({"email": "ad\u200ba@example.org"}, ["#/email"]),
        ({"email": "a@example.org", "name": ""}, ["#/name"]),
        ({"email": "a@example.org", "name": " \u00a0"}, ["#/name"]),
        ({"email": "a@example.org", "name": "x" * 201}, ["#/name"]),
        ({"email": "a@example.org", "name": "a\u0000b"}, ["#/name"]),
        ({"email": "a@example.org", "name": "a\nb"}, ["#/name"]),
        ({"email": "a@example.org", "name": "a\u202eb"}, ["#/name"]),
        ({"email": "a@example.org", "name": "a\u2028b"}, ["#/name"]),
        ({"email": "a@example.org", "name": 7}, ["#/name"]),
        ({"email": "a@example.org", "name": True}, ["#/name"]),
        ({"email": "a@example.org", "role": "king"}, ["#/role"]),
        ({"email": "a@example.org", "role": "OWNER"}, ["#/role"]),
        ({"email": "a@example.org", "role": None}, ["#/role"]),
        ({"email": "a@example.org", "role": 10**400}, ["#/role"]),
        ({"email": "a@example.org", "password": "correct horse"}, ["#/password"]),
        ({"email": "a@example.org", "id": 7, "is_active": False}, ["#/id", "#/is_active"]),
        ({"email": "a@example.org", "a/b~c": 1}, ["#/a~1b~0c"]),
        ({"name": 7, "role": 7}, ["#/email", "#/name", "#/role"]),
    ],
)
async def test_an_error_names_each_invalid_field(
    app: Application, program: Make, body: object, pointers: list[str]
) -> None:
    client = await program()

    document = await problem(await client.post(USERS, json=body), 400)

    assert [error["pointer"] for error in document["errors"]] == pointers
    assert all(error["detail"].endswith(".") for error in document["errors"]), document
    assert await everybody(app) == ["ada@example.org"]


async def everybody(app: Application) -> list[str]:
    async with db.of(app).reading() as session:
        return list(await session.scalars(select(User.email).order_by(User.id)))


async def test_a_change_of_several_fields_is_made_completely_or_not_at_all(app: Application, program: Make) -> None:
    client, grace = await program(), await add(app, "grace@example.org")
    path = f"{USERS}/{grace.id}"

    changed = await client.patch(path, json={"name": "Grace", "role": "administrator", "is_active": False})
    refused = await client.patch(f"{USERS}/1", json={"name": "Countess", "role": "member"})

    person = await changed.get_json()
    assert (person["name"], person["role"], person["is_active"]) == ("Grace", "administrator", False)
    await problem(refused, 403)
    assert (await (await client.get(f"{USERS}/1")).get_json())["name"] == "ada"
    async with db.of(app).reading() as session:
        events = list(await session.scalars(select(AuditEvent.event).where(AuditEvent.subject == "grace@example.org")))
    assert set(events) >= {"person.added", "person.changed", "person.role_changed", "person.deactivated"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#"),
        ({"name": None}, "#/name"),
        ({"is_active": "false"}, "#/is_active"),
        ({"is_active": 0}, "#/is_active"),
        ({"is_active": None}, "#/is_active"),
        ({"role": None}, "#/role"),
        ({"email": "a@example.org"}, "#/email"),
        ({"password": "x"}, "#/password"),
    ],
)
async def test_an_empty_change_and_unknown_fields_are_refused(
    program: Make, body: dict[str, object], pointer: str
) -> None:
    client = await program()

    document = await problem(await client.patch(f"{USERS}/1", json=body), 400)

    assert [error["pointer"] for error in document["errors"]] == [pointer]


async def test_nobody_demotes_themselves_and_administrators_cannot_change_owners(
    app: Application, program: Make
) -> None:
    client, second = await program(), await add(app, "second@example.org", Role.OWNER)
    other = await program()
    await client.patch(f"{USERS}/{second.id}", json={"is_active": False})
    administrator = await program(role=Role.ADMINISTRATOR)

    for answer in (
        await other.patch(f"{USERS}/1", json={"role": "member"}),
        await other.patch(f"{USERS}/1", json={"is_active": False}),
        await other.delete(f"{USERS}/1"),
        await administrator.patch(f"{USERS}/1", json={"is_active": False}),
        await administrator.delete(f"{USERS}/1"),
        await administrator.patch(f"{USERS}/{second.id}", json={"name": "Mine"}),
        await administrator.post(USERS, json={"email": "mine@example.org", "role": "owner"}),
        await administrator.post(USERS, json={"email": "mine@example.org", "role": "administrator"}),
    ):
        await problem(answer, 403)
    assert (await (await client.get(f"{USERS}/1")).get_json())["role"] == "owner"


async def test_an_owner_can_be_removed_unless_they_are_the_last(app: Application, program: Make) -> None:
    await program()
    second = await add(app, "second@example.org", Role.OWNER)
    by_second = await program()
    await db.of(app).write(_hand_over, second.id)

    gone = await by_second.delete(f"{USERS}/1")
    last = await by_second.delete(f"{USERS}/{second.id}")

    assert gone.status_code == 204
    assert await gone.get_data() == b""
    await problem(last, 403)


async def _hand_over(work: UnitOfWork, user_id: int) -> None:
    await work.session.execute(update(ApiToken).where(ApiToken.id == 2).values(user_id=user_id))


async def test_removing_a_person_removes_their_tables_and_sessions(app: Application, program: Make) -> None:
    client = await program()
    await client.post(USERS, json={"email": "grace@example.org"})
    add_table(db.of(app).settings.data_dir, PLANETS, PLANET_ROWS, owner=2)

    answer = await client.delete(f"{USERS}/2")

    assert answer.status_code == 204
    await problem(await client.get(f"{USERS}/2"), 404)
    await problem(await client.delete(f"{USERS}/2"), 404)
    assert await everybody(app) == ["ada@example.org"]


@pytest.mark.parametrize("user_id", ["999", "0", str(2**63), "9" * 300])
async def test_an_unknown_id_is_a_404(program: Make, user_id: str) -> None:
    client = await program()

    for answer in (
        await client.get(f"{USERS}/{user_id}"),
        await client.patch(f"{USERS}/{user_id}", json={"name": "Nobody"}),
        await client.delete(f"{USERS}/{user_id}"),
    ):
        assert "person" in (await problem(answer, 404))["detail"]


async def test_the_second_of_two_concurrent_changes_gets_a_412(app: Application, program: Make) -> None:
    client = await program()
    await add(app, "grace@example.org")
    seen = (await client.get(f"{USERS}/2")).headers["ETag"]

    first = await client.patch(f"{USERS}/2", json={"name": "One"}, headers={"If-Match": seen})
    second = await client.patch(f"{USERS}/2", json={"name": "Two"}, headers={"If-Match": seen})
    removal = await client.delete(f"{USERS}/2", headers={"If-Match": seen})
    anyhow = await client.patch(f"{USERS}/2", json={"name": "Three"}, headers={"If-Match": "*"})
    fresh = await client.delete(f"{USERS}/2", headers={"If-Match": anyhow.headers["ETag"]})

    assert (first.status_code, anyhow.status_code, fresh.status_code) == (200, 200, 204)
    assert "Nothing was changed" in (await problem(second, 412))["detail"]
    await problem(removal, 412)


async def test_people_who_may_not_manage_others_may_only_read(program: Make) -> None:
    client = await program(Scope.ADMIN, Role.MEMBER)

    assert (await client.get(USERS)).status_code == 200
    await problem(await client.delete(f"{USERS}/1"), 403)


async def test_a_right_lost_before_the_change_is_no_longer_granted(
    app: Application, program: Make, owner: QuartClient
) -> None:
    administrator = await program(role=Role.ADMINISTRATOR)
    await (await program()).patch(f"{USERS}/2", json={"role": "member"})

    await problem(await administrator.post(USERS, json={"email": "a@example.org"}), 403)
    assert await is_signed_in(owner)
    assert ADA.email in await everybody(app)


async def test_a_request_sent_again_with_its_idempotency_key_adds_nobody_and_gets_the_same_person(
    app: Application, program: Make
) -> None:
    client, headers = await program(), {"Idempotency-Key": "5f0c9f2e-7a1b"}
    data = {"email": "new@example.org", "name": "New"}
    first = await client.post("/api/v1/users", json=data, headers=headers)

    second = await client.post("/api/v1/users", json=data, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert await first.get_json() == await second.get_json()
    assert first.headers["Location"] == second.headers["Location"]
    other = await client.post("/api/v1/users", json=data | {"email": "other@example.org"}, headers=headers)
    assert "other content" in (await problem(other, 422))["detail"]
    malformed = await client.post("/api/v1/users", json=data, headers={"Idempotency-Key": "with a space"})
    await problem(malformed, 400)


async def test_a_person_who_was_removed_can_be_added_again_with_the_same_request(
    app: Application, program: Make
) -> None:
    client, headers = await program(), {"Idempotency-Key": "5f0c9f2e-7a1b"}
    first = await client.post(USERS, json={"email": "new@example.org"}, headers=headers)
    await client.delete(first.headers["Location"])

    second = await client.post(USERS, json={"email": "new@example.org"}, headers=headers)

    assert second.status_code == 201
    assert second.headers["Location"] != first.headers["Location"]


async def test_a_repeated_removal_gets_the_404_that_the_reference_describes(app: Application, program: Make) -> None:
    client = await program()
    added = await client.post(USERS, json={"email": "new@example.org"})

    removals = [await client.delete(added.headers["Location"]) for _ in range(2)]

    assert [removal.status_code for removal in removals] == [204, 404]
    document = await (await client.get("/api/v1/openapi.json")).get_json()
    described = document["paths"]["/api/v1/users/{user_id}"]["delete"]
    assert "Sent again, it gets a 404" in " ".join(described["description"].split())
    assert "404" in described["responses"]
