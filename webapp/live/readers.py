"""Who may still read: the sign-ins and tokens of many streams, checked with a statement for each kind."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, bindparam, select

from webapp.models import ApiToken, User, utc_now
from webapp.models.accounts.api_token import IS_USABLE
from webapp.models.accounts.session import IS_ACTIVE, Session, SessionLimits

_BATCH = 5_000  # ids of one statement


def active_sessions(connection: Connection, ids: Iterable[int], limits: SessionLimits) -> set[int]:
    """Those of these sign-ins that have not ended, of accounts that are active."""
    left, parameters = sorted(set(ids)), Session.active_parameters(limits)
    found = set[int]()
    for start in range(0, len(left), _BATCH):
        found.update(connection.scalars(_ACTIVE, {**parameters, "ids": left[start : start + _BATCH]}))
    return found


def usable_tokens(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of these API tokens that have neither been revoked nor expired, of accounts that are active."""
    left, found = sorted(set(ids)), set[int]()
    for start in range(0, len(left), _BATCH):
        found.update(connection.scalars(_USABLE, {"now": utc_now(), "ids": left[start : start + _BATCH]}))
    return found


_USABLE = (
    select(ApiToken.id)
    .join(User, and_(User.id == ApiToken.user_id, User.is_active))
    .where(ApiToken.id.in_(bindparam("ids", expanding=True)), IS_USABLE)
)
_ACTIVE = (
    select(Session.id)
    .join(User, User.id == Session.user_id)
    .where(Session.id.in_(bindparam("ids", expanding=True)), IS_ACTIVE)
)
