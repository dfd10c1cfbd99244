"""Request bodies on real connections: too large, too slow, or broken off."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator

import pytest

from tests.servers import Server, wait_for

Start = Callable[..., Server]
MIB = 1024 * 1024
BOUNDARY = "----rowcast"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def bodies(shared_server: Start) -> Server:
    return shared_server("tests.server.apps:bodies", body_limit="65536", upload_limit=str(1024 * MIB))


@pytest.fixture(scope="module")
def impatient(shared_server: Start) -> Server:
    return shared_server("tests.server.apps:bodies", body_idle_timeout="0.3")


@pytest.mark.parametrize(("path", "limit"), [("/whole", 65536), ("/pieces", 1000)])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_body_limit_is_exact_to_the_byte(bodies: Server, path: str, limit: int, is_chunked: bool) -> None:
    for size, status in ((limit, 200), (limit + 1, 413)):
        with bodies.connect() as wire:
            if is_chunked:
                wire.send_head("POST", path, Transfer_Encoding="chunked")
                wire.send_chunk(b"x" * size)
                wire.send(b"0\r\n\r\n")
            else:
                wire.send_head("POST", path, Content_Length=str(size))
                wire.send(b"x" * size)
            assert wire.answer().status == status


def test_an_endless_chunked_body_is_refused_while_it_arrives(bodies: Server) -> None:
    with bodies.connect() as wire:
        wire.send_head("POST", "/pieces", Transfer_Encoding="chunked")
        wire.send_chunk(b"x" * 5000)

        assert b" 413 " in wire.read_until(b"\r\n")


@pytest.mark.parametrize("path", ["/pieces", "/ignored"])
def test_a_client_that_reads_only_after_sending_gets_the_response(bodies: Server, path: str) -> None:
    answer = bodies.ask("POST", path, b"x" * 20 * MIB)

    assert answer.status == (413 if path == "/pieces" else 200)
    assert answer.is_whole


def test_a_body_that_stops_arriving_gets_a_408(impatient: Server) -> None:
    with impatient.connect() as wire:
        wire.send_head("POST", "/whole", Content_Length="100")
        wire.send(b"x" * 50)

        assert b" 408 " in wire.read_until(b"\r\n")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_upload_takes_little_memory_and_arrives_intact(bodies: Server, is_chunked: bool) -> None:
    block, count = os.urandom(MIB), 300
    expected = hashlib.sha256(block * count).hexdigest()
    bodies.ask("POST", "/upload", HEAD + b"x" + TAIL, Content_Type=MULTIPART)
    before = bodies.memory("VmHWM")

    with bodies.connect() as wire:
        length = {"Content_Length": str(len(HEAD) + count * MIB + len(TAIL))}
        framing = {"Transfer_Encoding": "chunked"} if is_chunked else length
        wire.send_head("POST", "/upload", Content_Type=MULTIPART, **framing)
        for piece in _pieces(block, count):
            (wire.send_chunk if is_chunked else wire.send)(piece)
        if is_chunked:
            wire.send(b"0\r\n\r\n")
        answer = wire.answer()

    assert json.loads(answer.body) == {"size": count * MIB, "sha256": expected, "filename": "big.csv"}
    assert bodies.memory("VmHWM") - before < 30 * MIB
    assert bodies.memory("VmHWM") < 150 * MIB
    assert list((bodies.data_dir / "uploads").iterdir()) == []


def test_a_file_can_be_sent_as_the_body(bodies: Server) -> None:
    answer = bodies.ask("PUT", "/upload?filename=plain.csv", b"a,b\n1,2\n", Content_Type="text/csv")

    assert json.loads(answer.body)["filename"] == "plain.csv"
    assert json.loads(answer.body)["sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_a_disconnected_upload_leaves_no_file(bodies: Server) -> None:
    folder = bodies.data_dir / "uploads"
    with bodies.connect() as wire:
        wire.send_head("POST", "/upload", Content_Type=MULTIPART, Content_Length=str(100 * MIB))
        wire.send(HEAD + b"x" * 8 * MIB)
        wait_for(lambda: folder.exists() and any(file.stat().st_size for file in folder.iterdir()))

    wait_for(lambda: not list(folder.iterdir()))


def test_a_stalled_upload_leaves_no_file(impatient: Server) -> None:
    with impatient.connect() as wire:
        wire.send_head("POST", "/upload", Content_Type=MULTIPART, Content_Length=str(100 * MIB))
        wire.send(HEAD + b"x" * 3 * MIB)

        assert b" 408 " in wire.read_until(b"\r\n")

    wait_for(lambda: not list((impatient.data_dir / "uploads").iterdir()))


def _pieces(block: bytes, count: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(count):
        yield block
    yield TAIL
