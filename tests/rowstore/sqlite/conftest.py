"""These tests are of SQLite alone."""

import pytest


@pytest.fixture
def backend_name() -> str:
    return "sqlite"
