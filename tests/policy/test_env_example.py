"""`.env.example` has every setting, no other, each at its default: it is what `rowcast settings` prints."""

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from settings import Settings
from webapp.cli.main import main

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_example_is_what_the_command_prints() -> None:
    """Changed a setting? `.venv/bin/rowcast settings > .env.example`"""
    assert CliRunner().invoke(main, ["settings"]).output == EXAMPLE.read_text(encoding="utf-8")


def test_the_example_has_every_setting_in_the_order_of_settings_py() -> None:
    names = re.findall(r"^(ROWCAST_\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)

    assert names == [f"ROWCAST_{name.upper()}" for name in Settings.model_fields]


def test_the_unchanged_example_means_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def values(settings: Settings) -> dict[str, Any]:
        return settings.model_dump()

    assert values(Settings(_env_file=EXAMPLE)) == values(Settings(_env_file=None))


def test_every_setting_is_explained() -> None:
    """Each block of settings starts with a comment."""
    blocks = EXAMPLE.read_text(encoding="utf-8").strip().split("\n\n")

    assert all(block.startswith("#") for block in blocks)
