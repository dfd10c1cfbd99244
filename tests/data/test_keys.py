"""The key that signs cookies is made once, for all processes, and is nobody else's to read."""

import subprocess
import sys

import pytest

from settings import Settings
from webapp.data.keys import secret_key


def test_a_key_of_the_settings_is_used_as_it_is(settings: Settings) -> None:
    own = settings.model_copy(update={"secret_key": type(settings.secret_key)("k" * 40)})

    assert secret_key(own) == "k" * 40
    assert not settings.data_dir.exists()


def test_without_one_a_key_is_made_once_and_kept(settings: Settings) -> None:
    made = secret_key(settings)

    assert len(made) >= 64
    assert secret_key(settings) == made
    assert (settings.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in settings.data_dir.iterdir()] == ["secret_key"]


def test_processes_that_start_together_end_with_one_key(settings: Settings) -> None:
    code = (
        "from settings import Settings; from webapp.data.keys import secret_key;"
        "print(secret_key(Settings(_env_file=None)))"
    )
    environment = {"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_ENVIRONMENT": "testing"}
    starts = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    keys = {start.communicate()[0].strip() for start in starts}

    assert keys == {secret_key(settings)}


def test_a_damaged_key_stops_the_start_instead_of_signing_with_it(settings: Settings) -> None:
    secret_key(settings)
    (settings.data_dir / "secret_key").write_text("")

    with pytest.raises(ValueError, match="Delete it"):
        secret_key(settings)
