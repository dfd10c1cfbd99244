"""The objects that an application shares."""

from pathlib import Path

import pytest
from quart import Quart

from settings import Settings
from tests.conftest import make_settings
from webapp import create_app
from webapp.extensions import Extension, config


def test_each_application_has_its_own_object_made_once_when_it_is_first_used(tmp_path: Path) -> None:
    made: list[Settings] = []

    def make(app: Quart) -> list[Settings]:
        made.append(config.of(app))
        return [config.of(app)]

    made_for = Extension("test", make)
    one, other = (create_app(make_settings(tmp_path / name)) for name in ("one", "other"))
    assert made == []

    assert made_for.of(one) is made_for.of(one)
    assert made_for.of(one) is not made_for.of(other)
    assert made == [config.of(one), config.of(other)]


def test_outside_an_application_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="context"):
        config()
