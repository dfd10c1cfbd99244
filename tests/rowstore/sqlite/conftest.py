"""These tests are about SQLite."""

import pytest


@pytest.fixture
def backend_name() -> str:
    return "sqlite"


@pytest.fixture
def system() -> str:
    return "sqlite"
