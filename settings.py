"""Every setting, declared once. Only this module reads the environment and `.env`.

`rowcast settings` prints them as `.env.example` and as the table in `docs/operations.md`.
"""

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024
MIN_KEY_LENGTH = 32
PREFIX = "ROWCAST_"


def variable(name: str) -> str:
    """The environment variable of the setting with this name."""
    return PREFIX + name.upper()


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


class PasswordSignIn(StrEnum):
    """Who may sign in with a password."""

    EVERYBODY = "everybody"
    OWNERS = "owners"


class OidcAccounts(StrEnum):
    """Whom a first sign-in through the provider gives an account."""

    REGISTRATION = "registration"
    EVERYBODY = "everybody"


# What the groups of a provider can grant: whoever owns the server decides here who else does.
OIDC_ROLES = ("guest", "member", "administrator")
OIDC_EVERYBODY = "*"  # instead of a group: who is in none of the others


def _known_scheme(value: SecretStr, *schemes: str) -> SecretStr:
    """Raises ValueError with a message that omits the value, which may hold a password."""
    url = value.get_secret_value()
    parts = urlsplit(url)
    if url and (parts.scheme not in schemes or not parts.hostname):
        raise ValueError(f"must look like {schemes[0]}://host:port")
    return value


class Settings(BaseSettings):
    """One attribute per setting, described below it; `variable()` is the name of its environment variable.

    Raises `pydantic.ValidationError`, naming the variable, if a value is invalid.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # `ROWCAST_X=` means the default, as if the line were missing
        hide_input_in_errors=True,  # do not print a key that is too short into the log
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,  # the descriptions
    )

    environment: Environment = Environment.PRODUCTION
    """production, development (short keys are allowed, changed templates and static files reloaded) or testing (cheap
    password hashes: never use it in production).
    """
    secret_key: SecretStr = SecretStr("")
    """Signs cookies; at least 32 characters, for example from openssl rand -base64 48. Empty: generated once and kept
    in the data folder. Set it if more than one machine serves the same people.
    """
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Retired keys that still verify cookies, separated by commas. To rotate, put the old key here."""

    host: str = "127.0.0.1"
    """The address to listen on. Beyond loopback, or behind a proxy, creating the first account requires the set-up key
    from the log.
    """
    port: int = Field(default=8000, ge=0, le=65535)
    """The port to listen on. 0: any free one; the log says which."""
    public_origin: HttpUrl | None = None
    """The address people type, such as https://rows.example.org; other host names get a 421. With https, cookies are
    Secure and HSTS is sent. Empty: taken from the request.
    """
    trusted_proxies: int = Field(default=0, ge=0, le=8)
    """Proxies in front to trust for X-Forwarded-For, -Proto, -Host and X-Request-ID; at most 8."""
    max_connections: int = Field(default=0, ge=0)
    """Open connections in all; more are closed at once. 0: half of the process's limit of open files, at most 4096."""
    connections_per_address: int = Field(default=0, ge=0)
    """Open connections of each client address (IPv6: each /64). 0: a quarter of all. Does not apply behind trusted
    proxies.
    """

    data_dir: Path = Path("data")
    """The folder of all persistent data: database, uploads, state of jobs. Back up all of it."""
    database_url: SecretStr = SecretStr("")
    """The database. Empty: the SQLite file rowcast.db in the data folder; another file is
    sqlite+aiosqlite:////srv/rowcast.db. A database of PostgreSQL 15 or newer is
    postgresql+psycopg://name:password@host/rowcast.
    """
    database_readers: int = Field(default=4, ge=1, le=64)
    """Concurrent read connections, 1 to 64. On PostgreSQL there are twice as many, and four that write."""

    registration: Registration = Registration.CLOSED
    """Who may create an account once there is an owner: open (everybody), invitation (whom administrators invite, and
    as guests whom members invite to their tables), or closed (only whom administrators invite)."""
    second_factor: SecondFactor = SecondFactor.OPTIONAL
    """Who must have a second factor or a passkey: optional (nobody), administrators (and owners), or everybody. Until
    they have one they can open only the pages that set it up.
    """
    password_sign_in: PasswordSignIn = PasswordSignIn.EVERYBODY
    """Who may sign in with a password: everybody, or owners (all others through the provider of ROWCAST_OIDC_ISSUER, or
    with a passkey they have). Owners keep theirs, so that a provider that is down locks nobody out for good.
    """
    oidc_issuer: str = ""
    """Single sign-on: the OpenID provider's issuer exactly as it writes it, such as https://sso.example.org/realms/staff;
    what stands below it at /.well-known/openid-configuration is read. Empty: none. Needs the client's id and secret.
    """
    oidc_client_id: str = ""
    """The id this server is registered under at the provider, with the redirect URI
    ROWCAST_PUBLIC_ORIGIN/login/oidc/callback.
    """
    oidc_client_secret: SecretStr = SecretStr("")
    """The secret that goes with it."""
    oidc_name: str = Field(default="single sign-on", min_length=1, max_length=60)
    """What people call the provider: it stands on the button "Sign in with ..."."""
    oidc_scopes: str = "openid email profile"
    """What the provider is asked for, separated by spaces. Add what its groups need, often groups."""
    oidc_accounts: OidcAccounts = OidcAccounts.REGISTRATION
    """Whom a first sign-in through the provider gives an account: registration (as ROWCAST_REGISTRATION says, and in
    any case whom somebody has invited) or everybody (whom the provider lets in: for one of your own organisation).
    """
    oidc_groups_claim: str = Field(default="groups", min_length=1)
    """The claim that lists a person's groups."""
    oidc_roles: Annotated[tuple[tuple[str, str], ...], NoDecode] = ()
    """Groups and the roles they grant, at every sign-in through the provider: staff=member,leads=administrator,*=guest.
    Names of groups have no commas. The highest counts; * is everybody else, without it they are not let in. No group
    makes owners, and owners stay owners. Empty: roles are given here only.
    """
    session_idle: int = Field(default=14 * 86400, ge=60)
    """Seconds without use after which a sign-in expires; by default 14 days."""
    session_remember: int = Field(default=30 * 86400, ge=60)
    """The same, in seconds, for "stay signed in"; by default 30 days."""
    session_lifetime: int = Field(default=90 * 86400, ge=60)
    """Seconds after which any sign-in expires; by default 90 days."""
    session_fresh: int = Field(default=600, ge=10)
    """Seconds after signing in during which sensitive changes do not ask for the password again."""

    audit_days: int = Field(default=400, ge=1, le=36500)
    """Days after which entries of the audit log are deleted; by default 400."""
    history_days: int = Field(default=365, ge=1, le=36500)
    """Days after which changes of tables are no longer kept: they leave the history and cannot be undone; by default
    365.
    """
    history_mb: int = Field(default=200, ge=1, le=1_000_000)
    """Megabytes (MiB) of changes that are kept of each table, the latest ones; by default 200."""

    trash_days: int = Field(default=30, ge=1, le=36500)
    """Days after which what is in the trash is deleted for good; by default 30."""

    smtp_url: SecretStr = SecretStr("")
    """The mail server: smtp://name:password@host:587 (TLS is required beyond this machine) or
    smtps://name:password@host:465. Empty: no mail is sent, and administrators pass links on. Beyond loopback it needs
    ROWCAST_PUBLIC_ORIGIN.
    """
    mail_from: str = "Rowcast <rowcast@localhost>"
    """The sender of all mails."""
    rate_limit_url: SecretStr = SecretStr("")
    """Where rate limits are counted: redis://host:6379/0 (Valkey or Redis). Empty: in this process."""

    body_limit: int = Field(default=256 * 1024, ge=1024)
    """Maximum bytes of a request body, except uploads and the form of an import preview."""
    upload_limit: int = Field(default=2048 * MIB, ge=1024)
    """Maximum bytes of an upload; by default 2 GiB."""
    body_idle_timeout: float = Field(default=30, gt=0)
    """Seconds that may pass between two chunks of a request body."""
    min_body_rate: int = Field(default=500, ge=0)
    """Bytes per second that a request body must arrive with, else it gets a 408. 0: any rate."""
    min_download_rate: int = Field(default=500, ge=0)
    """Bytes per second that a client must read of what waits for it, else its connection is cut. 0: any rate."""
    rate_window: float = Field(default=60, gt=0)
    """Seconds over which these two rates are measured."""
    handler_timeout: float = Field(default=60, gt=0)
    """Seconds until a response starts; receiving an upload, waiting for a write and sending it do not count."""
    graceful_timeout: float = Field(default=15, gt=0)
    """Seconds for requests in flight to finish when the server stops."""

    import_workers: int = Field(default=2, ge=1, le=8)
    """Concurrent imports, each in its own process, 1 to 8. With one, small files wait for large ones."""
    imports_waiting: int = Field(default=100, ge=1, le=10_000)
    """Imports of one person that may run or wait for their turn at a time; more uploads get a 429."""
    downloads_per_person: int = Field(default=8, ge=0, le=10_000)
    """Exports and files that one person may be downloading at a time, per server process; 0 for any number."""
    streams_per_person: int = Field(default=100, ge=0, le=100_000)
    """Pages with live updates that one person may have open at a time, per server process; 0 for any number."""
    search_index_rows: int = Field(default=200_000, ge=0)
    """Tables with at least this many rows get a full-text index after their import."""
    query_timeout: float = Field(default=5, gt=0)
    """Seconds that a query for a page may take."""

    webhook_timeout: float = Field(default=15, gt=0, le=300)
    """Seconds that the receiver of a webhook may take, from looking up its name to its answer."""
    webhook_retry: float = Field(default=5, gt=0, le=3600)
    """Seconds until a message that was not taken is sent again; each further pause is twice as long, up to an hour."""
    webhook_days: int = Field(default=3, ge=1, le=365)
    """Days without success after which a webhook is switched off, and the table's owner told by mail; by default 3."""
    private_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Private networks that webhooks may be sent to, also without TLS and to any port, separated by commas, such as
    10.1.2.0/24. Empty: to addresses of the internet only.
    """

    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error."""
    log_format: str = Field(default="", pattern="^(|json|console)$")
    """json or console. Empty: console in development, else json."""

    @field_validator("secret_key_fallbacks", "private_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Without this a plain string would be read as one key per character, and "" as an empty key."""
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",")) if value.strip() else ()

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.rpartition("=") for pair in value.split(",")] if value.strip() else []
        roles = {group.strip(): role.strip() for group, _, role in pairs}
        if "" in roles or len(roles) < len(pairs):
            raise ValueError("must be groups and roles, each group once, as in staff=member,leads=administrator")
        if set(roles.values()) - set(OIDC_ROLES):
            raise ValueError(f"a group can grant {', '.join(OIDC_ROLES)}; owners are made on the server itself")
        return tuple(roles.items())

    @field_validator("oidc_issuer", mode="after")
    @classmethod
    def _only_an_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if value and not (is_safe and parts.hostname):
            raise ValueError("must be an https URL, as in https://sso.example.org; http is for this machine only")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must be scheme, host and path alone, as in https://sso.example.org/realms/staff")
        return value

    @field_validator("oidc_scopes", mode="after")
    @classmethod
    def _openid_first(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must contain openid; without it a provider says nothing about who signs in")
        return " ".join(value.split())

    @model_validator(mode="after")
    def _check_single_sign_on(self) -> Self:
        has_client = bool(self.oidc_client_id and self.oidc_client_secret.get_secret_value())
        if self.has_single_sign_on and not has_client:
            raise ValueError("ROWCAST_OIDC_ISSUER needs ROWCAST_OIDC_CLIENT_ID and ROWCAST_OIDC_CLIENT_SECRET")
        if self.has_single_sign_on and self.public_origin is None and not self.is_private:
            raise ValueError("ROWCAST_OIDC_ISSUER needs ROWCAST_PUBLIC_ORIGIN: it is where the provider leads back to")
        if self.password_sign_in is PasswordSignIn.OWNERS and not self.has_single_sign_on:
            raise ValueError(
                "ROWCAST_PASSWORD_SIGN_IN=owners needs ROWCAST_OIDC_ISSUER: how else would others sign in?"
            )
        return self

    @field_validator("database_url", mode="after")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        """Another database's URL would otherwise be taken for a file name."""
        url = value.get_secret_value()
        if url.startswith("postgresql+psycopg://"):
            try:
                has_name = bool(urlsplit(url).path.strip("/")) and (urlsplit(url).port or True)
            except ValueError:  # of a port that is no number
                has_name = False
            if not has_name:
                raise ValueError("must name a database, as in postgresql+psycopg://name:password@host:5432/rowcast")
        elif url and not url.startswith("sqlite+aiosqlite:///"):
            raise ValueError(
                "must be SQLite, as in sqlite+aiosqlite:////srv/rowcast/rowcast.db, or PostgreSQL, as in"
                " postgresql+psycopg://name:password@host/rowcast"
            )
        return value

    @field_validator("public_origin", mode="after")
    @classmethod
    def _only_an_origin(cls, value: HttpUrl | None) -> HttpUrl | None:
        """Links would silently lead to the top of the site."""
        if value and ((value.path or "/") != "/" or value.query or value.fragment or value.username or value.password):
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
        """Whether there is a mail server; without one an administrator passes links on."""
        return bool(self.smtp_url.get_secret_value())

    @property
    def has_single_sign_on(self) -> bool:
        return bool(self.oidc_issuer)

    @property
    def can_confirm_addresses(self) -> bool:
        """Whether a link reaches people by mail; without production's rules, by the outbox."""
        return self.sends_mail or self.environment is not Environment.PRODUCTION

    @cached_property
    def sqlalchemy_url(self) -> str:
        return self.database_url.get_secret_value() or f"sqlite+aiosqlite:///{self.data_dir / 'rowcast.db'}"

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
        return is_loopback(self.host)

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the server, not even others through a proxy."""
        origin = self.public_origin.host if self.public_origin else "localhost"
        return self.is_local and not self.trusted_proxies and is_loopback((origin or "").strip("[]"))


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
