"""The key that signs cookies is generated once for all processes, and nobody else can read it."""

import subprocess
import sys

import pytest

from settings import Settings
from webapp.db.keys import sealer, secret_key
from webapp.db.sealing import BrokenSeal


def test_a_key_in_the_settings_is_used_unchanged(settings: Settings) -> None:
    own = settings.model_copy(update={"secret_key": type(settings.secret_key)("k" * 40)})

    assert secret_key(own) == "k" * 40
    assert not settings.data_dir.exists()


def test_a_missing_key_is_generated_once_and_stored(settings: Settings) -> None:
    made = secret_key(settings)

    assert len(made) >= 64
    assert secret_key(settings) == made
    assert (settings.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in settings.data_dir.iterdir()] == ["secret_key"]


def test_processes_that_start_together_use_the_same_key(settings: Settings) -> None:
    code = (
        "from settings import Settings; from webapp.db.keys import secret_key;"
        "print(secret_key(Settings(_env_file=None)))"
    )
    environment = {"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_ENVIRONMENT": "testing"}
    starts = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    keys = {start.communicate()[0].strip() for start in starts}

    assert keys == {secret_key(settings)}


def test_a_damaged_key_prevents_the_start(settings: Settings) -> None:
    secret_key(settings)
    (settings.data_dir / "secret_key").write_text("")

    with pytest.raises(ValueError, match="Delete it"):
        secret_key(settings)


def test_encrypted_values_survive_a_key_rotation_and_need_one_of_the_keys(settings: Settings) -> None:
    secret = type(settings.secret_key)
    old = settings.model_copy(update={"secret_key": secret("o" * 40)})
    rotated = old.model_copy(update={"secret_key": secret("n" * 40), "secret_key_fallbacks": (secret("o" * 40),)})
    retired = rotated.model_copy(update={"secret_key_fallbacks": ()})
    sealed = sealer(old).encrypt(b"a secret")

    assert b"a secret" not in sealed
    assert sealer(rotated).decrypt(sealed) == b"a secret"
    assert sealer(retired).decrypt(sealer(rotated).encrypt(b"new")) == b"new"
    with pytest.raises(BrokenSeal):
        sealer(retired).decrypt(sealed)
