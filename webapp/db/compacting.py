"""Writing the database anew, as small as can be: once at an upgrade, and by a command."""

import logging
from dataclasses import dataclass

from settings import Settings
from webapp.db.sqlite import database_file
from webapp.db.sqlite_space import CannotCompact, is_shrinkable, make_shrinkable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compacted:
    before: int  # bytes
    after: int
    seconds: float


def compact(settings: Settings) -> Compacted:
    """Nobody else may use the database meanwhile. Raises `CannotCompact`."""
    path = database_file(settings.sqlalchemy_url)
    if not path.exists():
        raise CannotCompact("There is no database yet.")
    before = path.stat().st_size
    seconds = make_shrinkable(path)
    return Compacted(before, path.stat().st_size, seconds)


def compact_once(settings: Settings) -> None:
    """A file from before it could give disk space back, if there is room for that; else its owner is told."""
    if is_shrinkable(database_file(settings.sqlalchemy_url)):
        return
    try:
        done = compact(settings)
    except CannotCompact as error:
        logger.warning("The database does not shrink when tables are deleted. %s Try: rowcast db compact", error)
    else:
        logger.info("The database was written anew in %.1f s: from now on it shrinks", done.seconds)
