"""Requests that this server makes to addresses which people have typed: never to what only this server can reach."""

from webapp.outgoing.client import Answer, OutgoingClient
from webapp.outgoing.errors import AddressRefused, NoAnswer
from webapp.outgoing.target import Target

__all__ = ["AddressRefused", "Answer", "NoAnswer", "OutgoingClient", "Target"]
