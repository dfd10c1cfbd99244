"""Requests to addresses that people have typed, made to real sockets of this machine."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.test_mail_over_tls import certificate
from webapp.outgoing import AddressRefused, NoAnswer, OutgoingClient
from webapp.outgoing import client as client_module

LOOPBACK = [ip_network("127.0.0.0/8")]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def client() -> AsyncIterator[OutgoingClient]:
    client = OutgoingClient(LOOPBACK)
    yield client
    client.close()


class Listener:
    """Says `answer` to each request, and keeps what came."""

    def __init__(self, answer: bytes = b"", forever: bytes = b"") -> None:
        self.answer, self.forever = answer, forever
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.sent = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        length = next((line for line in head.lower().splitlines() if line.startswith(b"content-length:")), b":0")
        self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
        try:
            writer.write(self.answer)
            while self.forever:
                writer.write(self.forever)
                self.sent += len(self.forever)
                await writer.drain()
            await writer.drain()
        except OSError:
            pass
        finally:
            await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class Listening:
    """While it is a context; at its end it waits until all that came is answered, else a later test hears of it."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.tasks: set[asyncio.Task[None]] = set()
        self.server: asyncio.Server | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        await self.handler(reader, writer)

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        assert self.server
        self.server.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def listen(handler: Handler, **options: Any) -> tuple[Listening, int]:
    listening = Listening(handler)
    listening.server = await asyncio.start_server(listening, "127.0.0.1", 0, **options)
    return listening, listening.server.sockets[0].getsockname()[1]


async def ask(client: OutgoingClient, url: str, *, timeout: float = 10, max_bytes: int = 1_000) -> Any:
    return await client.request("POST", url, {"X-Ours": "1"}, b"body", timeout=timeout, max_bytes=max_bytes)


