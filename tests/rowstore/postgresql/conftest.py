"""These tests are about PostgreSQL."""

import pytest


@pytest.fixture
def backend_name() -> str:
    return "postgresql"
