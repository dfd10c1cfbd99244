"""9. Dependency conflicts: Quart's lower bounds allow versions it does not work with; Rowcast's are tested."""

import inspect
import re
import sys
import tomllib
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version
from quart import Quart, Response, session
from quart.typing import ResponseReturnValue
from werkzeug.sansio.response import Response as WerkzeugResponse

from tests.known_issues.plain import IS_023

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKED: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
OURS = {found.name: found for found in map(Requirement, PROJECT["project"]["dependencies"])}
QUARTS = {found.name: found for found in map(Requirement, requires("quart") or [])}

# Versions that Quart's metadata allows, and how they failed on 22 November 2026.
FAULTY = {
    "aiofiles": ("0.2.1", "`import quart` fails: module 'asyncio' has no attribute 'coroutine'"),
    "flask": ("3.1.2", '`"user" in session` adds no `Vary: Cookie` (CVE-2026-27205)'),
    "werkzeug": ("3.0.6", "every answer that writes the session is a 500: its cookies know no `partitioned`"),
}


class SetCookieOf30(Response):
    """Werkzeug 3.0's response: `set_cookie` has no parameter after `samesite`."""

    def set_cookie(  # type: ignore[override]
        self, key: str, value: str = "", *, max_age: Any = None, expires: Any = None, path: Any = "/",
        domain: Any = None, secure: bool = False, httponly: bool = False, samesite: Any = None,
    ) -> None:  # fmt: skip
        super().set_cookie(key, value, max_age, expires, path, domain, secure, httponly, samesite)


@pytest.mark.parametrize("name", FAULTY)
def test_plain_quart_allows_dependencies_that_do_not_work(name: str) -> None:
    """Fails if Quart raises its bounds: then ours can be relaxed. Ours exclude the last two, the lock file the
    first.
    """
    faulty, _ = FAULTY[name]

    assert QUARTS[name].specifier.contains(faulty)
    assert name not in OURS or not OURS[name].specifier.contains(faulty)
    assert [package["version"] for package in LOCKED if package["name"] == name] != [faulty]


async def test_plain_quart_fails_with_the_werkzeug_it_allows() -> None:
    """Fails if Quart no longer passes `partitioned` to a Werkzeug older than 3.1, which does not support it."""
    assert "partitioned" in inspect.signature(WerkzeugResponse.set_cookie).parameters
    app = Quart("plain")
    app.secret_key = "k" * 32
    app.response_class = SetCookieOf30

    @app.get("/")
    async def view() -> ResponseReturnValue:
        session["user"] = "ada"
        return ""

    assert (await app.test_client().get("/")).status_code == 500


@pytest.mark.parametrize("name", OURS)
def test_our_lower_bounds_hold_in_the_environment_and_in_the_lock_file(name: str) -> None:
    locked = [Version(package["version"]) for package in LOCKED if package["name"] == name]

    assert any(candidate.operator in (">=", "==") for candidate in OURS[name].specifier), "a version somebody tried"
    assert OURS[name].specifier.contains(version(name))
    assert locked
    assert all(OURS[name].specifier.contains(candidate) for candidate in locked)


def test_our_dependencies_each_have_a_reason() -> None:
    """Each dependency has a comment with its purpose, and each raised bound one with the reason."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)

    assert lines is not None
    assert [line for line in lines[1].splitlines() if not re.fullmatch(r'    "[^"]+", +# .{8,}', line)] == []


def test_our_lock_file_has_both_versions_of_quart() -> None:
    """An unbounded `quart` resolves to a different framework per Python: 0.23 needs 3.13. The lock pins both."""
    assert [locked_for(python) for python in ("3.11.0", "3.12.0", "3.13.0")] == ["0.22", "0.22", "0.23"]
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert IS_023 is (sys.version_info >= (3, 13))


def locked_for(python: str) -> str:
    (found,) = [
        package["version"].rpartition(".")[0]
        for package in LOCKED
        if package["name"] == "quart"
        and any(
            Marker(marker).evaluate({"python_full_version": python, "sys_platform": "linux"})
            for marker in package["resolution-markers"]
        )
    ]
    return str(found)


def test_our_dependencies_are_tested_on_both_versions_and_at_their_lowest() -> None:
    """bin/ci is what must pass before a change is merged; `tests/policy/test_ci.py` compares its callers."""
    text = (ROOT / "bin" / "ci").read_text(encoding="utf-8")

    for command in (
        r"^    test_on 3\.11$",
        r"^    test_on 3\.13 ",
        r"^    .* pip install .*\$environment.* --resolution lowest-direct --editable \.$",
        r'^    "\$environment/bin/pytest" ',
    ):
        assert re.search(command, text, re.MULTILINE), command
