"""The application with faults in the middle of a change, which files in the data folder switch on."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from settings import Settings
from webapp import create_app
from webapp.extensions import broker, db
from webapp.models.tables import pasting
from webapp.web.application import Application


def dying(settings: Settings) -> Application:
    """Killed while it changes a table: with `die-committed` between the commit and what is published about it, with
    `die-recorded` when all of a paste is in the transaction, before the commit.
    """
    app = create_app(settings)
    inner, record = broker.of(app), pasting.record

    class Dying:
        def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
            die_if(settings.data_dir / "die-committed")
            inner.publish(topic, event, key=key)

    def record_and_die(*args: Any, **kwargs: Any) -> int:
        seq = record(*args, **kwargs)
        die_if(settings.data_dir / "die-recorded")
        return seq

    db.of(app).broker = Dying()
    pasting.record = record_and_die
    return app


def held_paste(settings: Settings) -> Application:
    """A paste that lasts: all of it is in the transaction and `recorded` is there, but it is committed only once `go`
    is.
    """
    app = create_app(settings)
    record = pasting.record

    def record_and_wait(*args: Any, **kwargs: Any) -> int:
        seq = record(*args, **kwargs)
        (settings.data_dir / "recorded").touch()
        while not (settings.data_dir / "go").exists():
            time.sleep(0.01)
        return seq

    pasting.record = record_and_wait
    return app


def die_if(path: Path) -> None:
    if path.exists():
        os.kill(os.getpid(), signal.SIGKILL)
