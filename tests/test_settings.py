"""Invalid settings prevent the start, and the message names the variable."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from settings import Environment, Registration, Settings

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_it_is_a_closed_production_server_for_this_machine() -> None:
    settings = Settings()

    assert settings.environment is Environment.PRODUCTION
    assert settings.registration is Registration.CLOSED
    assert settings.is_local
    assert not settings.is_tls
    assert settings.secret_key.get_secret_value() == ""


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ROWCAST_PORT=9001\nROWCAST_REGISTRATION=open\nOTHER=x\n")
    monkeypatch.setenv("ROWCAST_PORT", "9002")

    settings = Settings()

    assert (settings.port, settings.registration) == (9002, Registration.OPEN)


@pytest.mark.parametrize("environment", ["development", "testing", "production"])
def test_the_environments_have_names(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_ENVIRONMENT", environment)

    settings = Settings()

    assert settings.is_development is (environment == "development")
    assert settings.is_testing is (environment == "testing")


def test_fallbacks_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain string would be read as one-letter keys, and anybody could sign with one."""
    monkeypatch.setenv("ROWCAST_SECRET_KEY_FALLBACKS", f"{'a' * 32}, {'b' * 32}")

    assert [key.get_secret_value() for key in Settings().secret_key_fallbacks] == ["a" * 32, "b" * 32]


def test_no_fallbacks_is_an_empty_list_and_no_empty_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_SECRET_KEY_FALLBACKS", "  ")

    assert Settings().secret_key_fallbacks == ()


@pytest.mark.parametrize("given", [",", f"{KEY},", f",{KEY}", f"{KEY},,{KEY}", f"{KEY}, ,{KEY}"])
@pytest.mark.parametrize("environment", ["development", "production"])
def test_an_empty_fallback_stops_the_start(environment: str, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_ENVIRONMENT", environment)
    monkeypatch.setenv("ROWCAST_SECRET_KEY_FALLBACKS", given)

    with pytest.raises(ValidationError, match="ROWCAST_SECRET_KEY_FALLBACKS has an empty entry"):
        Settings()


@pytest.mark.parametrize("name", ["ROWCAST_SECRET_KEY", "ROWCAST_SECRET_KEY_FALLBACKS"])
def test_a_short_key_stops_the_start_outside_development(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "k" * 31)

    for environment in ("production", "testing"):
        monkeypatch.setenv("ROWCAST_ENVIRONMENT", environment)
        with pytest.raises(ValidationError, match="at least 32 characters"):
            Settings()

    monkeypatch.setenv("ROWCAST_ENVIRONMENT", "development")
    Settings()


def test_a_refusal_does_not_print_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_SECRET_KEY", "hunter2-hunter2")

    with pytest.raises(ValidationError) as refused:
        Settings()

    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(Settings(secret_key="hunter2" * 8))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "x"),
        ("REGISTRATION", "ajar"),
        ("LOG_LEVEL", "loud"),
        ("PUBLIC_ORIGIN", "rows"),
        ("PUBLIC_ORIGIN", "https://example.org/rows"),
        ("PUBLIC_ORIGIN", "https://example.org/?a=b"),
        ("PUBLIC_ORIGIN", "https://ada@example.org"),
        ("PUBLIC_ORIGIN", "https://:pw@example.org"),
        ("DATABASE_URL", "postgresql+asyncpg://rows@localhost/rows"),
        ("DATABASE_URL", "postgresql+psycopg://rows@localhost"),
        ("DATABASE_URL", "postgresql+psycopg://rows@localhost:port/rows"),
    ],
)
def test_a_value_that_means_nothing_stops_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ROWCAST_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.5", False),
        ("rows.example.org", False),
    ],
)
def test_only_loopback_is_local(host: str, is_local: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_HOST", host)

    assert Settings().is_local is is_local


@pytest.mark.parametrize(
    ("given", "is_private"),
    [
        ({}, True),
        ({"public_origin": "http://localhost:8000"}, True),
        ({"public_origin": "http://[::1]:8000"}, True),
        ({"public_origin": "https://rows.example.org"}, False),  # somebody forwards it to this machine
        ({"trusted_proxies": 1}, False),
        ({"host": "192.0.2.1"}, False),
    ],
)
def test_a_server_behind_a_proxy_is_not_private(given: dict[str, Any], is_private: bool) -> None:
    assert Settings(_env_file=None, **given).is_private is is_private


@pytest.mark.parametrize("given", [{"host": "192.0.2.1"}, {"trusted_proxies": 1}])
def test_mail_that_leaves_needs_to_know_where_its_links_lead(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="ROWCAST_PUBLIC_ORIGIN"):
        Settings(_env_file=None, smtp_url="smtp://mail.example.org", **given)


def test_the_folder_stays_the_same_when_the_process_moves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROWCAST_DATA_DIR", "kept")
    settings = Settings()

    monkeypatch.chdir("/")

    assert settings.data_dir == tmp_path / "kept"


SINGLE_SIGN_ON: dict[str, Any] = {
    "oidc_issuer": "https://sso.example.org/realms/staff",
    "oidc_client_id": "rowcast",
    "oidc_client_secret": "secret",
    "public_origin": "https://rows.example.org",
}


def test_single_sign_on_is_off_by_itself() -> None:
    assert not Settings().has_single_sign_on
    assert Settings(**SINGLE_SIGN_ON).has_single_sign_on


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"oidc_client_id": ""}, "ROWCAST_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": ""}, "ROWCAST_OIDC_CLIENT_SECRET"),
        ({"oidc_issuer": "http://sso.example.org"}, "must be an https URL"),
        ({"oidc_issuer": "sso.example.org"}, "must be an https URL"),
        ({"oidc_issuer": "https://sso.example.org?realm=1"}, "scheme, host and path alone"),
        ({"oidc_issuer": "https://name:word@sso.example.org"}, "scheme, host and path alone"),
        ({"public_origin": None, "host": "192.0.2.1"}, "ROWCAST_PUBLIC_ORIGIN"),
        ({"oidc_scopes": "email"}, "must contain openid"),
        ({"oidc_roles": "staff=owner"}, "owners are made on the server itself"),
        ({"oidc_roles": "staff=boss"}, "guest, member, administrator"),
        ({"oidc_roles": "staff"}, "must be groups and roles"),
        ({"oidc_roles": "=member"}, "must be groups and roles"),
        ({"oidc_roles": "staff=member,staff=guest"}, "must be groups and roles"),
        ({"oidc_issuer": "", "password_sign_in": "owners"}, "ROWCAST_PASSWORD_SIGN_IN"),
    ],
)
def test_single_sign_on_that_could_not_work_stops_the_start(wrong: dict[str, Any], names: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**(SINGLE_SIGN_ON | wrong))

    assert names in str(caught.value)
    assert "secret'" not in str(caught.value)


def test_groups_and_their_roles_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_OIDC_ROLES", "staff=member, cn=leads=administrator,*=guest")

    assert Settings().oidc_roles == (("staff", "member"), ("cn=leads", "administrator"), ("*", "guest"))
