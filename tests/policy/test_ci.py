"""The gate, the hosted workflow and the hooks before a commit run the same checks."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGURATION = sorted([*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"])


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> list[str]:
    listed = subprocess.run([ROOT / "bin" / "ci", "--list"], capture_output=True, text=True, check=True).stdout
    return [line.split("\t")[0] for line in listed.splitlines()]


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_configuration_file_is_a_mapping(path: Path) -> None:
    assert isinstance(load(path), dict)


def test_the_workflow_runs_every_step() -> None:
    matrix = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["step"]["strategy"]["matrix"]

    assert sorted(matrix["step"] + [one["step"] for one in matrix["include"]]) == sorted(steps())


def test_each_action_of_the_workflow_is_pinned_to_a_commit() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]

    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


def test_every_hook_is_a_command_of_the_lint_step() -> None:
    script = (ROOT / "bin" / "ci").read_text(encoding="utf-8")
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]

    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert f'"$venv/bin/{Path(hook["entry"].split()[0]).name}"' in script


def test_an_unknown_step_is_refused() -> None:
    refused = subprocess.run([ROOT / "bin" / "ci", "lint", "everything"], capture_output=True, text=True)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "everything" in refused.stderr
