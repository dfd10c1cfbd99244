"""One request to an address that somebody typed: HTTP/1.1 by h11 on asyncio's streams, one connection each.

A name is resolved once, every address that it has is checked, and the connection goes to one that was checked: what the
name says a moment later (DNS rebinding) does not matter. `Host` and the name in TLS stay those of the address. Nothing
follows a redirect, reads a proxy from the environment, keeps cookies or unpacks what is compressed; what is read, and
how long all of it takes, is bounded.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import h11

from webapp.outgoing.addresses import Address, Network, is_among, is_public, parse_address
from webapp.outgoing.errors import AddressRefused, NoAnswer
from webapp.outgoing.target import Target

READ = 4_096  # bytes at a time
MAX_AROUND = 64 * 1024  # bytes of an answer besides its body: headers, interim answers, sizes of chunks
CONNECT = 3.0  # seconds in which an address of several has to take the connection
NAME_THREADS = 4  # that wait for name servers: they cannot be interrupted, and must not be those of others
NOT_PUBLIC = "This address leads into a private network. Only addresses of the internet are allowed."


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case; of several with one name the last
    body: bytes  # its beginning, if `is_cut`
    is_cut: bool

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


class OutgoingClient:
    """`allowed` are private networks that requests may go to all the same, to any port and without TLS. `tls` is for
    servers whose certificates no public authority has signed.
    """

    def __init__(self, allowed: Sequence[Network] = (), tls: ssl.SSLContext | None = None) -> None:
        self._allowed = allowed
        self._given_tls = tls
        self._names = ThreadPoolExecutor(NAME_THREADS, thread_name_prefix="names")

    def close(self) -> None:
        self._names.shutdown(wait=False, cancel_futures=True)

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float,
        max_bytes: int,
    ) -> Answer:
        """The answer with at most `max_bytes` of its body, all within `timeout` seconds.

        Raises `AddressRefused` before anything is sent, and `NoAnswer`.
        """
        target = Target.parse(url)
        try:
            async with asyncio.timeout(timeout):
                addresses = await self.resolve(target)
                reader, writer = await self._connect(target, addresses)
                try:
                    return await _exchange(
                        reader, writer, _request(method, target, headers or {}, body), body, max_bytes
                    )
                finally:
                    writer.transport.abort()  # whatever the other side still sends
                    with suppress(OSError):
                        await writer.wait_closed()
        except TimeoutError as error:
            raise NoAnswer(f"It did not answer within {timeout:g} seconds.") from error
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or "the handshake failed"
            raise NoAnswer(f"There is no TLS connection with it: {reason}.") from error
        except OSError as error:
            raise NoAnswer(f"The connection broke: {error.strerror or type(error).__name__}.") from error
        except h11.RemoteProtocolError as error:
            raise NoAnswer("What it answers is not HTTP, or ends too early.") from error

    async def resolve(self, target: Target) -> list[Address]:
        """The addresses of its name, each of which may be connected to. Raises `AddressRefused` and `NoAnswer`."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._names, lambda: socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            )
            addresses = list(dict.fromkeys(parse_address(str(info[4][0])) for info in found))
        except (socket.gaierror, UnicodeError) as error:
            raise NoAnswer(f"There is no server called {target.host}.") from error
        self.check(target, addresses)
        return addresses

    def check(self, target: Target, addresses: Sequence[Address]) -> None:
        """All of them: a name with a public and a private address is a private one's. Raises `AddressRefused`."""
        if addresses and all(is_among(address, self._allowed) for address in addresses):
            return
        if not all(is_public(address) for address in addresses):
            raise AddressRefused(NOT_PUBLIC)
        if not target.is_tls:
            raise AddressRefused("Use an address that begins with https://.")
        if not target.has_usual_port:
            raise AddressRefused("Use the port 443, or one from 1024 on.")

    async def _connect(
        self, target: Target, addresses: Sequence[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the first of these that takes the connection. Raises OSError."""
        tls = {"ssl": self._tls, "server_hostname": target.name} if target.is_tls else {}
        for last, address in enumerate(addresses, 1):
            try:
                async with asyncio.timeout(None if last == len(addresses) else CONNECT):
                    return await asyncio.open_connection(str(address), target.port, **tls)  # type: ignore[arg-type]
            except OSError:  # which a timeout is, too
                if last == len(addresses):
                    raise
        raise OSError("no address")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


def _request(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> h11.Request:
    own = {"Host": target.authority, "Connection": "close", "Accept-Encoding": "identity"}
    length = {"Content-Length": str(len(body))} if body else {}
    return h11.Request(method=method, target=target.path, headers=list((own | length | dict(headers)).items()))


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes, max_bytes: int
) -> Answer:
    """Raises `h11.RemoteProtocolError`, `NoAnswer` and OSError. An answer may come before all of the body is sent."""
    connection = h11.Connection(h11.CLIENT)
    writer.write((connection.send(request) or b"") + (connection.send(h11.Data(body)) or b"" if body else b""))
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    head: h11.Response | None = None
    found, read, is_cut = bytearray(), 0, False
    while not is_cut:
        event = connection.next_event()
        if event is h11.NEED_DATA and read > max_bytes + MAX_AROUND:
            if head is None:
                raise NoAnswer("Its answer has headers without end.")
            is_cut = True
        elif event is h11.NEED_DATA:
            data = await reader.read(READ)
            read += len(data)
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            found += event.data
            is_cut = len(found) > max_bytes
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            break
    if head is None:
        raise h11.RemoteProtocolError("no response")
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in head.headers}
    return Answer(head.status_code, headers, bytes(found[:max_bytes]), is_cut)
