"""What the commands have in common: errors as messages, progress on a terminal, results in aligned columns."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from webapp.db.errors import UserError

if TYPE_CHECKING:
    from webapp.imports.report import InspectionReport


ALLOW = "--allow-deletions"


class Commands(click.Group):
    """A `UserError`, a full disk or an unreadable file ends a command with a message."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise  # click ends quietly then
        except UserError as error:
            raise click.ClickException(printable(str(error))) from error
        except OSError as error:
            raise click.ClickException(printable(f"{error.strerror or error}.")) from error


def ensure_regular(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """For an argument whose file is read more than once: refuses a pipe before anything is done."""
    if not path.is_file():
        raise click.BadParameter("It is read more than once, so it has to be a file and not a pipe. Save it first.")
    return path


@contextmanager
def whole_output() -> Iterator[BinaryIO]:
    """Standard output, for bytes: the command fails if they are not all written."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()  # the reader has closed the pipe, as `head` does; that is no error
        sys.exit(1)


class Progress:
    """A progress bar on a terminal's standard error, nothing elsewhere."""

    def __init__(self, total: int, label: str) -> None:
        self.bar = click.progressbar(length=max(total, 1), label=label, file=sys.stderr)
        self.is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Callable[[int, int], None]:
        if self.is_terminal:
            self.bar.__enter__()
        return self.advance

    def advance(self, done: int, _rows: int) -> None:
        if self.is_terminal:
            self.bar.update(done - self.bar.pos)

    def __exit__(self, *exc: object) -> None:
        if self.is_terminal:
            self.bar.render_finish()


class Steps:
    """Such bars one below the other, for a command that does one thing after another."""

    def __init__(self) -> None:
        self._current = ExitStack()

    def __enter__(self) -> Callable[[str, int], Callable[[int, int], None]]:
        return self.begin

    def begin(self, label: str, total: int) -> Callable[[int, int], None]:
        """The step before has ended."""
        self._current.close()
        return self._current.enter_context(Progress(total, label))

    def __exit__(self, *exc: object) -> None:
        self._current.close()


def printable(text: str) -> str:
    """With what could command the terminal, or reorder the text around it, written as an escape; lines stay lines."""
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)


def to_json(data: object) -> str:
    """JSON that holds nothing that could command a terminal: the escapes are those of JSON."""
    text = json.dumps(data, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def align_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """One line per row, printable; nothing if there are no rows."""
    rows = [[printable(" ".join(cell.splitlines())) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def describe_changes(summary: Mapping[str, Any]) -> str:
    """Of a file for a table: what it changed, or would."""
    counts = [f"{summary[name]:,} {name}" for name in ("added", "changed", "removed", "marked", "same")]
    refused = sum(summary["refused"].values())
    conflicts = sum(count for kind, count in summary["conflicts"].items() if kind != "both")
    notes = [f"{refused:,} rows without a usable key"] * bool(refused)
    notes += [f"{conflicts:,} edits in conflict"] * bool(conflicts)
    if summary["loses_most"] or 2 * summary["removed"] > summary["table_rows"]:
        needed = f", which needs {ALLOW}" if summary["dry_run"] and summary["loses_most"] else ""
        notes += [f"most of the table's {summary['table_rows']:,} rows deleted{needed}"]
    return ("Would be: " if summary["dry_run"] else "") + ", ".join([*counts, *notes])


def describe_report(report: "InspectionReport") -> str:
    lines = [
        f"{report.rows:,} rows, {len(report.columns)} columns, {report.rejected_count:,} rows rejected",
        f"encoding   {report.encoding}: {report.encoding_reason}",
    ]
    if report.delimiter:
        lines.append(f"delimiter  {report.delimiter!r}: {report.delimiter_reason}")
    lines += [f"header     {'yes' if report.header else 'no'}: {report.header_reason}", ""]
    lines[1:1] = [report.account] if report.account else []
    for note in report.notes:
        lines.append(f"note       {note.text}")
        lines += [f"  line {line}: {text}" if line else f"  {text}" for line, text in note.lines[:3]]
    title_width = min(40, max((len(column.title) for column in report.columns), default=0))
    lines += [f"  {column.title[:40]:<{title_width}}  {column.type:<9}{column.reason}" for column in report.columns]
    lines += [f"  line {reject.line}: {reject.reason}" for reject in report.rejected[:10]]
    return printable("\n".join(lines))
