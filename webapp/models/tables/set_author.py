"""Who made a change set, in words."""

from sqlalchemy import ColumnElement, case, func

from webapp.models.accounts.user import User
from webapp.models.tables.change_set import ChangeSet

# Where `User` is joined to the set: a person, or a visitor; NULL if the account is gone.
AUTHOR_NAME: ColumnElement[str | None] = func.coalesce(
    func.nullif(User.name, ""),
    User.email,
    func.nullif(ChangeSet.author, ""),
    case((ChangeSet.link_name != "", "a visitor via link “" + ChangeSet.link_name + "”")),
)