async def test_a_request_is_sent_and_answered(client: OutgoingClient) -> None:
    listener = Listener(b"HTTP/1.1 201 Created\r\nX-Theirs: 2\r\nContent-Length: 6\r\n\r\nthanks")
    server, port = await listen(listener)
    async with server:
        answer = await ask(client, f"http://127.0.0.1:{port}/hook?a=b")
    assert (answer.status, answer.is_ok, answer.body, answer.is_cut) == (201, True, b"thanks", False)
    assert answer.headers["x-theirs"] == "2"
    head = listener.heads[0].decode()
    assert head.startswith("POST /hook?a=b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in head
    assert "X-Ours: 1\r\n" in head
    assert listener.bodies == [b"body"]


async def test_an_answer_in_chunks_after_an_interim_one_is_read(client: OutgoingClient) -> None:
    chunks = (
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    server, port = await listen(Listener(chunks))
    async with server:
        assert (await ask(client, f"http://127.0.0.1:{port}/")).body == b"abc"


async def test_of_an_endless_answer_no_more_is_read_than_was_asked_for(client: OutgoingClient) -> None:
    listener = Listener(b"HTTP/1.1 200 OK\r\n\r\n", forever=b"x" * 65_536)
    server, port = await listen(listener)
    async with server:
        answer = await ask(client, f"http://127.0.0.1:{port}/", max_bytes=1_024)
    assert (answer.status, answer.body, answer.is_cut) == (200, b"x" * 1_024, True)
    assert listener.sent < 20_000_000  # what the sockets hold


async def test_an_answer_that_does_not_come_is_not_waited_for(client: OutgoingClient) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await close(writer)

    server, port = await listen(silent)
    async with server:
        with pytest.raises(NoAnswer, match=r"within 0\.2 seconds"):
            await ask(client, f"http://127.0.0.1:{port}/", timeout=0.2)


async def test_an_answer_that_comes_byte_by_byte_has_the_same_time(client: OutgoingClient) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        try:
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            pass
        await close(writer)

    server, port = await listen(drip)
    async with server:
        with pytest.raises(NoAnswer, match="within"):
            await ask(client, f"http://127.0.0.1:{port}/", timeout=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_none(client: OutgoingClient, answer: bytes) -> None:
    server, port = await listen(Listener(answer))
    async with server:
        with pytest.raises(NoAnswer):
            await ask(client, f"http://127.0.0.1:{port}/")


async def test_where_nobody_listens_there_is_no_answer(client: OutgoingClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="connection"):
            await ask(client, f"http://127.0.0.1:{free.getsockname()[1]}/")


async def test_a_redirect_is_an_answer_like_any_other(client: OutgoingClient) -> None:
    listener = Listener(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    server, port = await listen(listener)
    async with server:
        answer = await ask(client, f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.is_ok, len(listener.heads)) == (302, False, 1)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
async def test_nothing_is_sent_into_a_private_network_however_its_address_is_written(host: str) -> None:
    client, listener = OutgoingClient(), Listener(b"HTTP/1.1 200 OK\r\n\r\n")
    server, port = await listen(listener)
    async with server:
        with pytest.raises((AddressRefused, NoAnswer)):
            await ask(client, f"https://{host}:{port}/")
    assert listener.heads == []
    client.close()


async def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_next(
    monkeypatch: pytest.MonkeyPatch, client: OutgoingClient
) -> None:
    """A name server that says another address each time: the first was checked, and is the one that is used."""
    listener = Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    server, port = await listen(listener)
    asked = []

    def rebinding(host: str, port: int, **options: Any) -> Any:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.66"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(client_module.socket, "getaddrinfo", rebinding)
    async with server:
        assert (await ask(client, f"http://rebind.example:{port}/")).status == 200
    assert asked == ["rebind.example"]
    assert f"Host: rebind.example:{port}\r\n" in listener.heads[0].decode()


async def test_the_next_address_of_a_name_is_tried_if_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, client: OutgoingClient
) -> None:
    server, port = await listen(Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(client_module.socket, "getaddrinfo", lambda *_, **__: found)
    async with server:
        assert (await ask(client, f"http://two.example:{port}/")).status == 200


async def test_tls_asks_for_the_name_and_checks_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str | None] = []
    certificates = certificate(tmp_path, "hooks.example")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificates)
    theirs.sni_callback = lambda _, name, __: names.append(name)
    ours = ssl.create_default_context(cafile=str(certificates[0]))
    client = OutgoingClient(LOOPBACK, tls=ours)
    server, port = await listen(Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ssl=theirs)
    monkeypatch.setattr(
        client_module.socket,
        "getaddrinfo",
        lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
    )
    async with server:
        assert (await ask(client, f"https://hooks.example:{port}/")).status == 200
        with pytest.raises(NoAnswer, match="TLS"):
            await ask(client, f"https://other.example:{port}/")
        strict = OutgoingClient(LOOPBACK)
        with pytest.raises(NoAnswer, match="TLS"):  # nobody has signed it
            await ask(strict, f"https://hooks.example:{port}/")
    assert names[:2] == ["hooks.example", "other.example"]
    client.close()
    strict.close()


async def test_a_name_server_that_does_not_answer_holds_up_no_thread_of_others(
    monkeypatch: pytest.MonkeyPatch, client: OutgoingClient
) -> None:
    answers_now, threads = threading.Event(), set[str]()

    def hang(*args: Any, **options: Any) -> Any:
        threads.add(threading.current_thread().name.rpartition("_")[0])
        answers_now.wait(30)
        return []

    monkeypatch.setattr(client_module.socket, "getaddrinfo", hang)
    waiting = [ask(client, "https://slow.example/", timeout=0.1) for _ in range(8)]
    try:
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        answers_now.set()
    assert {type(answer) for answer in answers} == {NoAnswer}
    assert threads == {"names"}


async def test_an_address_that_swallows_the_connection_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, client: OutgoingClient
) -> None:
    monkeypatch.setattr(client_module, "CONNECT", 0.1)
    server, port = await listen(Listener(b"HTTP/1.1 204 No Content\r\n\r\n"))
    connect = asyncio.open_connection

    async def swallow(host: str, *args: Any, **options: Any) -> Any:
        if host == "127.0.0.2":
            await asyncio.Event().wait()
        return await connect(host, *args, **options)

    monkeypatch.setattr(client_module.asyncio, "open_connection", swallow)
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(client_module.socket, "getaddrinfo", lambda *args, **options: addresses)
    async with server:
        assert (await ask(client, f"http://hooks.example:{port}/")).status == 204


@pytest.mark.parametrize(
    ("beginning", "forever"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4_096),
    ],
)
async def test_headers_without_end_are_given_up(client: OutgoingClient, beginning: bytes, forever: bytes) -> None:
    listener = Listener(beginning, forever=forever)
    server, port = await listen(listener)
    async with server:
        with pytest.raises(NoAnswer, match=r"headers|not HTTP"):
            await ask(client, f"http://127.0.0.1:{port}/", timeout=60)
    assert listener.sent < 20_000_000  # what the sockets hold


@pytest.mark.parametrize("chunk", [b"1;" + b"x" * 9_000 + b"\r\na\r\n", b"1\r\na\r\n"])
async def test_an_answer_in_very_small_pieces_is_cut(client: OutgoingClient, chunk: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    listener = Listener(head, forever=chunk * 20)
    server, port = await listen(listener)
    async with server:
        answer = await ask(client, f"http://127.0.0.1:{port}/", max_bytes=50_000)
    assert answer.is_cut
    assert set(answer.body) == {ord("a")}
    assert listener.sent < 20_000_000


async def test_a_name_with_a_full_stop_at_its_end_is_looked_up_with_it_and_asked_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> Any:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(client_module.socket, "getaddrinfo", look_up)
    certificates = certificate(tmp_path, "hooks.example")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificates)
    client = OutgoingClient(LOOPBACK, tls=ssl.create_default_context(cafile=str(certificates[0])))
    listener = Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    server, port = await listen(listener, ssl=theirs)
    async with server:
        assert (await ask(client, f"https://hooks.example.:{port}/")).is_ok
    client.close()
    assert looked_up == ["hooks.example."]
    assert f"Host: hooks.example:{port}\r\n".encode() in listener.heads[0]
