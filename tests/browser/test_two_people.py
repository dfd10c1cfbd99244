"""Two people work on one table for half a minute; `tests/browser/two_people.py` has what they do, and the long run."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.two_people import Together

ROWS, SECONDS, SEED = 5_000, 15, 10


@pytest.fixture
def together(chromium: Browser, migrated: Path, tmp_path: Path) -> Iterator[Together]:
    with Together(shutil.copytree(migrated, tmp_path / "data"), chromium, ROWS, random.Random(SEED)) as made:
        yield made


def test_after_collisions_cuts_and_kills_the_export_is_the_replay_of_the_log(together: Together) -> None:
    together.work(SECONDS)

    together.check()
    assert min(together.done.values()) >= 1
