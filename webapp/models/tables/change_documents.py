"""What programs are told of the change log, asked for, as a stream or by a webhook: each set as a JSON object.

    {"seq": 17, "kind": "cells", "by": {"id": 2, "name": "eve"},
     "cells": [{"row": 3, "column": 2, "text": "2"}],  # null: it is long; read the row
     "added": [9], "deleted": [4],                     # ids of rows
     "columns": [3],                                   # numbers of columns that were added, changed or deleted
     "title": null,                                    # of the table, if it was renamed
     "extent": null}                                   # of a set too large to be listed: what lies between may be other

A column in a cell may have been deleted since. Texts are as the column writes them, so that numbers have all their
digits; what type a column has is told with the table. Webhooks add fields to these (`told_changes`).
"""

from typing import Any

from webapp.models.tables.change_feed import Author, LoggedSet
from webapp.rowstore.page_budget import MAX_CELL


def change_document(logged: LoggedSet, longest: int | None = MAX_CELL) -> dict[str, Any]:
    """Texts of cells that are longer than `longest` are left out; None: they are there in whole."""
    return {
        "seq": logged.seq,
        "kind": logged.kind,
        "by": _by(logged.author),
        "cells": [
            {"row": row_id, "column": number, "text": text if longest is None or len(text) <= longest else None}
            for row_id, number, text in logged.cells
        ],
        "added": logged.added,
        "deleted": logged.deleted,
        "columns": logged.columns,
        "title": logged.title,
        "extent": _extent(logged),
    }


def _by(author: Author) -> dict[str, Any]:
    """Only people have ids: who came by a link has a name here."""
    return {"id": author.id if author.id is not None and author.id > 0 else None, "name": author.name}


def _extent(logged: LoggedSet) -> dict[str, Any] | None:
    if logged.extent is None:
        return None
    first, last, count = logged.extent
    return {"first": first, "last": last, "rows": count, "columns": list(logged.touched)}
