"""People and what they keep: the tables about the tables."""

from webapp.models.base import Base, utc_now
from webapp.models.import_ import Import, ImportState
from webapp.models.session import Device, Session
from webapp.models.table import Column, Table
from webapp.models.user import Actor, EmailTaken, RegistrationClosed, Role, User, normalise_email

__all__ = [
    "Actor",
    "Base",
    "Column",
    "Device",
    "EmailTaken",
    "Import",
    "ImportState",
    "RegistrationClosed",
    "Role",
    "Session",
    "Table",
    "User",
    "normalise_email",
    "utc_now",
]
