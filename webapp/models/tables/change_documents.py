"""What programs are told of the change log: each set as a JSON object, without what pages need besides.

    {"seq": 17, "kind": "cells", "by": {"id": 2, "name": "eve"},
     "cells": [{"row": 3, "column": 2, "text": "2"}],  # null: it is long; read the row
     "added": [9], "deleted": [4],                     # ids of rows
     "columns": [3],                                   # numbers of columns that were added, changed or deleted
     "title": null,                                    # of the table, if it was renamed
     "extent": null}                                   # of a set too large to be listed: what lies between may be other

A column in a cell may have been deleted since.
"""

from typing import Any

from webapp.models.tables.change_feed import LoggedSet
from webapp.rowstore.page_budget import MAX_CELL


def change_document(logged: LoggedSet) -> dict[str, Any]:
    return {
        "seq": logged.seq,
        "kind": logged.kind,
        "by": {"id": logged.author.id, "name": logged.author.name},
        "cells": [
            {"row": row_id, "column": number, "text": text if len(text) <= MAX_CELL else None}
            for row_id, number, text in logged.cells
        ],
        "added": logged.added,
        "deleted": logged.deleted,
        "columns": logged.columns,
        "title": logged.title,
        "extent": _extent(logged),
    }


def _extent(logged: LoggedSet) -> dict[str, Any] | None:
    if logged.extent is None:
        return None
    first, last, count = logged.extent
    return {"first": first, "last": last, "rows": count, "columns": list(logged.touched)}
