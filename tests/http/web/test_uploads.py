"""Receiving files."""

import asyncio
import errno
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient

from settings import Settings
from tests.servers import wait_for
from webapp.web import uploads
from webapp.web.body import body_limit
from webapp.web.uploads import MAX_FIELD, Upload, clean_filename, receive

Serve = Callable[..., QuartClient]
BOUNDARY = "xyz"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.data_dir / "arriving"


@pytest.fixture
def received(serve: Serve, folder: Path) -> Callable[[Callable[[Any], Any]], QuartClient]:
    """A client whose `/try` passes what it received to a function."""

    def at(look: Callable[[Any], Any]) -> QuartClient:
        @body_limit(3_000_000)
        async def view() -> Any:
            async with receive(folder, text_field="text") as upload:
                result = look(upload)
                return "" if result is None else result

        return serve(view)

    return at


def part(name: str, body: bytes, filename: str | None = None) -> bytes:
    more = f'; filename="{filename}"' if filename is not None else ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def test_a_part_without_a_name_is_ignored(received: Callable[..., QuartClient]) -> None:
    nameless = part("", b"x").replace(b'; name=""', b"")

    response = await received(lambda upload: upload.fields).post(
        "/try", data=form(nameless, part("file", b"a,b", "a.csv")), headers=MULTIPART
    )

    assert (response.status_code, await response.get_json()) == (200, {})


async def test_the_fields_of_an_upload_are_those_before_and_after_its_file(
    received: Callable[..., QuartClient],
) -> None:
    parts = part("before", b"1"), part("file", b"a,b", "a.csv"), part("after", b"2" * (MAX_FIELD + 1))

    response = await received(lambda upload: upload.fields).post("/try", data=form(*parts), headers=MULTIPART)

    assert await response.get_json() == {"before": "1", "after": "2" * MAX_FIELD}


async def test_an_uploaded_file_exists_while_the_view_runs_and_is_deleted_afterwards(
    received: Callable[..., QuartClient], folder: Path
) -> None:
    body = b"a,b\r\n" * 300_000

    def look(upload: Upload) -> dict[str, Any]:
        assert upload.path.read_bytes() == body
        assert upload.path.stat().st_mode & 0o077 == 0
        return {"sha256": upload.sha256, "size": upload.size, "name": upload.filename}

    data = form(part("title", "Flüge".encode()), part("file", body, "Ausflug/flüge.csv"))
    response = await received(look).post("/try", data=data, headers=MULTIPART)

    assert await response.get_json() == {
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "name": "flüge.csv",
    }
    assert list(folder.iterdir()) == []


async def test_a_file_that_is_moved_away_is_kept(received: Callable[..., QuartClient], folder: Path) -> None:
    def look(upload: Upload) -> None:
        upload.move_to(folder / "original")

    await received(look).post("/try", data=form(part("file", b"kept", "a.csv")), headers=MULTIPART)

    assert (folder / "original").read_bytes() == b"kept"
    assert [path.name for path in folder.iterdir()] == ["original"]


def described(upload: Upload | None) -> Any:
    return {"name": upload.filename, "size": upload.size} if upload else {}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part("file", b"", ""), part("text", b"x" * 1_000_000)], {"name": "", "size": 1_000_000}),
        ([part("text", b""), part("file", b"a,b", "a.csv")], {"name": "a.csv", "size": 3}),
        (
            [part("file", b"a,b", "a.csv"), part("file", b"b", "b.csv"), part("text", b"x")],
            {"name": "a.csv", "size": 3},
        ),
        ([part("title", b"x" * 200_000), part("file", b"", "empty.csv")], {}),
        ([], {}),
    ],
)
async def test_the_first_file_or_text_of_a_form_that_is_not_empty_is_taken(
    received: Callable[..., QuartClient], folder: Path, parts: list[bytes], expected: dict[str, Any]
) -> None:
    response = await received(described).post("/try", data=form(*parts), headers=MULTIPART)

    assert await response.get_json() == expected
    assert list(folder.iterdir()) == []


async def test_an_urlencoded_form_has_no_file(received: Callable[..., QuartClient]) -> None:
    response = await received(described).post("/try", form={"text": "a,b"})

    assert await response.get_json() == {}


