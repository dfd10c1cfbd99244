"""Pass 2: loads the rows of the file into the table, committing its cursor together with the rows it counts.

`kill -9` at any moment loses at most one uncommitted batch; resuming means reading the cursor and skipping that many
rows of the file, whose order never changes.
"""

from collections.abc import Callable
from pathlib import Path

from webapp.formats import ReadOptions, open_source
from webapp.imports.requests import DraftRequest, ImportFolder, LoadRequest, Progress
from webapp.rowstore import open_loader
from webapp.rowstore.loader import Appender, ImportWithdrawn

# Rows parsed at a time, about one batch: while they are parsed, others can write.
READ_AHEAD = 2_000


def load(request: LoadRequest, progress: Progress) -> int:
    """Load the remaining rows; return how many are in the table then, or 0 if the import was withdrawn."""
    with open_loader(request.address) as loader:
        return _copy(request, lambda: loader.appender(request.table, request.positions, request.import_id), progress)


def load_draft(request: DraftRequest, progress: Progress) -> int:
    """Load the remaining rows into the draft; return how many are in it then, or 0 if somebody has decided."""
    with open_loader(request.address) as loader:
        return _copy(request, lambda: loader.draft_appender(request.table, request.positions, request.draft), progress)


def _copy(request: LoadRequest | DraftRequest, begin: Callable[[], Appender], progress: Progress) -> int:
    try:
        appender = begin()
        source = open_source(ImportFolder(Path(request.folder)).original, ReadOptions(**request.options))
        skip = appender.done
        for batch in source.batches(READ_AHEAD):
            if skip >= len(batch.rows):
                skip -= len(batch.rows)
                continue
            for done in appender.append(batch.rows[skip:] if skip else batch.rows):
                progress(batch.bytes_read, done)
            skip = 0
        appender.finish()
        return appender.done
    except ImportWithdrawn:
        return 0
