"""What a webhook is asked for with: its name, its address and its events, and what all of them can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from webapp.db.errors import UserError
from webapp.models.names import one_line
from webapp.models.tables.webhook import WebhookEvent
from webapp.outgoing import AddressRefused, Target
from webapp.outgoing.addresses import Network, is_among, is_public
from webapp.outgoing.client import NOT_PUBLIC

MAX_NAME = 100  # characters


class WrongAddress(UserError):
    """No webhook can have it."""


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """`events` are values of `WebhookEvent`; none: all."""

    name: str
    url: str
    events: Sequence[str] = ()

    def checked(self, allowed: Sequence[Network]) -> "WebhookTerms":
        """Raises `UserError`, `WrongAddress`. `allowed` are the private networks that the server's settings name."""
        name = one_line(self.name)
        if not name or len(name) > MAX_NAME:
            raise UserError(f"A webhook has a name of at most {MAX_NAME} characters.")
        if unknown := set(self.events) - set(WebhookEvent):
            raise UserError(f"There is no event called “{min(unknown)[:100]}”.")
        ensure_possible(self.url, allowed)
        events = [event.value for event in WebhookEvent if event in self.events]
        return WebhookTerms(name, self.url, [] if len(events) == len(WebhookEvent) else events)


def ensure_possible(url: str, allowed: Sequence[Network]) -> None:
    """What can be said before its name is looked up, which happens with each message. Raises `WrongAddress`."""
    try:
        target = Target.parse(url)
    except AddressRefused as error:
        raise WrongAddress(str(error)) from error
    try:
        address = ip_address(target.host)
    except ValueError:
        address = None
    if address is not None and not is_public(address) and not is_among(address, allowed):
        raise WrongAddress(NOT_PUBLIC)
    if not target.is_tls and not (allowed and (address is None or is_among(address, allowed))):
        raise WrongAddress("Use an address that begins with https://.")
    if not target.has_usual_port and not allowed:
        raise WrongAddress("Use the port 443, or one from 1024 on.")
