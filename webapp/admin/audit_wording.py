"""The audit log's wording: what each event says to its readers."""

from collections.abc import Mapping
from typing import Any

from webapp.models import Event

EVENTS = {
    Event.REGISTERED: "Created an account",
    Event.VERIFIED: "Verified the address",
    Event.PROFILE_CHANGED: "Changed the profile",
    Event.EMAIL_CHANGE_ASKED: "Requested a change of address",
    Event.EMAIL_CHANGE_WITHDRAWN: "Withdrew the change of address",
    Event.EMAIL_CHANGED: "Changed the address",
    Event.EXPORTED: "Exported their own data",
    Event.DELETED: "Deleted the account",
    Event.SIGNED_IN: "Signed in",
    Event.SIGN_IN_FAILED: "Failed to sign in",
    Event.CONFIRMED: "Confirmed their identity",
    Event.SIGNED_OUT: "Signed out",
    Event.ALL_SIGNED_OUT: "Ended sign-ins",
    Event.RATE_LIMITED: "Was rate-limited after too many attempts",
    Event.PASSWORD_CHANGED: "Changed the password",
    Event.PASSWORD_REFUSED: "Entered a wrong current password",
    Event.RESET_ASKED: "Requested a password reset",
    Event.PASSWORD_RESET: "Reset the password",
    Event.FACTOR_ADDED: "Turned on two-factor authentication",
    Event.FACTOR_REPLACED: "Replaced the authenticator app",
    Event.FACTOR_REMOVED: "Turned off two-factor authentication",
    Event.FACTOR_REFUSED: "Entered a wrong two-factor code",
    Event.RECOVERY_CODE_USED: "Used a recovery code",
    Event.RECOVERY_CODES_MADE: "Created new recovery codes",
    Event.PASSKEY_ADDED: "Added a passkey",
    Event.PASSKEY_REFUSED: "Was refused a new passkey",
    Event.PASSKEY_RENAMED: "Renamed a passkey",
    Event.PASSKEY_REMOVED: "Removed a passkey",
    Event.IDENTITY_ADDED: "Linked a sign-in by the provider",
    Event.IDENTITY_REMOVED: "Removed a sign-in by the provider",
    Event.TOKEN_MADE: "Created an API token",
    Event.TOKEN_REVOKED: "Revoked an API token",
    Event.TOKEN_REFUSED: "Used an API token that does not work",
    Event.INVITED: "Invited",
    Event.INVITATION_WITHDRAWN: "Withdrew an invitation",
    Event.ADDED: "Added a person",
    Event.CHANGED: "Changed a person",
    Event.ROLE_CHANGED: "Changed a role",
    Event.ACTIVATED: "Activated an account",
    Event.DEACTIVATED: "Deactivated an account",
    Event.REMOVED: "Removed a person",
    Event.MEMBER_ADDED: "New member of a table",
    Event.MEMBER_CHANGED: "Changed what a member of a table may do",
    Event.MEMBER_REMOVED: "Removed a member of a table",
    Event.MEMBER_LEFT: "Left a table",
    Event.MEMBER_INVITED: "Invited to a table",
    Event.MEMBER_UNINVITED: "Withdrew an invitation to a table",
    Event.HANDED_OVER: "Handed a table over",
    Event.FORM_MADE: "Made a form of a table",
    Event.FORM_SWITCHED: "Switched a form of a table on or off",
    Event.FORM_RENEWED: "Gave a form of a table a new address",
    Event.FORM_DELETED: "Deleted a form of a table",
    Event.FORM_RESTORED: "Restored a form of a table",
    Event.TABLE_LINK_MADE: "Made a link to a table",
    Event.TABLE_LINK_CHANGED: "Changed a link to a table",
    Event.TABLE_LINK_REVOKED: "Revoked a link to a table",
    Event.WEBHOOK_MADE: "Made a webhook of a table",
    Event.WEBHOOK_CHANGED: "Changed a webhook of a table",
    Event.WEBHOOK_SWITCHED: "Switched a webhook of a table on or off",
    Event.WEBHOOK_ROTATED: "Replaced the secret of a webhook",
    Event.WEBHOOK_REPLAYED: "Had a webhook send changes again",
    Event.WEBHOOK_STOPPED: "Switched a webhook off by itself",
    Event.WEBHOOK_DELETED: "Deleted a webhook of a table",
    Event.LINK_REFUSED: "Opened a link that does not work",
    Event.LINK_COPIED: "Copied the link of a mail",
    Event.AUDIT_EXPORTED: "Exported the audit log",
    Event.JOB_RETRIED: "Retried a background job",
    Event.REFUSED: "Was denied access",
    Event.CROSS_SITE: "Sent a request that came from another site",
}
GROUPS = {
    "session": "Sign-ins",
    "account": "Accounts",
    "password": "Passwords",
    "second_factor": "Two-factor authentication",
    "recovery_code": "Recovery codes",
    "passkey": "Passkeys",
    "identity": "Single sign-on",
    "token": "API tokens",
    "person": "People",
    "table": "Sharing of tables",
    "mail": "Mail",
    "link": "Links",
    "audit": "Audit log",
    "job": "Background jobs",
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
