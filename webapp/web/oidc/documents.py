"""Asking the provider: JSON over TLS, within ten seconds and 256 KiB, from the address asked and no other."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from settings import is_loopback
from webapp.web.oidc.failures import Unreachable

TIMEOUT = 10.0  # seconds for all of an answer
MAX_BYTES = 256 * 1024
JSON_TYPES = ("application/json", "application/jwk-set+json")


async def fetch_json(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """The status and the object that a GET, or a POST of `form`, is answered with. Raises `Unreachable`.

    Redirects are not followed: what is configured, or named by the provider itself, is what is asked.
    """
    place = _place(url)
    try:
        async with asyncio.timeout(TIMEOUT):
            status, body = await _fetch(url, form, headers or {})
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise Unreachable(f"{place}: {type(error).__name__}") from error
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"{place}: status {status}, no JSON") from error
    if not isinstance(document, dict):
        raise Unreachable(f"{place}: status {status}, no JSON object")
    return status, document


def ensure_safe(url: object, issuer: str) -> str:
    """`url` if it is one that the provider `issuer` may be asked at: https, or on this machine if the issuer is.

    Raises `Unreachable`.
    """
    parts, own = urlsplit(str(url)), urlsplit(issuer)
    is_local = own.scheme == "http" and parts.scheme == "http" and is_loopback(parts.hostname or "")
    is_plain = str(url).isascii() and not parts.username and not parts.fragment
    if not (parts.hostname and (parts.scheme == "https" or is_local) and is_plain):
        raise Unreachable("the provider names an address that is no https URL")
    return str(url)


async def _fetch(url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    given = {"Accept": ", ".join(JSON_TYPES), "Accept-Encoding": "identity", "User-Agent": "Rowcast", **headers}
    # Neither proxies nor names and passwords from the environment: `settings.py` alone reads that.
    async with (
        httpx.AsyncClient(verify=_trust(), trust_env=False, timeout=TIMEOUT, follow_redirects=False) as client,
        client.stream("GET" if form is None else "POST", url, data=form, headers=given) as response,
    ):
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Unreachable(f"{_place(url)}: compressed, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BYTES:
                raise Unreachable(f"{_place(url)}: more than {MAX_BYTES} bytes")
        return response.status_code, bytes(body)


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates: organisations add their own there. Reading them takes as long as a request."""
    return ssl.create_default_context()


def _place(url: str) -> str:
    """Without what follows the path: it may be long, or a secret."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"[:200]
