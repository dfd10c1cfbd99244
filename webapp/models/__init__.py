"""The ORM models: people and what belongs to them, and the metadata of imported tables."""

from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.identity import Identity
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.recovery_code import RecoveryCode
from webapp.models.accounts.session import Session
from webapp.models.accounts.table_invitation import TableInvitation
from webapp.models.accounts.user import EmailTaken, RegistrationClosed, User, normalise_email
from webapp.models.base import Base, utc_now
from webapp.models.idempotency import IdempotencyKey
from webapp.models.mail import Mail
from webapp.models.policy import Action, Actor, Role, Scope, TableRole, is_above, is_allowed
from webapp.models.tables.change_set import Change, ChangeSet, ChangeSetPart
from webapp.models.tables.import_model import Import, ImportState
from webapp.models.tables.import_update import ImportSource, ImportUpdate
from webapp.models.tables.large_change import LargeChange, LargeChangeLeft, LargeChangePart, LargeState
from webapp.models.tables.link import Link
from webapp.models.tables.saved_view import SavedView
from webapp.models.tables.table import Column, Member, Table
from webapp.models.tables.table_form import FormAnswer, TableForm
from webapp.models.tables.type_change import SpareColumn, TypeChange
from webapp.models.tables.webhook import Webhook, WebhookDelivery, WebhookEvent

__all__ = [
    "Action",
    "Actor",
    "ApiToken",
    "AuditEvent",
    "AuditSource",
    "Base",
    "Change",
    "ChangeSet",
    "ChangeSetPart",
    "Column",
    "EmailTaken",
    "Event",
    "FormAnswer",
    "IdempotencyKey",
    "Identity",
    "Import",
    "ImportSource",
    "ImportState",
    "ImportUpdate",
    "LargeChange",
    "LargeChangeLeft",
    "LargeChangePart",
    "LargeState",
    "Link",
    "Mail",
    "Member",
    "OneTimeToken",
    "Passkey",
    "Purpose",
    "RecoveryCode",
    "RegistrationClosed",
    "Role",
    "SavedView",
    "Scope",
    "Session",
    "SpareColumn",
    "Table",
    "TableForm",
    "TableInvitation",
    "TableRole",
    "TokenUnusable",
    "TypeChange",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "is_above",
    "is_allowed",
    "normalise_email",
    "utc_now",
]
