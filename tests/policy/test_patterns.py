"""Patterns that must not occur anywhere in the application.

import-linter checks the layers; ruff checks for passwords in code and for calls that block the loop.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment as Jinja
from jinja2 import nodes
from pydantic import SecretStr

from settings import Environment, Settings
from tests.conftest import make_settings
from webapp import BLUEPRINTS, create_app, extensions
from webapp.web import templating
from webapp.web.csrf import refuse_cross_site

ROOT = Path(__file__).parents[2]
CODE = sorted([*(ROOT / "webapp").rglob("*.py"), ROOT / "settings.py", ROOT / "asgi.py"])
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in CODE}

# Names that must not appear in the application, and what to use instead.
NEVER = {
    "create_all": "tables come with migrations",
    "utcnow": "webapp.models.utc_now: an instant without a zone is none",
    "utcfromtimestamp": "datetime.fromtimestamp(..., UTC)",
    "stream_with_context": "webapp.web.streaming.streamed: teardown would run twice",
    "stream_template": "webapp.web.fragments.render: one chunk a node is forty times slower",
    "stream_template_string": "the same",
    "render_template": "webapp.web.fragments.render: awaiting in templates makes them slower and hides queries",
    "render_template_string": "the same",
    "copy_current_request_context": "give the task what it needs: its request will be over",
    "copy_current_app_context": "the same",
    "add_background_task": "webapp.jobs: work that matters survives the process",
    "login_required": "webapp.web.access: a view is guarded unless it says @public",
    "get_event_loop": "asyncio.get_running_loop",
    "before_first_request": "before_serving",
    "WTF_CSRF_ENABLED": "cross-site requests are refused by their headers, everywhere and always",
}
PROXIES = {"current_app", "request", "websocket", "g", "session"}
SHARED = {name for name, value in vars(extensions).items() if isinstance(value, extensions.Extension)}


def named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every (module, name) imported anywhere in it; the name is empty for a whole module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def imported_first(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The same for imports at module level, without those for type checkers."""
    for node in at_import(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The code that runs at import: everything but function bodies and blocks for type checkers."""
    is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    is_later = is_later or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    for field, value in ast.iter_fields(node):
        if field == "body" and is_later:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from at_import(child)


def test_no_forbidden_pattern_is_used() -> None:
    found = {(path, name, NEVER[name]) for path, tree in TREES.items() for name in NEVER.keys() & set(named(tree))}

    assert found == set()


def test_neither_flask_nor_quarts_session_is_imported() -> None:
    """Flask's proxies look like Quart's but are never bound; Quart's session is a cookie that everybody can read."""
    found = {(path, module, name) for path, tree in TREES.items() for module, name in imported(tree)}

    assert {item for item in found if item[1].partition(".")[0] in ("flask", "flask_login", "flask_wtf")} == set()
    assert {item for item in found if item[1:] == ("quart", "session")} == set()


def test_the_current_user_is_ours_and_not_quart_auths() -> None:
    """Its `is_authenticated` is a coroutine, which a template takes for yes."""
    found = {(path, module, name) for path, tree in TREES.items() for module, name in imported(tree)}

    assert {item for item in found if item[1:] == ("quart_auth", "current_user")} == set()


def test_no_module_uses_the_app_or_the_request_on_import() -> None:
    """There is none yet: `RuntimeError: Not within an app context`."""
    found = set()
    for path, tree in TREES.items():
        proxies = {name for module, name in imported(tree) if module == "quart"} & PROXIES
        shared = {name for module, name in imported(tree) if module == "webapp.extensions"} & SHARED
        for node in at_import(tree):
            if (isinstance(node, ast.Name) and node.id in proxies) or _calls(node, shared):
                found.add((path, ast.unparse(node)))

    assert found == set()


def _calls(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def test_no_modules_import_each_other_in_a_cycle() -> None:
    """Modules can be imported in any order. The one exception: a blueprint imports its routes once it exists."""
    modules = {_module(path): tree for path, tree in TREES.items()}
    blueprints = {module for module, tree in modules.items() if "bp" in _assigned(tree)}
    needs: dict[str, set[str]] = {}
    for module, tree in modules.items():
        own = module.rpartition(".")[0]
        imports = {
            f"{whence}.{name}" if f"{whence}.{name}" in modules else whence for whence, name in imported_first(tree)
        }
        above = {item.rpartition(".")[0] for item in imports}  # is imported along the way
        found = imports | {item for item in above if not module.startswith(f"{item}.")}
        needs[module] = (found & modules.keys()) - {module} - ({own} & blueprints)

    assert blueprints == {f"webapp.{name}" for name in BLUEPRINTS}
    TopologicalSorter(needs).prepare()  # raises CycleError, naming the cycle


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _assigned(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}


def test_the_app_is_created_by_entry_points_and_imported_by_no_module() -> None:
    whole = {("asgi", ""), ("asgi", "app"), ("webapp", "app")}
    makers = {path for path, tree in TREES.items() if ("webapp", "create_app") in imported(tree)}
    importers = {path for path, tree in TREES.items() if whole & set(imported(tree))}
    constructors = {
        path for path, tree in TREES.items() for node in ast.walk(tree) if _calls(node, {"Quart", "Application"})
    }

    assert makers == {"webapp/server.py", "asgi.py"}
    assert importers == set()
    assert constructors == {"webapp/__init__.py"}


def test_only_settings_py_reads_the_environment() -> None:
    readers = {path for path, tree in TREES.items() if {"environ", "getenv"} & set(named(tree))}

    # The others pass parts of it to a child process.
    assert readers <= {"webapp/reloading.py", "webapp/imports/child_process.py", "webapp/formats/xlsx.py"}


def test_no_file_contains_a_secret() -> None:
    """Secrets have no default, neither in the settings nor in the files that start a server."""
    secrets = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert "secret_key" in secrets

    for name in secrets:
        default = Settings.model_fields[name].default
        assert not (default.get_secret_value() if isinstance(default, SecretStr) else default), name
        for file in (".env.example", "compose.yaml", "Dockerfile", "bin/serve", ".ci/run"):
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not re.search(rf"ROWCAST_{name.upper()}[=:][ \t]*[^\s$]", text), f"{name} in {file}"


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "bin/serve", "bin/_environment"])
def test_no_development_server_is_started(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert not re.search(r"quart run|flask run|--debug|--reload(?!`)|QUART_DEBUG|FLASK_|gunicorn", _commands(text))


def _commands(text: str) -> str:
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("environment", list(Environment))
def test_cross_site_requests_are_refused_in_every_environment(environment: Environment, tmp_path: Path) -> None:
    """In tests as well: the test client sends what a browser sends."""
    app = create_app(make_settings(tmp_path, environment=environment))

    assert refuse_cross_site in app.before_request_funcs[None]  # before any blueprint's own


def test_every_endpoint_named_in_code_exists(settings: Settings) -> None:
    """`url_for("login")` fails only when that page is opened, since endpoints include their blueprint's name."""
    known = {rule.endpoint for rule in create_app(settings).url_map.iter_rules()}
    used = {(path, name) for path, tree in TREES.items() for name in _endpoints(tree)}
    used |= {(path.name, name) for path in templating.FOLDER.rglob("*.html") for name in _endpoints_in_template(path)}

    assert len(used) > 20
    assert sorted((where, name) for where, name in used if name not in known) == []


def _endpoints(tree: ast.AST) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _calls(node, {"url_for"}) and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def _endpoints_in_template(path: Path) -> Iterator[str]:
    for call in Jinja(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "url_for" and isinstance(call.args[0], nodes.Const):
            yield call.args[0].value
