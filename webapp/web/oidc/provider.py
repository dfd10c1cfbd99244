"""The provider as the settings name it: what it says of itself, where to send people, and what it says of them."""

import asyncio
import math
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from settings import Settings
from webapp.models.accounts.identity import Assertion
from webapp.web.oidc import id_tokens
from webapp.web.oidc.documents import ensure_safe, fetch_json
from webapp.web.oidc.failures import AnswerRefused, Declined, Unreachable
from webapp.web.oidc.id_tokens import Expected, KeyName
from webapp.web.oidc.proof import Proof

DISCOVERY = "/.well-known/openid-configuration"
MAX_AGE = 3600  # seconds that what it says of itself is believed
PAUSE = 5  # seconds until it is asked again after it did not answer: strangers can make us wait for it
MIN_KEYS_AGE = 60  # seconds until an unknown key makes us ask for the keys again
MAX_TOKEN = 64 * 1024  # characters of an ID token
MAX_GROUPS = 2_000
MAX_TEXT = 1_000  # characters of a name or an address


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the provider says of itself (OpenID Connect Discovery, 3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    takes_basic: bool  # id and secret in a header; else in the form
    names_itself: bool  # in every answer (RFC 9207)


class Provider:
    """One per app. What it has learnt of the provider is kept for an hour."""

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer
        self.clock = time.monotonic
        self._settings = settings
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._failed_at = -math.inf
        self._keys: Sequence[Mapping[str, Any]] = ()
        self._keys_at = 0.0
        self._lock = asyncio.Lock()

    async def authorization_url(self, proof: Proof, **more: str) -> str:
        """Where to send somebody. Raises `Unreachable`."""
        metadata = await self.metadata()
        parameters = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": proof.redirect_uri,
            "scope": self._settings.oidc_scopes,
            "state": proof.state,
            "nonce": proof.nonce,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{separator}{urlencode(parameters)}"

    async def metadata(self) -> Metadata:
        """Raises `Unreachable`."""
        async with self._lock:
            now = self.clock()
            if self._metadata is None or now - self._metadata_at > MAX_AGE:
                with self._unless_down():
                    self._metadata, self._metadata_at = await self._discover(), now
            return self._metadata

    @contextmanager
    def _unless_down(self) -> Iterator[None]:
        """All who sign in wait for the lock: what has not answered a moment ago is not asked. Raises `Unreachable`."""
        if self.clock() - self._failed_at < PAUSE:
            raise Unreachable("it did not answer a moment ago")
        try:
            yield
        except Unreachable:
            self._failed_at = self.clock()
            raise

    async def assertion(self, code: str, answered_by: str | None, proof: Proof) -> Assertion:
        """What the provider says of whoever came back with this code; `answered_by` is the `iss` they brought.

        Raises `ProviderFailure`.
        """
        metadata = await self.metadata()
        if answered_by != self.issuer and (answered_by is not None or metadata.names_itself):
            raise AnswerRefused("another provider has answered: iss")
        tokens = await self._redeem(metadata, code, proof)
        token = tokens.get("id_token")
        if not isinstance(token, str) or len(token) > MAX_TOKEN:
            raise Unreachable("there is no ID token in the answer")
        name = id_tokens.key_name(token)
        expected = Expected(self.issuer, self._settings.oidc_client_id, proof.nonce)
        claims = id_tokens.verify(token, await self._key(metadata, name), name, expected)
        return self._assertion(claims, await self._more(metadata, claims, tokens.get("access_token")))

    async def _discover(self) -> Metadata:
        status, document = await fetch_json(self.issuer.rstrip("/") + DISCOVERY)
        if status != 200:
            raise Unreachable(f"{DISCOVERY}: status {status}")
        if document.get("issuer") != self.issuer:
            raise Unreachable(
                f"ROWCAST_OIDC_ISSUER is not what the provider calls itself: {document.get('issuer')!r:.200}"
            )
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        userinfo = document.get("userinfo_endpoint")
        return Metadata(
            ensure_safe(document.get("authorization_endpoint"), self.issuer),
            ensure_safe(document.get("token_endpoint"), self.issuer),
            ensure_safe(document.get("jwks_uri"), self.issuer),
            ensure_safe(userinfo, self.issuer) if userinfo else None,
            takes_basic="client_secret_basic" in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    async def _redeem(self, metadata: Metadata, code: str, proof: Proof) -> dict[str, Any]:
        """Exchange the code for tokens. Raises `Declined` and `Unreachable`."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": proof.redirect_uri,
            "code_verifier": proof.verifier,
        }
        client_id, secret = self._settings.oidc_client_id, self._settings.oidc_client_secret.get_secret_value()
        headers = {}
        if metadata.takes_basic:
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        status, tokens = await fetch_json(metadata.token_endpoint, form=form, headers=headers)
        if status in (400, 401):
            raise Declined(f"the code was refused: {str(tokens.get('error'))[:50]}")
        if status != 200:
            raise Unreachable(f"the code got status {status}")
        return tokens

    async def _key(self, metadata: Metadata, name: KeyName) -> Mapping[str, Any]:
        """A key we do not know may be new, so the keys are asked for again, though not for every forger's invention.

        Raises `AnswerRefused` and `Unreachable`.
        """
        async with self._lock:
            age = self.clock() - self._keys_at
            found = id_tokens.find_key(self._keys, name) if self._keys and age < MAX_AGE else None
            if found is None and (not self._keys or age > MIN_KEYS_AGE):
                with self._unless_down():
                    self._keys, self._keys_at = await _fetch_keys(metadata.jwks_uri), self.clock()
                found = id_tokens.find_key(self._keys, name)
        if found is None:
            raise AnswerRefused("the ID token is signed with an unknown key")
        return found

    async def _more(self, metadata: Metadata, claims: Mapping[str, Any], access_token: object) -> Mapping[str, Any]:
        """What the ID token leaves out and the provider tells whoever has the access token."""
        needed = ["email", "email_verified", *([self._settings.oidc_groups_claim] if self._settings.oidc_roles else [])]
        if metadata.userinfo_endpoint is None or all(name in claims for name in needed):
            return {}
        if not (isinstance(access_token, str) and access_token.isascii() and access_token.isprintable()):
            raise Unreachable("there is no access token in the answer that a header can hold")
        headers = {"Authorization": f"Bearer {access_token}"}
        status, document = await fetch_json(metadata.userinfo_endpoint, headers=headers)
        if status != 200:
            raise Unreachable(f"userinfo: status {status}")
        if document.get("sub") != claims["sub"]:
            raise AnswerRefused("userinfo is of somebody else")
        return document

    def _assertion(self, claims: Mapping[str, Any], more: Mapping[str, Any]) -> Assertion:
        # An address and whether it is verified come from the same place.
        about_email = claims if "email" in claims and "email_verified" in claims else more or claims
        groups = claims.get(self._settings.oidc_groups_claim, more.get(self._settings.oidc_groups_claim))
        proved_at = claims.get("auth_time")
        return Assertion(
            issuer=self.issuer,
            subject=claims["sub"],
            email=_text(about_email.get("email")),
            is_email_verified=about_email.get("email_verified") is True,
            name=_text(claims.get("name") or more.get("name")),
            groups=_groups(groups),
            authenticated_at=_instant(proved_at) if proved_at is not None else None,
        )


async def _fetch_keys(url: str) -> Sequence[Mapping[str, Any]]:
    status, document = await fetch_json(url)
    keys = document.get("keys")
    if status != 200 or not isinstance(keys, list):
        raise Unreachable(f"the provider's keys: status {status}")
    return [key for key in keys if isinstance(key, dict)]


def _text(value: object) -> str:
    """Empty if it is none, or cannot be kept: JSON may hold half a character, which no database takes."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        return ""
    return value if value.encode(errors="ignore").decode() == value else ""


def _groups(value: object) -> frozenset[str]:
    """A list of names; some providers write a single one without the list."""
    names = value if isinstance(value, list) else [value]
    return frozenset(name for name in names[:MAX_GROUPS] if isinstance(name, str))


def _instant(seconds: object) -> datetime:
    """Raises `AnswerRefused`."""
    if isinstance(seconds, int | float) and 0 <= seconds < 1e11:
        return datetime.fromtimestamp(seconds, UTC)
    raise AnswerRefused("auth_time is no time")
