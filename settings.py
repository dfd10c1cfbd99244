"""Every setting once, typed, with its unit; the only reader of the environment and of `.env`."""

from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024
MIN_KEY_LENGTH = 32


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"


class Registration(StrEnum):
    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


class SecondFactor(StrEnum):
    """From whom a sign-in takes more than a password."""

    OPTIONAL = "optional"
    ADMINISTRATORS = "administrators"
    EVERYBODY = "everybody"


def _known_scheme(value: SecretStr, *schemes: str) -> SecretStr:
    """Raises ValueError in words, without the value, which may hold a password."""
    url = value.get_secret_value()
    parts = urlsplit(url)
    if url and (parts.scheme not in schemes or not parts.hostname):
        raise ValueError(f"must look like {schemes[0]}://host:port")
    return value


class Settings(BaseSettings):
    """One attribute a setting; the environment variable is its name in capitals behind `ROWCAST_`.

    Raises `pydantic.ValidationError`, naming the variable, when a value cannot be used.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROWCAST_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # `ROWCAST_X=` is the default, as if the line were not there
        hide_input_in_errors=True,  # a key that is too short is not printed into the log
        extra="ignore",
        frozen=True,
    )

    # What kind of process this is.
    environment: Environment = Environment.PRODUCTION

    # Keys, at least 32 characters each. Empty: made once and kept in `data_dir`.
    secret_key: SecretStr = SecretStr("")
    # Retired keys that still verify, separated by commas.
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = ()

    # Where it listens.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # The address people type, such as https://rows.example.org; empty: whatever the request says.
    public_origin: HttpUrl | None = None
    # How many proxies in front are trusted to tell the client's address and scheme.
    trusted_proxies: int = Field(default=0, ge=0, le=8)

    # Where everything is kept: database, uploads, job state.
    data_dir: Path = Path("data")
    # Empty: a SQLite file in `data_dir`. Nothing but SQLite so far.
    database_url: str = ""
    # Connections that read at the same time.
    database_readers: int = Field(default=4, ge=1, le=64)

    # Who may make an account once the owner has one.
    registration: Registration = Registration.CLOSED
    # Who must have a second factor or a passkey: nobody (optional), administrators and owners, or everybody.
    second_factor: SecondFactor = SecondFactor.OPTIONAL
    # Seconds a sign-in lives: without use, without use when remembered, at most, and how long it counts as fresh.
    session_idle: int = Field(default=14 * 86400, ge=60)
    session_remember: int = Field(default=30 * 86400, ge=60)
    session_lifetime: int = Field(default=90 * 86400, ge=60)
    session_fresh: int = Field(default=600, ge=10)

    # Where mail is handed over, as smtp://name:password@host:587 (encrypted beyond this machine) or smtps://...:465.
    # Empty: no mail is sent; whoever runs the server passes the links on.
    smtp_url: SecretStr = SecretStr("")
    # Who mails are from.
    mail_from: str = "Rowcast <rowcast@localhost>"
    # Where requests are counted that are limited: empty for this process's memory, else redis://... (Valkey or Redis).
    rate_limit_url: SecretStr = SecretStr("")

    # Bytes a request body may have: anywhere, and for an upload.
    body_limit: int = Field(default=256 * 1024, ge=1024)
    upload_limit: int = Field(default=2048 * MIB, ge=1024)
    # Seconds: between two pieces of a body, for a handler, and for requests in flight at shutdown.
    body_idle_timeout: float = Field(default=30, gt=0)
    handler_timeout: float = Field(default=60, gt=0)
    graceful_timeout: float = Field(default=15, gt=0)

    # Imports that run at the same time: one, and a few rows wait for somebody else's million.
    import_workers: int = Field(default=2, ge=1, le=8)
    # Rows from which on a table gets a full-text index in the background.
    search_index_rows: int = Field(default=200_000, ge=0)
    # Seconds a query for a page may take before it gives up.
    query_timeout: float = Field(default=5, gt=0)

    # debug, info, warning, error; and "json" or "console" (empty: by environment).
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    log_format: str = Field(default="", pattern="^(|json|console)$")

    @field_validator("secret_key_fallbacks", mode="before")
    @classmethod
    def _split_fallbacks(cls, value: object) -> object:
        """A bare string would otherwise be read as one key a character, and "" as an empty key."""
        if not isinstance(value, str):
            return value
        return tuple(key.strip() for key in value.split(",")) if value.strip() else ()

    @field_validator("database_url", mode="after")
    @classmethod
    def _only_sqlite(cls, value: str) -> str:
        """Another database's address would otherwise be taken for the name of a file."""
        if value and not value.startswith("sqlite+aiosqlite:///"):
            raise ValueError("only SQLite is supported so far, as in sqlite+aiosqlite:////srv/rowcast/rowcast.db")
        return value

    @field_validator("smtp_url", mode="after")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        return _known_scheme(value, "smtp", "smtps")

    @field_validator("rate_limit_url", mode="after")
    @classmethod
    def _counter(cls, value: SecretStr) -> SecretStr:
        return _known_scheme(value, "redis", "rediss", "valkey", "valkeys")

    @model_validator(mode="after")
    def _links_need_an_origin(self) -> Self:
        """A link in a mail would otherwise lead to whatever host the request named."""
        if self.smtp_url.get_secret_value() and self.public_origin is None and not self.is_private:
            raise ValueError("ROWCAST_SMTP_URL needs ROWCAST_PUBLIC_ORIGIN: it is where links in mails lead")
        return self

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        keys = [key.get_secret_value() for key in self.secret_key_fallbacks]
        if any(not key for key in keys):
            raise ValueError("ROWCAST_SECRET_KEY_FALLBACKS has an empty entry; anybody could sign with it")
        if own := self.secret_key.get_secret_value():
            keys.append(own)
        if not self.is_development and any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise ValueError(f"ROWCAST_SECRET_KEY and each of its fallbacks need at least {MIN_KEY_LENGTH} characters")
        return self

    @property
    def is_development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def is_testing(self) -> bool:
        return self.environment is Environment.TESTING

    @cached_property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'rowcast.db'}"

    @property
    def jobs_url(self) -> str:
        return f"sqlite:///{self.data_dir / 'jobs.db'}"

    @property
    def imports_dir(self) -> Path:
        """One folder an import: the original, the rows kept aside."""
        return self.data_dir / "imports"

    @property
    def is_tls(self) -> bool:
        """Whether people reach it over TLS (which ends at a proxy in front): `public_origin` says so."""
        return self.public_origin is not None and self.public_origin.scheme == "https"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return _is_loopback(self.host)

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine's own people can get here, not even through a proxy."""
        origin = self.public_origin.host if self.public_origin else "localhost"
        return self.is_local and not self.trusted_proxies and _is_loopback((origin or "").strip("[]"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
