"""ID tokens: whether one comes from the provider, was made for us, now, and for this very sign-in."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

import jwt

from webapp.web.oidc.failures import AnswerRefused
from webapp.web.oidc.proof import SKEW

# Signatures with a private key that the provider alone has, and the kind of key of each. Never `none`, and never an
# HMAC, which whoever knows the public key could make.
ALGORITHMS = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
    "EdDSA": "OKP",
}
MAX_AGE = 600  # seconds since it was made: it comes straight from the provider
MAX_SUBJECT = 255  # characters (OpenID Connect Core, 2)
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token of one sign-in must say."""

    issuer: str
    client_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class KeyName:
    """Which key a token is signed with, as its head says before anything is verified."""

    algorithm: str
    key_id: str | None


def key_name(token: str) -> KeyName:
    """Raises `AnswerRefused` if it says nothing usable, or is not signed with a private key."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise AnswerRefused("the ID token is malformed") from error
    algorithm, key_id = head.get("alg"), head.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise AnswerRefused(f"the ID token is signed with {str(algorithm)[:20]}")
    return KeyName(algorithm, key_id if isinstance(key_id, str) else None)


def find_key(keys: Sequence[Mapping[str, Any]], name: KeyName) -> Mapping[str, Any] | None:
    """The public key (RFC 7517) of this name; without a name the only one that fits; None if there is none."""
    fitting = [key for key in keys if _fits(key, name)]
    return fitting[0] if len(fitting) == 1 or (fitting and name.key_id is not None) else None


def _fits(key: Mapping[str, Any], name: KeyName) -> bool:
    is_right_kind = key.get("kty") == ALGORITHMS[name.algorithm] and key.get("use", "sig") == "sig"
    is_right_algorithm = key.get("alg", name.algorithm) == name.algorithm
    return is_right_kind and is_right_algorithm and name.key_id in (None, key.get("kid"))


def verify(token: str, key: Mapping[str, Any], name: KeyName, expected: Expected) -> dict[str, Any]:
    """The claims. Raises `AnswerRefused`."""
    try:
        public_key = jwt.PyJWK(dict(key), algorithm=name.algorithm)
        claims = jwt.decode(
            token,
            public_key,
            algorithms=[name.algorithm],
            audience=expected.client_id,
            issuer=expected.issuer,
            leeway=SKEW,
            options={"require": REQUIRED, "enforce_minimum_key_length": True},
        )
        made_at = float(claims["iat"])
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:  # of numbers that are none, for some
        raise AnswerRefused(f"the ID token is not valid: {type(error).__name__}") from error
    _verify_party(claims, expected)
    if made_at < time() - MAX_AGE - SKEW:
        raise AnswerRefused("the ID token is old")
    if not claims["sub"] or len(claims["sub"]) > MAX_SUBJECT or not claims["sub"].isprintable():
        raise AnswerRefused("the ID token has no usable subject")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(errors="replace"), expected.nonce.encode()):
        raise AnswerRefused("the ID token is of another sign-in: nonce")
    return claims


def _verify_party(claims: Mapping[str, Any], expected: Expected) -> None:
    """One that is for several must say that it was made for us (OpenID Connect Core, 3.1.3.7)."""
    audience, party = claims["aud"], claims.get("azp")
    is_for_several = isinstance(audience, list) and len(audience) > 1
    if party not in (None, expected.client_id) or (is_for_several and party is None):
        raise AnswerRefused("the ID token was made for another client: azp")
