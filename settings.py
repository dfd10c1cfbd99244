"""Every setting, declared once with its type and unit. Only this module reads the environment and `.env`."""

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
    """Who must have a second factor or a passkey."""

    OPTIONAL = "optional"
    ADMINISTRATORS = "administrators"
    EVERYBODY = "everybody"


def _known_scheme(value: SecretStr, *schemes: str) -> SecretStr:
    """Raises ValueError with a message that omits the value, which may hold a password."""
    url = value.get_secret_value()
    parts = urlsplit(url)
    if url and (parts.scheme not in schemes or not parts.hostname):
        raise ValueError(f"must look like {schemes[0]}://host:port")
    return value


class Settings(BaseSettings):
    """One attribute per setting; its environment variable is the name in capitals, prefixed with `ROWCAST_`.

    Raises `pydantic.ValidationError`, naming the variable, if a value is invalid.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROWCAST_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # `ROWCAST_X=` means the default, as if the line were missing
        hide_input_in_errors=True,  # do not print a key that is too short into the log
        extra="ignore",
        frozen=True,
    )

    # The kind of process.
    environment: Environment = Environment.PRODUCTION

    # The signing key, at least 32 characters. Empty: generated once and stored in `data_dir`.
    secret_key: SecretStr = SecretStr("")
    # Retired keys that still verify, separated by commas.
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = ()

    # The address and port to listen on.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # The address people type, such as https://rows.example.org; empty: taken from the request.
    public_origin: HttpUrl | None = None
    # How many proxies in front are trusted to report the client's address and scheme.
    trusted_proxies: int = Field(default=0, ge=0, le=8)

    # All persistent data: database, uploads, job state.
    data_dir: Path = Path("data")
    # Empty: a SQLite file in `data_dir`. Only SQLite is supported so far.
    database_url: str = ""
    # Concurrent read connections.
    database_readers: int = Field(default=4, ge=1, le=64)

    # Who may create an account once there is an owner.
    registration: Registration = Registration.CLOSED
    # Who must have a second factor or a passkey: nobody (optional), administrators and owners, or everybody.
    second_factor: SecondFactor = SecondFactor.OPTIONAL
    # Seconds a sign-in lasts: without use, without use when remembered, at most; and how long it counts as fresh.
    session_idle: int = Field(default=14 * 86400, ge=60)
    session_remember: int = Field(default=30 * 86400, ge=60)
    session_lifetime: int = Field(default=90 * 86400, ge=60)
    session_fresh: int = Field(default=600, ge=10)

    # The mail server, as smtp://name:password@host:587 (TLS required beyond this machine) or smtps://...:465. Empty: no
    # mail is sent, and an administrator passes links on.
    smtp_url: SecretStr = SecretStr("")
    # The sender of all mails.
    mail_from: str = "Rowcast <rowcast@localhost>"
    # Where rate limits are counted: empty for this process's memory, else redis://... (Valkey or Redis).
    rate_limit_url: SecretStr = SecretStr("")

    # Maximum bytes of a request body: in general, and of an upload.
    body_limit: int = Field(default=256 * 1024, ge=1024)
    upload_limit: int = Field(default=2048 * MIB, ge=1024)
    # Seconds: between two chunks of a body, for a handler, and for requests in flight at shutdown.
    body_idle_timeout: float = Field(default=30, gt=0)
    handler_timeout: float = Field(default=60, gt=0)
    graceful_timeout: float = Field(default=15, gt=0)

    # Concurrent imports. With only one, a small file would wait for somebody else's million rows.
    import_workers: int = Field(default=2, ge=1, le=8)
    # Tables with at least this many rows get a full-text index in the background.
    search_index_rows: int = Field(default=200_000, ge=0)
    # Time limit, in seconds, of a query for a page.
    query_timeout: float = Field(default=5, gt=0)

    # debug, info, warning, error; and "json" or "console" (empty: by environment).
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    log_format: str = Field(default="", pattern="^(|json|console)$")

    @field_validator("secret_key_fallbacks", mode="before")
    @classmethod
    def _split_fallbacks(cls, value: object) -> object:
        """Without this a plain string would be read as one key per character, and "" as an empty key."""
        if not isinstance(value, str):
            return value
        return tuple(key.strip() for key in value.split(",")) if value.strip() else ()

    @field_validator("database_url", mode="after")
    @classmethod
    def _only_sqlite(cls, value: str) -> str:
        """Another database's URL would otherwise be taken for a file name."""
        if value and not value.startswith("sqlite+aiosqlite:///"):
            raise ValueError("only SQLite is supported so far, as in sqlite+aiosqlite:////srv/rowcast/rowcast.db")
        return value

    @field_validator("public_origin", mode="after")
    @classmethod
    def _only_an_origin(cls, value: HttpUrl | None) -> HttpUrl | None:
        """Links would silently lead to the top of the site."""
        if value and ((value.path or "/") != "/" or value.query or value.fragment or value.username):
            raise ValueError("must be scheme, host and port alone, as in https://rows.example.org")
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
        """Otherwise a mailed link would point to whatever host the request named."""
        if self.sends_mail and self.public_origin is None and not self.is_private:
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

    @property
    def sends_mail(self) -> bool:
        return bool(self.smtp_url.get_secret_value())

    @cached_property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'rowcast.db'}"

    @property
    def jobs_url(self) -> str:
        return f"sqlite:///{self.data_dir / 'jobs.db'}"

    @property
    def imports_dir(self) -> Path:
        """One folder per import: the original file and the rejected rows."""
        return self.data_dir / "imports"

    @property
    def is_tls(self) -> bool:
        """Whether people reach the server over TLS (terminated by a proxy): true if `public_origin` is an https URL."""
        return self.public_origin is not None and self.public_origin.scheme == "https"

    @property
    def is_local(self) -> bool:
        """Whether the server listens on a loopback address only."""
        return _is_loopback(self.host)

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the server, not even others through a proxy."""
        origin = self.public_origin.host if self.public_origin else "localhost"
        return self.is_local and not self.trusted_proxies and _is_loopback((origin or "").strip("[]"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
