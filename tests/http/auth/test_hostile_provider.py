"""Forged tokens, answers that belong to somebody else, and a provider that is down, slow or endless: nobody gets in."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from quart.testing import QuartClient

from tests.conftest import Client, make_settings
from tests.events import events
from tests.helpers import is_signed_in, sign_up
from tests.provider import (
    EVE,
    FakeProvider,
    begin,
    come_back,
    fake_provider,
    oidc_settings,
    sign_in_through,
    signing_key,
)
from webapp import create_app
from webapp.web.application import Application
from webapp.web.oidc import attempts, documents


@pytest.fixture
def app(provider_app: Application) -> Application:
    return provider_app


@pytest.fixture
def client(app: Application) -> QuartClient:
    return app.test_client()


async def reason(app: Application, client: QuartClient, answer: Any) -> str:
    """Why nobody was signed in, for the administrators; the person reads something else."""
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not await is_signed_in(client)
    text = str((await events(app, "session.refused"))[-1].details["reason"])
    assert text not in await (await client.get("/login")).get_data(as_text=True)
    return text


@pytest.mark.parametrize(
    ("claim", "value", "why"),
    [
        ("iss", "https://evil.example", "InvalidIssuerError"),
        ("iss", None, "MissingRequiredClaimError"),
        ("aud", "another-client", "InvalidAudienceError"),
        ("aud", ["another-client"], "InvalidAudienceError"),
        ("aud", ["rowcast", "another-client"], "azp"),
        ("aud", None, "MissingRequiredClaimError"),
        ("azp", "another-client", "azp"),
        ("exp", 1, "ExpiredSignatureError"),
        ("exp", None, "MissingRequiredClaimError"),
        ("nonce", "half \ud800", "nonce"),
        ("exp", "soon", "DecodeError"),
        ("iat", 1, "old"),
        ("iat", 99999999999, "ImmatureSignatureError"),
        ("iat", True, "old"),
        ("nbf", 99999999999, "ImmatureSignatureError"),
        ("nonce", "of another sign-in", "nonce"),
        ("nonce", None, "nonce"),
        ("sub", "", "subject"),
        ("sub", None, "MissingRequiredClaimError"),
        ("sub", 7, "InvalidSubjectError"),
        ("sub", "x" * 256, "subject"),
        ("auth_time", "yesterday", "auth_time"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    app: Application, client: QuartClient, provider: FakeProvider, claim: str, value: Any, why: str
) -> None:
    provider.spoiled[claim] = value

    assert why in await reason(app, client, await sign_in_through(provider, client))


def forged(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    return b".".join([signed, base64.urlsafe_b64encode(sign(signed)).rstrip(b"=")]).decode()


def with_public_key(signed: bytes) -> bytes:
    """What a verifier computes that takes the public key for a shared secret."""
    public = signing_key("first").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hmac.digest(pem, signed, hashlib.sha256)


@pytest.mark.parametrize(
    ("header", "sign", "why"),
    [
        ({"alg": "none"}, lambda signed: b"", "signed with none"),
        ({"alg": "None", "kid": "first"}, lambda signed: b"", "signed with None"),
        ({"alg": "HS256", "kid": "first"}, with_public_key, "signed with HS256"),
        ({"alg": "RS256", "kid": "first"}, lambda signed: b"", "InvalidSignatureError"),
        ({"alg": "ES256", "kid": "first"}, lambda signed: b"x" * 64, "unknown key"),
        ({"alg": ["RS256"]}, lambda signed: b"", "signed with ['RS256']"),
        ({"kid": "first"}, lambda signed: b"", "signed with None"),
    ],
)
async def test_a_token_that_the_provider_has_not_signed_is_refused(
    app: Application,
    client: QuartClient,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    header: dict[str, Any],
    sign: Callable[[bytes], bytes],
    why: str,
) -> None:
    def forge(nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": provider.issuer, "aud": "rowcast", "exp": now + 60, "iat": now, "nonce": nonce, **EVE}
        return forged(header, claims, sign)

    monkeypatch.setattr(provider, "id_token", forge)

    assert why in await reason(app, client, await sign_in_through(provider, client))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "." * 50, None, 7])
async def test_what_is_no_token_is_refused(
    app: Application, client: QuartClient, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    monkeypatch.setattr(provider, "id_token", lambda nonce: token)

    assert await reason(app, client, await sign_in_through(provider, client))


async def test_a_key_of_the_sender_is_not_trusted_for_being_in_the_token(
    app: Application, client: QuartClient, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forge(nonce: str) -> str:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key("evil").public_key(), as_dict=True)
        now = int(time.time())
        claims = {"iss": provider.issuer, "aud": "rowcast", "exp": now + 60, "iat": now, "nonce": nonce, **EVE}
        headers = {"kid": "first", "jwk": public, "jku": "https://evil.example/keys"}
        return jwt.encode(claims, signing_key("evil"), "RS256", headers=headers)

    monkeypatch.setattr(provider, "id_token", forge)

    assert "InvalidSignatureError" in await reason(app, client, await sign_in_through(provider, client))


async def test_a_new_key_is_fetched_once_and_an_invented_one_not_again_and_again(
    app: Application, provider: FakeProvider
) -> None:
    now = [1000.0]
    attempts.provider.of(app).clock = lambda: now[0]
    assert (await sign_in_through(provider, app.test_client())).location == "/dashboard"
    provider.key, provider.published = "second", ["first", "second"]

    now[0] += 61
    assert (await sign_in_through(provider, app.test_client())).location == "/dashboard"
    assert provider.asked.count("/keys") == 2

    provider.key = "invented"
    for _ in range(3):
        client = app.test_client()
        assert "unknown key" in await reason(app, client, await sign_in_through(provider, client))
    assert provider.asked.count("/keys") == 2


async def test_a_state_of_another_browser_signs_nobody_in(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    """Else somebody could sign you in to their account, and read what you write there."""
    theirs = provider.approve(await begin(app.test_client()))

    assert "state" in await reason(app, client, await come_back(client, theirs))

    ours = await begin(client)  # and an attempt of ours goes on after it
    assert "state" in await reason(app, client, await come_back(client, theirs))
    assert (await come_back(client, provider.approve(ours, "code-2"))).location == "/dashboard"


async def test_an_answer_counts_once(app: Application, provider: FakeProvider) -> None:
    client = app.test_client()
    query = provider.approve(await begin(client))
    await come_back(client, query)
    await client.post("/logout")

    assert "state" in await reason(app, client, await come_back(client, query))


async def test_a_copied_cookie_and_answer_count_once(app: Application, provider: FakeProvider) -> None:
    client, copy = app.test_client(), app.test_client()
    query = provider.approve(await begin(client))
    [cookie] = [one for one in client.cookie_jar if one.name == "rowcast-single-sign-on"]
    copy.set_cookie("localhost", cookie.name, cookie.value)
    assert (await come_back(client, query)).location == "/dashboard"

    assert "used already" in await reason(app, copy, await come_back(copy, query))


async def test_a_code_of_another_sign_in_is_refused(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    """Somebody who got hold of your code puts it into a sign-in of their own: they lack the verifier (PKCE)."""
    stolen = provider.approve(await begin(app.test_client())).partition("&")[0]
    state = (await begin(client)).partition("state=")[2].partition("&")[0]

    answer = await come_back(client, f"{stolen}&state={state}")

    assert "the code was refused: invalid_grant" in await reason(app, client, answer)


async def test_another_provider_answers_for_this_one(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    query = provider.approve(await begin(client))

    assert "iss" in await reason(app, client, await come_back(client, f"{query}&iss=https://evil.example"))


async def test_a_provider_that_names_itself_must(app: Application, client: QuartClient, provider: FakeProvider) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = True

    assert "iss" in await reason(app, client, await sign_in_through(provider, client))
    query = provider.approve(await begin(client))
    assert (await come_back(client, f"{query}&iss={provider.issuer}")).location == "/dashboard"


async def test_a_refusal_by_the_provider_is_told(app: Application, client: QuartClient, provider: FakeProvider) -> None:
    state = (await begin(client)).partition("state=")[2].partition("&")[0]

    answer = await come_back(client, f"error=access_denied&error_description=<script>&state={state}")

    assert "access_denied" in await reason(app, client, answer)


async def test_userinfo_of_somebody_else_is_refused(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    provider.claims = {"sub": "mallory"}
    provider.userinfo = {"sub": "eve-1", "email": EVE["email"], "email_verified": True}

    assert "somebody else" in await reason(app, client, await sign_in_through(provider, client))


@pytest.mark.parametrize("access_token", [None, 7, "caf\u00e9", "access\r\nX-Other: 1"])
async def test_an_access_token_that_is_none_asks_for_nothing(
    app: Application, client: QuartClient, provider: FakeProvider, access_token: object
) -> None:
    provider.claims, provider.access_token = {"sub": "eve-1"}, access_token

    assert "no access token" in await reason(app, client, await sign_in_through(provider, client))
    assert "/userinfo" not in provider.asked


async def test_another_site_cannot_press_the_button(app: Application, client: QuartClient) -> None:
    answer = await client.post("/login/oidc", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, {"Content-Length": "0"}, b""), "status 500"),
        ((302, {"Location": "https://evil.example/", "Content-Length": "0"}, b""), "status 302"),
        ((200, {"Content-Length": "9"}, b"not json!"), "no JSON"),
        ((200, {"Content-Length": "2"}, b"[]"), "no JSON object"),
        ((200, {"Content-Encoding": "gzip", "Content-Length": "2"}, b"{}"), "compressed"),
        ((200, {"Content-Length": str(10**9)}, b"x" * 300_000), "more than 262144 bytes"),
        ((200, {}, b"[" * 200_000), "no JSON"),
    ],
)
async def test_a_provider_that_answers_nonsense_is_reported_and_let_go(
    app: Application, client: QuartClient, provider: FakeProvider, path: str, answer: Any, why: str
) -> None:
    provider.answers[path] = answer

    pressed = await client.post("/login/oidc")
    if pressed.status_code == 200:
        pressed = await sign_in_through(provider, client)

    assert why in await reason(app, client, pressed)


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "file:///etc/passwd",
        "//evil.example",
        "https://a@b.example/",
        "https://b.example/\ud800",
    ],
)
async def test_only_https_is_asked(
    app: Application, client: QuartClient, provider: FakeProvider, endpoint: str, url: str
) -> None:
    provider.metadata[endpoint] = url

    assert "no https URL" in await reason(app, client, await client.post("/login/oidc"))


async def test_a_provider_that_calls_itself_otherwise_is_not_the_one(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    provider.metadata["issuer"] = f"{provider.issuer}/"

    assert "ROWCAST_OIDC_ISSUER" in await reason(app, client, await client.post("/login/oidc"))


async def test_a_provider_that_does_not_answer_in_time(
    app: Application, client: QuartClient, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "TIMEOUT", 0.05)
    provider.delay = 0.3

    assert "Time" in await reason(app, client, await client.post("/login/oidc"))


async def test_a_provider_that_is_down_is_not_asked_by_everybody_who_tries(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    provider.answers["/.well-known/openid-configuration"] = (503, {"Content-Length": "0"}, b"")

    for _ in range(5):
        assert await reason(app, client, await client.post("/login/oidc"))

    assert len(provider.asked) == 1
    page = await (await client.get("/login")).get_data(as_text=True)
    assert "Password" in page  # the other ways in are there


async def test_nothing_listens_where_the_provider_should_be(data_dir: Path) -> None:
    with fake_provider() as gone:
        pass
    app = create_app(make_settings(data_dir, **oidc_settings(gone.issuer)))
    app.test_client_class = Client
    async with app.test_app():
        await sign_up(app.test_client())
        client = app.test_client()
        assert "ConnectError" in await reason(app, client, await client.post("/login/oidc"))


async def test_the_secret_is_sent_as_the_provider_takes_it(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

    assert (await sign_in_through(provider, client)).location == "/dashboard"


async def test_a_secret_that_the_provider_does_not_know(data_dir: Path, provider: FakeProvider) -> None:
    settings = oidc_settings(provider.issuer) | {"oidc_client_secret": "wrong"}
    app = create_app(make_settings(data_dir, **settings))
    app.test_client_class = Client
    async with app.test_app():
        await sign_up(app.test_client())
        client = app.test_client()
        answer = await sign_in_through(provider, client)
        assert "invalid_client" in await reason(app, client, answer)


@pytest.mark.parametrize("subject", ["", "x" * 256, "half \ud800", "nul \0", "two\nlines"])
async def test_a_subject_that_cannot_be_kept_is_refused(
    app: Application, client: QuartClient, provider: FakeProvider, subject: str
) -> None:
    provider.claims["sub"] = subject

    assert "no usable subject" in await reason(app, client, await sign_in_through(provider, client))


@pytest.mark.parametrize("text", ["half \ud800", "x" * 10_000, "\0", 7, ["Eve"], {"of": "Eve"}])
async def test_what_the_provider_writes_beside_it_is_kept_only_if_it_is_text_of_a_usual_length(
    app: Application, provider: FakeProvider, text: object
) -> None:
    provider.claims["name"] = text
    assert (await sign_in_through(provider, app.test_client())).location == "/dashboard"

    provider.claims |= {"email": text, "groups": [text]}  # of somebody who is known by their subject already
    client = app.test_client()
    assert (await sign_in_through(provider, client)).location == "/dashboard"
    page = await (await client.get("/account/identities")).get_data(as_text=True)
    assert EVE["email"] in page

    provider.claims["sub"] = "another"
    assert await reason(app, other := app.test_client(), await sign_in_through(provider, other)) == "unverified address"


async def test_an_error_of_the_provider_that_is_no_text_is_told_as_one(
    app: Application, client: QuartClient, provider: FakeProvider
) -> None:
    body = json.dumps({"error": "half \ud800" + "x" * 9_000}).encode()
    provider.answers["/token"] = (400, {"Content-Length": str(len(body))}, body)

    assert "the code was refused" in await reason(app, client, await sign_in_through(provider, client))


async def test_keys_that_do_not_come_are_not_waited_for_by_everybody_who_signs_in(
    app: Application, provider: FakeProvider
) -> None:
    now = [1000.0]
    attempts.provider.of(app).clock = lambda: now[0]
    provider.answers["/keys"] = (503, {"Content-Length": "0"}, b"")

    for _ in range(3):
        client = app.test_client()
        assert await reason(app, client, await sign_in_through(provider, client))
    assert provider.asked.count("/keys") == 1

    provider.answers.clear()
    now[0] += 6
    assert (await sign_in_through(provider, app.test_client())).location == "/dashboard"
