"""What the pages of waiting imports are told: their place in the queue, and that they have left it."""

import asyncio
from dataclasses import replace
from itertools import islice

from webapp.broker import Broker
from webapp.jobs.progress import Progress, initial_progress
from webapp.jobs.turns import Turns
from webapp.models import Import
from webapp.models.tables.import_model import import_topic

REPORT_EVERY = 0.3  # seconds
MAX_SHOWN = 200  # waiting imports whose pages are told of every change; others when they are loaded


class Places:
    """Of the imports in these turns. A change of the queue moves all places behind it: many are reported together."""

    def __init__(self, turns: Turns, broker: Broker) -> None:
        self._turns = turns
        self._broker = broker
        self._waiting: dict[str, Progress] = {}  # what pages show, without the place, until the first progress
        self._reporting: asyncio.TimerHandle | None = None
        self._is_closed = False

    def of(self, import_id: str) -> int | None:
        """From 1; None if it does not wait."""
        return self._turns.places().get(import_id)

    def expect(self, import_: Import) -> None:
        """It is about to wait for its turn."""
        self._waiting[import_.id] = initial_progress(import_)

    def forget(self, import_id: str) -> None:
        """Its page is told something newer."""
        self._waiting.pop(import_id, None)

    def report_soon(self) -> None:
        """After any change of the queue: a thousand in a row do not report a thousand queues."""
        if self._reporting is None and not self._is_closed:
            self._reporting = asyncio.get_running_loop().call_later(REPORT_EVERY, self._report)

    def close(self) -> None:
        self._is_closed = True
        if self._reporting is not None:
            self._reporting.cancel()

    def _report(self) -> None:
        self._reporting = None
        places = self._turns.places()
        for import_id in self._waiting.keys() - places.keys():
            progress = self._waiting.pop(import_id)
            if self._turns.is_at_work_on(import_id):  # otherwise it has been cancelled, or has ended already
                self._publish(progress)
        for import_id, place in islice(places.items(), MAX_SHOWN):
            if waiting := self._waiting.get(import_id):
                self._publish(replace(waiting, place=place))

    def _publish(self, progress: Progress) -> None:
        self._broker.publish(import_topic(progress.import_id), progress, key="progress")
