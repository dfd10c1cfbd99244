"""The ORM models: people and what belongs to them, and the metadata of imported tables."""

from webapp.models.api_token import ApiToken, Scope
from webapp.models.audit_event import AuditEvent, Doer, Event
from webapp.models.base import Base, utc_now
from webapp.models.import_ import Import, ImportState
from webapp.models.mail import Mail
from webapp.models.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.passkey import Passkey
from webapp.models.permissions import Action, authorize, is_above
from webapp.models.recovery_code import RecoveryCode
from webapp.models.session import Device, Session
from webapp.models.table import Column, Table
from webapp.models.user import Actor, EmailTaken, RegistrationClosed, Role, User, normalise_email

__all__ = [
    "Action",
    "Actor",
    "ApiToken",
    "AuditEvent",
    "Base",
    "Column",
    "Device",
    "Doer",
    "EmailTaken",
    "Event",
    "Import",
    "ImportState",
    "Mail",
    "OneTimeToken",
    "Passkey",
    "Purpose",
    "RecoveryCode",
    "RegistrationClosed",
    "Role",
    "Scope",
    "Session",
    "Table",
    "TokenUnusable",
    "User",
    "authorize",
    "is_above",
    "normalise_email",
    "utc_now",
]
