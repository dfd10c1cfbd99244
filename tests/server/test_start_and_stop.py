"""Start and shutdown of a server, as a real process."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.servers import ROOT, Server, wait_for
from webapp.server import MAX_HEAD_SIZE
from webapp.web.application import refuse_patched_process

Start = Callable[..., Server]
STREAMS = "tests.server.apps:streams"


def test_the_server_prints_its_address_and_answers_there(server: Start) -> None:
    answer = server().get("/up")

    assert (answer.status, answer.body) == (200, b"up\n")
    assert "server" not in answer.headers


def test_the_longest_url_of_a_view_is_accepted_and_longer_ones_are_refused(server: Start) -> None:
    running = server()
    address = "/up?cols=" + ",".join(map(str, range(1, 2001))) + "&f.1=oneof:" + "value," * 7000

    answer = running.ask("GET", address, Referer=f"http://localhost{address}", HX_Current_URL=address)
    endless = running.ask("GET", address * 4)

    assert (answer.status, answer.body) == (200, b"up\n")
    assert endless.status == 431


@pytest.mark.parametrize(("size", "status"), [(MAX_HEAD_SIZE, 200), (MAX_HEAD_SIZE + 1, 431)])
def test_the_size_of_a_head_is_counted_however_its_bytes_arrive(server: Start, size: int, status: int) -> None:
    head = b"GET /up?%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with server().connect() as wire:
        wire.send(head % (b"x" * (size - len(head % b""))))

        assert wire.answer().status == status


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_with_exit_code_zero(server: Start, name: signal.Signals) -> None:
    running = server()

    running.process.send_signal(name)

    assert running.wait() == 0


def test_a_request_in_flight_is_finished_at_sigterm(server: Start, data_dir: Path) -> None:
    running = server(STREAMS)
    with running.connect() as wire:
        wire.send_head("GET", "/slow")
        wait_for((data_dir / "slow-began").exists)

        running.terminate()

        assert wire.answer().body == b"finished"
    assert running.wait() == 0
    assert (data_dir / "closed").exists()


@pytest.mark.parametrize("path", ["/silent", "/ticking"])
def test_a_live_stream_ends_with_sigterm_and_is_not_cut(server: Start, data_dir: Path, path: str) -> None:
    running = server(STREAMS)
    with running.connect() as wire:
        wire.send_head("GET", path)
        wire.read_until(b"data: ")

        running.terminate()
        rest = wire.read_all()

        assert rest.endswith(b"0\r\n\r\n")
    assert running.wait() == 0
    assert "requests were cut" not in running.log.read_text()
    assert (data_dir / f"{path[1:]}-ended").exists()


def test_a_request_that_never_ends_is_answered_with_a_503_and_the_application_closes(
    server: Start, data_dir: Path
) -> None:
    running = server(STREAMS, graceful_timeout="0.3")
    with running.connect() as wire:
        wire.send_head("GET", "/stubborn")
        wait_for((data_dir / "stubborn-began").exists)

        running.terminate()
        answer = wire.answer()

        assert running.wait() == 0
    assert (data_dir / "closed").exists()
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert b"The server is stopping" in answer.body


def test_a_second_signal_cancels_requests_at_once(server: Start, data_dir: Path) -> None:
    running = server(STREAMS, graceful_timeout="60")
    with running.connect() as wire:
        wire.send_head("GET", "/stubborn")
        wait_for((data_dir / "stubborn-began").exists)

        running.process.send_signal(signal.SIGINT)
        wait_for(lambda: not _accepts(running))
        running.process.send_signal(signal.SIGINT)

        assert running.wait() == 0


@pytest.mark.parametrize("request_line", [b"", b"GET /up HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_an_idle_connection_does_not_delay_the_stop(server: Start, request_line: bytes) -> None:
    running = server(graceful_timeout="60")
    with running.connect() as wire:
        wire.send(request_line)
        if request_line:
            wire.read_until(b"up\n")

        running.terminate()

        assert running.wait() == 0


def test_forwarded_headers_are_trusted_only_from_configured_proxies(server: Start, tmp_path: Path) -> None:
    """Behind a trusted proxy, the page is known to be served over TLS."""
    headers = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.7"}

    alone = server().get("/up", **headers)

    assert "strict-transport-security" not in alone.headers
    with Server("webapp:create_app", tmp_path / "behind", trusted_proxies="1") as behind:
        assert "strict-transport-security" in behind.get("/up", **headers).headers
        assert "strict-transport-security" not in behind.get("/up").headers


def test_a_port_in_use_is_reported_in_one_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code, errors = _failing_start(data_dir, port=str(port))

    assert code == 1
    assert errors.splitlines() == [
        f"rowcast: 127.0.0.1:{port} is in use. Stop what uses it, or choose another port (--port)."
    ]


def test_a_second_server_on_the_same_data_folder_is_refused(server: Start, data_dir: Path) -> None:
    server()

    code, errors = _failing_start(data_dir)

    assert code == 1
    assert errors.startswith(f"rowcast: Another Rowcast server is using {data_dir}.")


def test_the_data_folder_can_be_used_again_after_a_kill(server: Start) -> None:
    first = server()
    first.process.kill()
    first.wait()

    assert server().get("/up").status == 200


def test_an_application_that_cannot_start_exits_with_an_error(data_dir: Path) -> None:
    code, errors = _failing_start(data_dir, factory="tests.server.apps:unstartable")

    assert code == 1
    assert "rowcast: The application could not start: " in errors.splitlines()[-1]
    assert "the moon is in the wrong place" in errors.splitlines()[-1]


def test_a_process_patched_by_gevent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gevent", _Gevent())
    monkeypatch.setitem(sys.modules, "gevent.monkey", _Gevent.monkey)

    with pytest.raises(RuntimeError, match="gevent has patched this process"):
        refuse_patched_process()


class _Gevent:
    class monkey:
        @staticmethod
        def is_module_patched(name: str) -> bool:
            return name == "threading"


def test_reload_restarts_when_the_code_or_the_settings_change(data_dir: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "webapp", code / "webapp")
    shutil.copytree(ROOT / "static", code / "static")
    shutil.copy(ROOT / "settings.py", code)
    environment = {"ROWCAST_DATA_DIR": str(data_dir), "PATH": "/usr/bin"}
    command = [sys.executable, "-m", "webapp", "serve", "--reload", "--port", "0"]
    with subprocess.Popen(command, cwd=code, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            (code / "webapp" / "drain.py").touch()
            lines = [process.stdout.readline(), process.stdout.readline()]
            page = _get(lines[1], "/")
            sheet = _get(lines[1], re.findall(r'href="([^"]+/app\.css)"', page.text)[0])
            (code / ".env").write_text("ROWCAST_PUBLIC_ORIGIN=https://rows.example.org\n")
            changed = [process.stdout.readline(), process.stdout.readline()]
            misdirected = _get(changed[1], "/")
        finally:
            process.terminate()

    assert "ready" in first
    assert "changed" in lines[0]
    assert "ready" in lines[1]
    assert sheet.headers["Cache-Control"] == "public, no-cache"  # as in development: edits show at once
    assert misdirected.status_code == 421
    assert process.returncode == 0


def _get(ready: str, path: str) -> httpx.Response:
    """From the server that has just printed its address."""
    return httpx.get(ready.split()[-1].rstrip("/") + path)


def _accepts(running: Server) -> bool:
    try:
        running.connect().close()
    except ConnectionError:  # refused, or reset while it is closing
        return False
    return True


def _failing_start(data_dir: Path, factory: str = "webapp:create_app", **settings: str) -> tuple[int, str]:
    running = Server(factory, data_dir, **settings)
    try:
        code = running.wait()
    finally:
        running.stop()
    return code, running.log.read_text()
