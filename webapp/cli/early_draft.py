"""Pass 2 beside pass 1, for the command line: nobody else waits for the other core."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.companions import fit_into
from webapp.imports.drafts import Draft
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.jobs import JobContext
from webapp.jobs.context import draft_of
from webapp.jobs.import_drafts import drop_drafts, drop_old_drafts, is_disk_free, make_draft
from webapp.models import Import

MIN_SIZE = 20_000_000  # bytes of a file; pass 1 of a smaller one is nearly over when a further process has started


class EarlyDraft:
    """The rows of one import, loaded with what pass 1 believes after its first rows, while it reads the others.

    A wrong guess costs time of the processor and nothing else: what the whole file says decides. `advance` is told the
    bytes of two passes and the rows, once pass 1 is over.
    """

    def __init__(self, context: JobContext, overrides: ImportOverrides, advance: Callable[[int, int], None]) -> None:
        self._context, self._overrides, self._advance = context, overrides, advance
        self._draft: Draft | None = None
        self._making: asyncio.Task[None] | None = None
        self._size = 0  # bytes of the file, once pass 1 is over
        context.on_guess = self._begin

    async def settle(self, import_: Import) -> None:
        """Pass 1 is complete: wait for the rows if it was right, else remove them."""
        if self._making is None:
            return
        if self._draft and self._of(import_.id, import_.inspection or {}).name == self._draft.name:
            self._size = import_.size
            await self._making
        else:
            self._context.stop_child(draft_of(import_.id))
            await self._making
            await drop_drafts(self._context, import_.id)

    async def stop(self) -> None:
        """The import has failed: nothing works on it any more, and rows that no import wants are gone, also if this
        interrupts their removal.
        """
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
            with suppress(UserError):  # why the import failed is worth more; a server that starts removes them
                await drop_old_drafts(self._context)

    def _begin(self, import_: Import, guess: dict[str, Any]) -> None:
        """Pass 1 may be begun again, and guesses again."""
        if self._making is None and import_.size >= MIN_SIZE:
            self._draft = self._of(import_.id, guess)
            self._making = asyncio.create_task(self._make(import_.id, self._draft))

    async def _make(self, import_id: str, draft: Draft) -> None:
        if await asyncio.to_thread(is_disk_free, self._context.folder(import_id)):
            await make_draft(self._context, import_id, draft, self._report)

    def _report(self, progress: dict[str, Any]) -> None:
        if self._size:
            self._advance(self._size + progress["bytes"], progress["rows"])

    def _of(self, import_id: str, inspection: dict[str, Any]) -> Draft:
        report = InspectionReport.from_json(inspection)
        final = report.with_overrides(self._overrides) or report
        return Draft.of(import_id, fit_into(final, self._context.rows.limits.columns))
