"""Everything the documents name exists: files, tests, links, and settings with their defaults."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from settings import Settings
from webapp.cli.main import main

ROOT = Path(__file__).parents[2]


def _documents(folder: Path) -> Iterator[Path]:
    return folder.glob("*.md") if folder == ROOT else folder.rglob("*.md")


DOCUMENTS = sorted(
    path for folder in (".", ".github", "docs", "static", "webapp") for path in _documents(ROOT / folder)
)
FOLDERS = ("tests/", "webapp/", "docs/", "static/", "bin/", "benchmarks/", ".ci/", ".github/")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r"^\| `(ROWCAST_\w+)` \| (empty|`[^`]*`)", re.MULTILINE)
PLACEHOLDER = re.compile(r"[<>*{} ]|\.\.\.|NNN")

each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def without_examples(document: Path) -> str:
    """The prose; code blocks may name files of other folders."""
    return re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@each
def test_every_file_and_test_named_in_the_docs_exists(document: Path) -> None:
    for named in CODE.findall(without_examples(document)):
        if not named.startswith(FOLDERS) or PLACEHOLDER.search(named):
            continue
        path, _, test = named.partition("::")
        assert (ROOT / path).exists(), named
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), named


@each
def test_every_internal_link_has_a_target(document: Path) -> None:
    for target in LINK.findall(without_examples(document)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


def _anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", without_examples(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    ("walk", "most"),
    [("A keystroke", 12), ("An edit", 10), ("An upload", 10), ("Many rows", 18), ("A later file", 13), ("A role", 8)],
)
def test_a_walk_through_the_code_stays_short(walk: str, most: int) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(f"### {walk}")[2].partition("\n#")[0]
    steps = re.findall(r"^\d+\. `(webapp/[^`]+\.py)`: \S", section, re.MULTILINE)

    assert len(steps) == len(set(steps)) == len(re.findall(r"^\d+\.", section, re.MULTILINE))
    assert 1 < len(steps) <= most


def test_operations_has_the_table_of_settings_that_the_command_prints() -> None:
    """Changed a setting? Replace the table by the output of `.venv/bin/rowcast settings --format markdown`."""
    table = CliRunner().invoke(main, ["settings", "--format", "markdown"]).output

    assert f"\n\n{table}\n#" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_operations_has_every_setting_with_its_default(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    settings = {name: "" if value == "empty" else value.strip("`") for name, value in SETTING.findall(text)}
    assert list(settings) == [f"ROWCAST_{name.upper()}" for name in Settings.model_fields]

    written = tmp_path / "settings.env"
    written.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")

    assert _values(Settings(_env_file=written)) == _values(Settings(_env_file=None))


def _values(settings: Settings) -> dict[str, Any]:
    return settings.model_dump()


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_is_short_and_names_its_tests(record: Path) -> None:
    text = record.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 30
    assert text.startswith(f"# {int(record.stem[:3])}. ")
    assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Evidence", "Cost"))
    assert "tests/" in text