async def test_a_client_that_builds_forms_by_itself_can_upload(received: Callable[..., QuartClient]) -> None:
    response = await received(described).post("/try", files={"file": FileStorage(io.BytesIO(b"a,b"), "data.csv")})

    assert await response.get_json() == {"name": "data.csv", "size": 3}


@pytest.mark.parametrize(
    ("headers", "path", "name"),
    [
        ({"Content-Type": "text/csv"}, "/try?filename=a.csv", "a.csv"),
        ({"Content-Disposition": 'attachment; filename="../b.csv"'}, "/try", "b.csv"),
        ({}, "/try", ""),
    ],
)
async def test_a_body_that_is_no_form_is_the_file(
    received: Callable[..., QuartClient], headers: dict[str, str], path: str, name: str
) -> None:
    response = await received(described).put(path, data=b"a,b\n", headers=headers)

    assert await response.get_json() == {"name": name, "size": 4}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary*=utf-8''%E6%BC%A2"}, b"x", 400),
        (MULTIPART, b"no form at all", 400),
        (MULTIPART, part("file", b"breaks off", "a.csv"), 400),
        (MULTIPART, f"--{BOUNDARY}\r\nX: y\r\n\r\nno name\r\n--{BOUNDARY}--\r\n".encode(), 400),
        (MULTIPART, form(*[part("f", b"x", "a") for _ in range(60)]), 413),
        (MULTIPART, form(part("file", b"x" * 3_000_001, "a.csv")), 413),
    ],
)
async def test_a_refused_upload_leaves_no_file(
    received: Callable[..., QuartClient], folder: Path, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = await received(lambda upload: "taken").post("/try", data=body, headers=headers)

    assert response.status_code == status
    assert list(folder.iterdir()) == []


async def test_a_full_disk_is_reported(
    received: Callable[..., QuartClient], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads._IncomingFile, "_write", full)

    response = await received(lambda upload: "taken").post(
        "/try", data=form(part("file", b"x" * 2_000_000, "a.csv")), headers=MULTIPART
    )

    assert response.status_code == 503
    assert "The disk is full" in await response.get_data(as_text=True)
    assert list(folder.iterdir()) == []


async def test_an_upload_larger_than_the_free_space_is_refused_before_it_arrives(
    received: Callable[..., QuartClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: Usage)

    headers = {"Content-Type": "text/csv", "Content-Length": "11"}
    response = await received(lambda upload: "taken").post("/try", data=b"x" * 11, headers=headers)

    assert response.status_code == 503


async def test_a_failing_view_leaves_no_file(received: Callable[..., QuartClient], folder: Path) -> None:
    def look(upload: Upload) -> None:
        raise RuntimeError

    response = await received(look).post("/try", data=form(part("file", b"x", "a.csv")), headers=MULTIPART)

    assert response.status_code == 500
    assert list(folder.iterdir()) == []


async def test_receiving_an_upload_does_not_count_against_the_time_limit(
    received: Callable[..., QuartClient],
) -> None:
    """The limit is off while the rest of the file has not come, and on again when the view goes on."""

    def deadline() -> float | None:
        states = [state for state in client.app.in_flight.values() if state and state.deadline]
        return states[0].deadline.when() if states else 0.0

    seen: list[float | None] = []
    client = received(lambda upload: seen.append(deadline()))
    client.app.config["HANDLER_TIMEOUT"] = 3600
    connection = client.request("/try", method="PUT", headers={"Content-Length": "2", "Sec-Fetch-Site": "same-origin"})

    async with connection as wire:
        await wire.send(b"a")
        await asyncio.to_thread(wait_for, lambda: deadline() is None)
        await wire.send(b"b")
        await wire.send_complete()
        response = await wire.as_response()

    assert response.status_code == 200
    assert seen[0] is not None
    assert seen[0] > asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("C:\\Users\\ada\\data.csv", "data.csv"),
        ("/etc/passwd", "passwd"),
        ("a\r\nb\0.csv", "ab.csv"),
        ("..", ".."),
        ("", ""),
        ("ü" * 300, "ü" * 200),
    ],
)
def test_folders_and_control_characters_are_removed_from_file_names(given: str, expected: str) -> None:
    assert clean_filename(given) == expected
