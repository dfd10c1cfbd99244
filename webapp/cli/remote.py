"""A server that commands ask over HTTP: its address, the token, and what goes wrong on the way, in one line each."""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpx

from webapp.db.errors import UserError

JSON = "application/json"
CONNECT, SILENCE = 10.0, 120.0  # seconds; a sorted export says nothing at first, a live stream says something each 15 s
MAX_PROBLEM = 64 * 1024  # bytes that are read of a refusal
MAX_ERRORS = 3  # that are told of those in it

Parameters = Sequence[tuple[str, str]]


class Refused(UserError):
    """The server has answered, but not with what it was asked for. `after` is when it wants to be asked again, in
    seconds.
    """

    def __init__(self, text: str, status: int, after: float | None = None) -> None:
        super().__init__(text)
        self.status, self.after = status, after


class Unreachable(UserError):
    """There is no answer, or only a part of it."""


@dataclass(frozen=True, slots=True)
class Remote:
    """`with remote.open() as server:`; a server and who asks it."""

    url: httpx.URL
    token: str = field(repr=False)

    @classmethod
    def of(cls, address: str, token: str | None, *, is_insecure: bool = False) -> "Remote":
        """Raises UserError, which never has the token in it."""
        token = (token or "").strip()
        if not token:
            raise UserError("A server wants a token: create one in your account there, and set ROWCAST_TOKEN to it.")
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise UserError("This is no token: a token has letters, digits, - and _ only.")
        return cls(_url(address, is_insecure=is_insecure), token)

    @contextmanager
    def open(self) -> Iterator["RemoteServer"]:
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "rowcast"}
        is_encrypted = self.url.scheme == "https"
        # No proxy reads a token: through one, https is a tunnel, and http is not sent.
        with httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(SILENCE, connect=CONNECT),
            trust_env=is_encrypted,
            verify=ssl.create_default_context() if is_encrypted else False,
        ) as client:
            yield RemoteServer(client)


class RemoteServer:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._name = client.base_url.host

    @contextmanager
    def stream(
        self, path: str, parameters: Parameters, accept: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """The answer to a GET, which is of the type `accept`, while it comes. Raises `Refused`, and `Unreachable` also
        in the block, if the answer ends before it is whole.
        """
        begun = False
        try:
            asked = {"Accept": accept, **(headers or {})}
            with self._client.stream("GET", f"/api/v1{path}", params=list(parameters), headers=asked) as answer:
                self._ensure_good(answer, accept)
                begun = True
                yield answer
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self._name} did not answer in time.{_NOT_ALL if begun else ''}") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            text = f"The connection to {self._name} was cut.{_NOT_ALL}" if begun else self._explain(error)
            raise Unreachable(text) from error

    def ask(
        self,
        method: str,
        path: str,
        parameters: Parameters = (),
        *,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The answer as JSON, empty if there is none. Raises `Refused`, `Unreachable`."""
        try:
            sent: dict[str, Any] = {"headers": {"Accept": JSON, **(headers or {})}, "content": content}
            answer = self._client.request(method, f"/api/v1{path}", params=list(parameters), **sent)
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self._name} did not answer in time.") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(self._explain(error)) from error
        if answer.status_code == 204:
            return {}
        self._ensure_good(answer, JSON)
        found: dict[str, Any] = answer.json()
        return found

    def table(self, table_id: int) -> dict[str, Any]:
        """A table with its columns. Raises `Refused`, `Unreachable`."""
        with self.stream(f"/tables/{table_id}", (), JSON) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _explain(self, error: Exception) -> str:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"The certificate of {self._name} is not trusted here. SSL_CERT_FILE names your own authority's."
            cause = cause.__cause__ or cause.__context__
        return f"{self._name} cannot be reached, or is no web server."

    def _ensure_good(self, answer: httpx.Response, accept: str) -> None:
        mimetype = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status_code in (200, 201) and mimetype == accept:
            return
        if answer.is_redirect:
            text = f"{self._name} wants to be asked elsewhere: {answer.headers.get('Location', '')}"
        elif mimetype == "application/problem+json":
            text = _problem(_beginning(answer))
        elif answer.is_success:
            text = f"What answers at {self._name} is not Rowcast."
        else:
            text = f"{self._name} answered {answer.status_code} {answer.reason_phrase}."
        after = answer.headers.get("Retry-After", "")
        raise Refused(text, answer.status_code, float(after) if after.isdecimal() else None)


_NOT_ALL = " What has been written is not all of it."


def _url(address: str, *, is_insecure: bool) -> httpx.URL:
    """Without what does not belong into the address of a server. Raises UserError."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise UserError("The address of a server is like https://rows.example.org.")
    if url.scheme == "http" and not is_insecure and not _is_loopback(url.host):
        raise UserError(
            f"The token would go to {url.host} unencrypted, for anybody on the way to read and use. "
            "Say https://, or --insecure if that is as you want it."
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _beginning(answer: httpx.Response) -> bytes:
    data = bytearray()
    for piece in answer.iter_bytes():
        data += piece
        if len(data) > MAX_PROBLEM:
            break
    return bytes(data)


def _problem(body: bytes) -> str:
    """What a problem document says, in one line."""
    try:
        document = json.loads(body)
        said = [document.get("detail") or document["title"]]
        errors = document.get("errors") or []
        said += [_of_error(error) for error in errors[:MAX_ERRORS] if error["detail"] not in said]
        return " ".join(" ".join(map(str, said)).split())
    except (ValueError, KeyError, TypeError, AttributeError):
        return "The server refused, in words that this version does not understand."


def _of_error(error: Mapping[str, Any]) -> str:
    place = error.get("parameter") or error.get("pointer")
    return f"{place}: {error['detail']}" if place else str(error["detail"])
