"""By what a plan has judged texts: the type and the rules of each column that it writes into.

Others may change these between the plan and its being applied. Its texts are not judged again, so a plan is made for
the columns as they were: it carries a fingerprint of each, and is refused where one is another.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from webapp.models.tables.table import Column

ARGUMENT: Final = "judged"  # of a planner
_DIGITS = 16  # of a fingerprint


def judged_columns(columns: Sequence[Column], numbers: Collection[int]) -> dict[str, Any]:
    """The argument of a planner whose texts are judged, by name: the fingerprints of the columns with these numbers."""
    return {ARGUMENT: {str(column.number): _fingerprint(column) for column in columns if column.number in numbers}}


def judged_otherwise(arguments: Mapping[str, Any], columns: Sequence[Column]) -> str | None:
    """The title of a column that has another type or other rules than a plan with these `arguments` was made for; None
    if there is none. A column that is gone has none to be broken: what is planned for it is left.
    """
    judged = arguments.get(ARGUMENT, {})
    changed = (one.title for one in columns if judged.get(str(one.number), _fingerprint(one)) != _fingerprint(one))
    return next(changed, None)


def _fingerprint(column: Column) -> str:
    known = [column.type, dict(column.format), dict(column.rules)]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:_DIGITS]
