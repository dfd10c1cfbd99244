"""What the commands have in common: errors as messages, progress on a terminal, results in aligned columns."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from webapp.imports.report import InspectionReport


class Commands(click.Group):
    """A full disk or an unreadable file ends a command with a message, like a `UserError`."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise  # click ends quietly then
        except OSError as error:
            raise click.ClickException(f"{error.strerror or error}.") from error


def regular(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """For an argument whose file is read more than once: refuses a pipe before anything is done."""
    if not path.is_file():
        raise click.BadParameter("It is read more than once, so it has to be a file and not a pipe. Save it first.")
    return path


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


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """One line per row; nothing if there are no rows."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()


def in_words(found: "InspectionReport") -> str:
    lines = [
        f"{found.rows:,} rows, {len(found.columns)} columns, {found.rejected_count:,} rows kept aside",
        f"encoding   {found.encoding}: {found.encoding_reason}",
    ]
    if found.delimiter:
        lines.append(f"delimiter  {found.delimiter!r}: {found.delimiter_reason}")
    lines += [f"header     {'yes' if found.header else 'no'}: {found.header_reason}", ""]
    wide = min(40, max((len(column.title) for column in found.columns), default=0))
    lines += [f"  {column.title[:40]:<{wide}}  {column.type:<9}{column.reason}" for column in found.columns]
    lines += [f"  line {reject.line}: {reject.reason}" for reject in found.rejected[:10]]
    return "\n".join(lines)
