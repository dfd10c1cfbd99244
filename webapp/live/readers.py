"""Who may still read: the sign-ins of many streams, checked with one statement."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from webapp.models import User
from webapp.models.accounts.session import IS_ACTIVE, Session, SessionLimits

_BATCH = 5_000  # ids of one statement


def active_sessions(connection: Connection, ids: Iterable[int], limits: SessionLimits) -> set[int]:
    """Those of these sign-ins that have not ended, of accounts that are active."""
    left, parameters = sorted(set(ids)), Session.active_parameters(limits)
    found = set[int]()
    for start in range(0, len(left), _BATCH):
        found.update(connection.scalars(_ACTIVE, {**parameters, "ids": left[start : start + _BATCH]}))
    return found


_ACTIVE = (
    select(Session.id)
    .join(User, User.id == Session.user_id)
    .where(Session.id.in_(bindparam("ids", expanding=True)), IS_ACTIVE)
)
