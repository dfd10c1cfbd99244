"""The audit log's wording: what each event says to its readers."""

from collections.abc import Mapping
from typing import Any

from webapp.models import Event

EVENTS = {
    Event.REGISTERED: "Made an account",
    Event.VERIFIED: "Verified the address",
    Event.PROFILE_CHANGED: "Changed the profile",
    Event.EMAIL_CHANGE_ASKED: "Asked for another address",
    Event.EMAIL_CHANGED: "Changed the address",
    Event.EXPORTED: "Exported their own data",
    Event.DELETED: "Deleted the account",
    Event.SIGNED_IN: "Signed in",
    Event.SIGN_IN_FAILED: "Was refused a sign-in",
    Event.CONFIRMED: "Confirmed who they are",
    Event.SIGNED_OUT: "Signed out",
    Event.ALL_SIGNED_OUT: "Ended sign-ins",
    Event.THROTTLED: "Was made to wait after too many tries",
    Event.PASSWORD_CHANGED: "Changed the password",
    Event.RESET_ASKED: "Asked for a new password",
    Event.PASSWORD_RESET: "Reset the password",
    Event.FACTOR_ADDED: "Added a second factor",
    Event.FACTOR_REMOVED: "Removed the second factor",
    Event.RECOVERY_CODE_USED: "Used a recovery code",
    Event.RECOVERY_CODES_MADE: "Made new recovery codes",
    Event.PASSKEY_ADDED: "Added a passkey",
    Event.PASSKEY_REMOVED: "Removed a passkey",
    Event.TOKEN_MADE: "Made an API token",
    Event.TOKEN_REVOKED: "Revoked an API token",
    Event.INVITED: "Invited",
    Event.INVITATION_WITHDRAWN: "Withdrew an invitation",
    Event.ADDED: "Added a person",
    Event.CHANGED: "Changed a person",
    Event.ROLE_CHANGED: "Changed a role",
    Event.ACTIVATED: "Activated an account",
    Event.DEACTIVATED: "Deactivated an account",
    Event.REMOVED: "Removed a person",
    Event.LINK_COPIED: "Copied the link of a mail",
    Event.AUDIT_EXPORTED: "Exported the audit log",
    Event.JOB_RETRIED: "Had work done again",
    Event.REFUSED: "Was refused",
}
GROUPS = {
    "session": "Sign-ins",
    "account": "Accounts",
    "password": "Passwords",
    "second_factor": "Second factors",
    "recovery_code": "Recovery codes",
    "passkey": "Passkeys",
    "token": "API tokens",
    "person": "People",
    "mail": "Mails",
    "audit": "Audit log",
    "job": "Background work",
    "access": "Refusals",
}
NEW_VALUES = ("role", "name", "email")  # details that stand after the arrow


def describe_event(event: str) -> str:
    """Also for events written by a later version."""
    try:
        return EVENTS[Event(event)]
    except ValueError:
        return event


def describe_details(details: Mapping[str, Any]) -> str:
    """Such as "member → administrator", "sessions: 2"."""
    remaining = dict(details)
    parts = []
    if "before" in remaining:
        before = remaining.pop("before")
        after = next((remaining.pop(name) for name in NEW_VALUES if name in remaining), None)
        parts.append(f"{before} → {after}" if after else f"before: {before}")
    filled = {name.replace("_", " "): value for name, value in remaining.items() if value not in (None, "", [])}
    parts += [f"{name}: {_plain(value)}" for name, value in filled.items()]
    return ", ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
