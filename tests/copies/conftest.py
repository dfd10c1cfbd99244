"""Two data folders: a furnished installation, made once, and an empty one."""

import shutil
from pathlib import Path

import pytest

from settings import Settings
from tests.conftest import make_settings
from tests.copies.installations import furnish


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    furnish(make_settings(shutil.copytree(migrated, folder / "data")), folder)
    (folder / "data" / "secret_key").write_text("k" * 64)
    return folder / "data"


@pytest.fixture
def source(tmp_path: Path, furnished: Path) -> Settings:
    return make_settings(shutil.copytree(furnished, tmp_path / "source"))


@pytest.fixture
def target(tmp_path: Path) -> Settings:
    return make_settings(tmp_path / "target")
