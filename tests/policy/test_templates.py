"""Rules for every template: the policy without inline code, working without scripts, no dangling references."""

import hashlib
import re
from pathlib import Path

import brotli
import pytest
from jinja2 import Environment, FileSystemLoader

from webapp.types import TYPES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "webapp" / "templates"
STATIC = ROOT / "static"
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
STATIC_PAGE = "errors/500.html"  # used when nothing else works, so it contains no Jinja


def source(name: str) -> str:
    """Without comments, which may mention what is forbidden."""
    return re.sub(r"{#.*?#}", "", (FOLDER / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def tags(name: str, element: str) -> list[str]:
    """Opening tags, with expressions blanked so that a `>` inside them does not end a tag."""
    plain = re.sub(r"{{.*?}}", "x", source(name), flags=re.DOTALL)
    plain = re.sub(r"{%.*?%}", " ", plain, flags=re.DOTALL)
    return re.findall(rf"<{element}\b[^>]*>", plain)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_needs_inline_scripts_or_styles(name: str) -> None:
    text = source(name)
    assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|javascript:|js:", text)
    assert not re.search(r"<style\b|<script(?![^>]*\bsrc=)", text)
    assert not re.search(r'hx-trigger="[^"]*\[', text)  # a filter is evaluated


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_disables_escaping(name: str) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|\bMarkup\b", source(name))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_missing_template_is_never_ignored(name: str) -> None:
    assert "ignore missing" not in source(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_link_and_form_works_without_scripts(name: str) -> None:
    assert [tag for tag in tags(name, "a") if "href=" not in tag] == []
    forms = [tag for tag in tags(name, "form") if 'method="dialog"' not in tag]
    assert [tag for tag in forms if "action=" not in tag or "method=" not in tag] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_htmx_attribute_exists_in_version_four(name: str) -> None:
    gone = r"hx-(vars|params|ext|inherit|disinherit|history|request|disabled-elt|prompt)\b"
    assert not re.search(gone + r"=", source(name))
    assert not re.search(r"sse-(connect|swap)|queue:", source(name).replace("hx-sse:connect", ""))


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != STATIC_PAGE])
def test_every_template_compiles_and_documents_its_context(name: str) -> None:
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
    environment.filters.update(dict.fromkeys(("number", "size", "ago", "datetime", "plural"), str))
    environment.get_template(name)
    if not name.endswith("_cancel.html"):
        assert (FOLDER / name).read_text(encoding="utf-8").startswith("{#")


def test_icons_of_types_and_messages_are_in_the_sprite() -> None:
    symbols = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))
    flashes = {"done", "alert", "failed"}
    assert TYPES.keys() | flashes <= symbols


def test_style_sheets_are_all_imported_and_name_colours_in_one_place_only() -> None:
    entry = (STATIC / "css" / "app.css").read_text(encoding="utf-8")
    imported = set(re.findall(r'@import url\("([^"]+)"\)', entry))
    sheets = {path.relative_to(STATIC / "css").as_posix() for path in (STATIC / "css").rglob("*.css")} - {"app.css"}
    assert imported == sheets
    for sheet in sheets - {"tokens.css"}:
        assert not re.search(
            r"#[0-9a-f]{3,8}\b(?!\s*[{:.,>])|oklch\(|rgb\(|hsl\(", (STATIC / "css" / sheet).read_text()
        )


def test_vendored_files_are_the_ones_their_list_describes() -> None:
    described = dict(
        re.findall(r"\| `([\w.-]+)` \|.*`([0-9a-f]{64})` \|", (STATIC / "vendor" / "README.md").read_text())
    )
    scripts = {path.name: path for path in (STATIC / "vendor").glob("*.js")}
    assert set(described) == set(scripts)
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in scripts.items()} == described


def test_nothing_but_the_style_sheet_and_one_small_script_keeps_a_page_from_being_painted() -> None:
    head, body = source("base.html").split("</head>")
    assert re.findall(
        r'(?:src|href)="{{ static_url\(\'([\w./-]+)\'\) }}"', re.sub(r"<link rel=\"[\w ]*icon\".*", "", head)
    ) == [
        "css/app.css",
        "js/early.js",
    ]
    assert (STATIC / "js" / "early.js").stat().st_size < 2_000
    assert "vendor/htmx.min.js" in body
    assert [
        tag for name in TEMPLATES if name != "base.html" for tag in tags(name, "script") if 'type="module"' not in tag
    ] == []


def test_every_script_is_named_by_a_template_and_the_grid_s_by_its_page_alone() -> None:
    scripts = {path.relative_to(STATIC / "js").as_posix() for path in (STATIC / "js").rglob("*.js")}
    named = {name: set(re.findall(r"js/([\w/-]+\.js)", source(name))) for name in TEMPLATES}
    # Loaded when the first cells are selected, rows chosen, terms searched for, rows changed that no longer fit, and
    # keys asked for.
    later = {f"grid/{name}.js" for name in ("totals", "bulk", "found", "fit", "keys")}
    assert set().union(*named.values()) == scripts - later
    assert {name for name, names in named.items() if any(script.startswith("grid/") for script in names)} == {
        "tables/show.html"
    }


def test_the_editor_is_small_and_loaded_only_by_those_who_may_edit() -> None:
    scripts = sorted((STATIC / "js" / "grid" / "edit").glob("*.js"))
    assert sum(len(brotli.compress(script.read_bytes())) for script in scripts) < 20_000
    guarded = re.search(r"{%- if may_edit %}\n{%- for script in \(([^)]*)\)", source("tables/show.html"))
    assert guarded
    assert re.findall(r"js/grid/edit/(\w+\.js)", source("tables/show.html")) == re.findall(
        r"edit/(\w+\.js)", guarded[1]
    )
    assert sorted(re.findall(r"edit/(\w+\.js)", guarded[1])) == [script.name for script in scripts]
