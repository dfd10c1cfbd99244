"""How far a command is, for who watches it."""

import sys
from collections.abc import Callable

import click


class Progress:
    """A progress bar on a terminal's standard error, nothing elsewhere."""

    def __init__(self, total: int, label: str) -> None:
        self.bar = click.progressbar(length=max(total, 1), label=label, file=sys.stderr)
        self.shown = sys.stderr.isatty()

    def __enter__(self) -> Callable[[int, int], None]:
        if self.shown:
            self.bar.__enter__()
        return self.advance

    def advance(self, done: int, _rows: int) -> None:
        if self.shown:
            self.bar.update(done - self.bar.pos)

    def __exit__(self, *exc: object) -> None:
        if self.shown:
            self.bar.render_finish()
