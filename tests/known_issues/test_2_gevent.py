"""2. gevent: under monkey-patching threads are greenlets, and native code in them blocks the event loop."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT

# A view that runs native code in a thread, such as a password hash, beside a view that should not have to wait.
PLAIN = """
import hashlib, json, sys
from threading import get_native_id
if sys.argv[1] == "patched":
    from gevent import monkey
    monkey.patch_all()
import asyncio
from quart import Quart

app, loops, turns = Quart("plain"), set(), []

def work():
    before = len(turns)
    hashlib.scrypt(b"p", salt=b"s", n=2**14, r=8, p=4)
    return get_native_id(), len(turns) - before

@app.get("/sign-in")
async def sign_in():
    loops.add(id(asyncio.get_running_loop()))
    thread, turns_meanwhile = await asyncio.to_thread(work)
    return {"is_a_thread": thread != get_native_id(), "turns_of_others": turns_meanwhile}

async def others():
    while True:
        turns.append(1)
        await asyncio.sleep(0.001)

async def main():
    asyncio.ensure_future(others())
    client = app.test_client()
    answers = await asyncio.gather(*(client.get("/sign-in") for _ in range(3)))
    first = await answers[0].get_json()
    print(json.dumps({**first, "statuses": [answer.status_code for answer in answers], "loops": len(loops)}))

asyncio.run(main())
"""
START = """
from gevent import monkey
monkey.patch_all()
from webapp.cli.main import main
main(["serve", "--port", "0"])
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(how: str) -> dict[str, Any]:
    ended = run(PLAIN, how)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_plain_quart_blocks_its_loop_under_gevent() -> None:
    """Fails if gevent and asyncio become compatible: a pool thread is a real thread again.

    Flask's error here, "You cannot use AsyncToSync in the same thread as an async event loop", cannot occur: there is
    one loop for all requests, which are answered one after the other.
    """
    patched = shown("patched")

    assert patched["statuses"] == [200, 200, 200]
    assert patched["loops"] == 1
    assert patched["is_a_thread"] is False
    assert patched["turns_of_others"] == 0


def test_plain_quart_without_gevent_does_not_block_its_loop() -> None:
    unpatched = shown("unpatched")

    assert unpatched["loops"] == 1
    assert unpatched["is_a_thread"] is True
    assert unpatched["turns_of_others"] > 0


def test_our_application_does_not_start_in_a_patched_process(tmp_path: Path) -> None:
    ended = run(START, ROWCAST_DATA_DIR=str(tmp_path / "data"))

    assert ended.returncode == 1
    assert "ready" not in ended.stdout
    assert "gevent has patched this process" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("code", ["import gevent", "from gevent import monkey; monkey.patch_all(thread=False)"])
def test_our_application_starts_if_other_modules_than_threading_are_patched(tmp_path: Path, code: str) -> None:
    """A library that merely imports gevent is no reason to refuse."""
    ended = run(f"{code}\nfrom webapp import create_app; create_app(); print('made')", ROWCAST_DATA_DIR=str(tmp_path))

    assert (ended.returncode, ended.stdout) == (0, "made\n"), ended.stderr
