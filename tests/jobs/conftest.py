"""A browser for the real servers of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.driver import Browser


@pytest.fixture
def browser(data_dir: Path) -> Iterator[Browser]:
    browser = Browser(data_dir)
    yield browser
    browser.close()
