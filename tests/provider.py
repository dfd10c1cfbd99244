"""An OpenID provider on this machine whose every answer a test can spoil. Where it behaves, it is as strict as a real
one: it checks the client, the redirect URI and the proof of the code.
"""

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from quart.testing import QuartClient

CLIENT_ID, CLIENT_SECRET = "rowcast", "a secret of two: with & signs"
EVE = {"sub": "eve-1", "email": "eve@example.org", "email_verified": True, "name": "Eve"}

Answer = tuple[int, dict[str, str], bytes]


@cache
def signing_key(name: str) -> rsa.RSAPrivateKey:
    """The same one in all of a run: making one takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str) -> dict[str, Any]:
    key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key(name).public_key(), as_dict=True)
    return key | {"kid": name, "use": "sig", "alg": "RS256"}


@dataclass
class FakeProvider:
    issuer: str
    claims: dict[str, Any] = field(default_factory=lambda: dict(EVE))  # of whoever signs in
    userinfo: dict[str, Any] = field(default_factory=dict)
    access_token: object = "access"
    spoiled: dict[str, Any] = field(default_factory=dict)  # claims instead of the right ones; None: without it
    metadata: dict[str, Any] = field(default_factory=dict)  # instead of the right ones
    answers: dict[str, Answer] = field(default_factory=dict)  # by path, instead of the right ones
    delay: float = 0.0  # seconds before each answer
    key: str = "first"
    published: list[str] = field(default_factory=lambda: ["first"])
    asked: list[str] = field(default_factory=list)  # the paths of all requests
    codes: dict[str, dict[str, str]] = field(default_factory=dict)  # what each code was given for

    def approve(self, url: str, code: str = "code-1") -> str:
        """The person signs in there: the query with which the browser comes back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.codes[code] = query
        return f"code={code}&state={query['state']}"

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            **self.claims,
            **self.spoiled,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, signing_key(self.key), "RS256", headers={"kid": self.key})

    def answer(self, path: str, headers: Mapping[str, str], body: str) -> Answer:
        self.asked.append(path)
        time.sleep(self.delay)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return _json(200, self._described())
        if path == "/keys":
            return _json(200, {"keys": [public_jwk(name) for name in self.published]})
        if path == "/token":
            return self._redeem(headers, body)
        if path == "/userinfo" and headers.get("Authorization") == "Bearer access":
            return _json(200, {"sub": self.claims["sub"], **self.userinfo})
        return _json(404, {})

    def _described(self) -> dict[str, Any]:
        places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        described = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in places.items()}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **described, **self.metadata}

    def _redeem(self, headers: Mapping[str, str], body: str) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        given = self.codes.pop(form.get("code", ""), None)
        if not _is_client(headers, form):
            return _json(401, {"error": "invalid_client"})
        if given is None or given["redirect_uri"] != form["redirect_uri"]:
            return _json(400, {"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != given["code_challenge"]:
            return _json(400, {"error": "invalid_grant"})
        tokens = {"access_token": self.access_token, "token_type": "Bearer", "id_token": self.id_token(given["nonce"])}
        return _json(200, tokens)


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, headers, answer = provider.answer(urlsplit(self.path).path, dict(self.headers), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients may hang up on a huge answer
    provider = FakeProvider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def oidc_settings(issuer: str, **more: Any) -> dict[str, Any]:
    client = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET, "oidc_name": "Example ID"}
    return {"oidc_issuer": issuer, **client, **more}


async def begin(client: QuartClient, path: str = "/login/oidc", **form: str) -> str:
    """Press the button: the address at the provider."""
    answer = await client.post(path, form=form)
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 200, (answer.status_code, answer.headers.get("Location"))
    found = re.search(r'content="0;url=([^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


async def come_back(client: QuartClient, query: str) -> Any:
    """As a browser that another site sends here."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    return await client.get(f"/login/oidc/callback?{query}", headers=headers)


async def sign_in_through(provider: FakeProvider, client: QuartClient, path: str = "/login/oidc", **form: str) -> Any:
    """All of it."""
    return await come_back(client, provider.approve(await begin(client, path, **form)))


def _is_client(headers: Mapping[str, str], form: Mapping[str, str]) -> bool:
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
    [(name, secret)] = parse_qs(base64.b64decode(encoded).decode().replace(":", "=", 1)).items()
    return (name, secret) == (CLIENT_ID, [CLIENT_SECRET])


def _json(status: int, document: dict[str, Any]) -> Answer:
    body = json.dumps(document).encode()
    return status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body
