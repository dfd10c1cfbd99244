"""An address that a request goes to, taken apart: what can be said of it without asking the network."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from webapp.outgoing.errors import AddressRefused

MAX_URL = 2_000  # characters
PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024  # below are mail, name and file servers, which might take a request for one of theirs


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str  # https or http
    host: str  # a name in ASCII, or an address without brackets
    port: int
    path: str  # with the query

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `AddressRefused`."""
        if len(url) > MAX_URL:
            raise AddressRefused(f"An address has at most {MAX_URL:,} characters.")
        if any(sign <= " " or sign == "\x7f" for sign in url):
            raise AddressRefused("An address has no spaces.")
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise AddressRefused("This is no address. Type one such as https://example.org/hooks.") from error
        if scheme not in PORTS or not host:
            raise AddressRefused("Type an address that begins with https://, such as https://example.org/hooks.")
        if "@" in parts.netloc:
            raise AddressRefused("An address has no name or password in it: the signature says who sends.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if parts.fragment or not path.isascii():
            raise AddressRefused("Write the path of the address in ASCII, with %20 for a space, and without #.")
        return cls(scheme, _in_ascii(host), PORTS[scheme] if port is None else port, path)

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def has_usual_port(self) -> bool:
        """Whether its port is one that web servers have."""
        return self.port == PORTS[self.scheme] or self.port >= FIRST_FREE_PORT

    @property
    def name(self) -> str:
        """As certificates have it: the full stop at the end, which says that the name is whole, is for DNS alone."""
        return self.host.removesuffix(".")

    @property
    def authority(self) -> str:
        """The `Host` of a request."""
        host = f"[{self.host}]" if ":" in self.host else self.name
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def _in_ascii(host: str) -> str:
    """An internationalised name as DNS has it. Raises `AddressRefused`."""
    if "%" in host:
        raise AddressRefused("An address of the internet has no name of an interface in it.")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise AddressRefused("The name of the server in this address cannot be one.") from error
    if not all(sign.isalnum() or sign in "-._" for sign in name):
        raise AddressRefused("The name of the server in this address cannot be one.")
    return name
