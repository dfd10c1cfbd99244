"""Cookies of ours beside that of the session, and the signatures on what browsers carry for us."""

from typing import Any, Literal

from itsdangerous import BadData, URLSafeTimedSerializer
from quart import request
from werkzeug.sansio.response import Response

from webapp.db import keys
from webapp.extensions import Extension, config


class Signer:
    """Signs values for `max_age` seconds. What was signed with another `salt`, for another purpose, is not accepted."""

    def __init__(self, salt: str, max_age: int) -> None:
        self.max_age = max_age
        self._serializer: Extension[URLSafeTimedSerializer] = Extension(
            f"{salt}_signer", lambda app: keys.signer(config.of(app), salt)
        )

    def dump(self, value: object) -> str:
        """`value` is made of what JSON has."""
        return str(self._serializer().dumps(value))

    def load(self, text: str | None) -> Any:
        """None if it was not signed here, or too long ago."""
        if not text:
            return None
        try:
            return self._serializer().loads(text, max_age=self.max_age)
        except BadData:
            return None


class Cookie:
    """A cookie that scripts cannot read. With `__Host-` browsers refuse one that did not come over TLS from this very
    host.
    """

    def __init__(
        self, name: str, max_age: int, *, samesite: Literal["Lax", "Strict"] = "Lax", has_prefix: bool = True
    ) -> None:
        self._name = name
        self.max_age = max_age  # seconds
        self._samesite = samesite
        self._has_prefix = has_prefix

    @property
    def name(self) -> str:
        return f"__Host-{self._name}" if self._has_prefix and config().is_tls else self._name

    def get(self) -> str:
        return request.cookies.get(self.name, "")

    def set(self, response: Response, value: str, path: str = "/") -> None:
        """Browsers send it to the pages below `path` only."""
        self._send(response, value, self.max_age, path)

    def delete(self, response: Response) -> None:
        self._send(response, "", 0)

    def _send(self, response: Response, value: str, max_age: int, path: str = "/") -> None:
        is_secure = config().is_tls or request.scheme == "https"
        response.set_cookie(
            self.name, value, max_age=max_age, path=path, httponly=True, samesite=self._samesite, secure=is_secure
        )


class SignedCookie(Cookie):
    """A cookie whose value only this server can make: `dump` makes it, `load` returns what it stands for, or None."""

    def __init__(self, name: str, salt: str, max_age: int, *, has_prefix: bool = True) -> None:
        super().__init__(name, max_age, has_prefix=has_prefix)
        self._signer = Signer(salt, max_age)
        self.dump = self._signer.dump

    def load(self) -> Any:
        return self._signer.load(self.get())
