"""The command line: `rowcast serve|db|doctor|settings|inspect|import|export|table|user`; of servers `query|watch`."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from webapp.cli.configuration import load_settings, upgraded_settings
from webapp.cli.database import db
from webapp.cli.remote_commands import export_from, import_as_new, import_into, query, remote_of, table_argument, watch
from webapp.cli.table import table
from webapp.cli.terminal import (
    Commands,
    Progress,
    describe_changes,
    describe_report,
    ensure_regular,
    printable,
    to_json,
    whole_output,
)
from webapp.cli.user import user

if TYPE_CHECKING:
    from webapp.cli.export_command import Kind
    from webapp.cli.remote import Remote

# Each command imports its own dependencies: `rowcast inspect` should not wait for a web framework.

order_option = click.option(
    "--order",
    type=click.Choice(["dmy", "mdy", "ymd"]),
    help="Order of day and month where a file leaves it open.",
)


@click.group(cls=Commands)
@click.version_option(package_name="rowcast")
@click.option(
    "--server", metavar="URL", help="Ask this server, not the data folder here: import, export, query, watch."
)
@click.option(
    "--token",
    envvar="ROWCAST_TOKEN",
    metavar="TOKEN",
    help="Of your account there. Others on this machine can read a command line: better set ROWCAST_TOKEN.",
)
@click.option("--insecure", is_flag=True, help="Send the token unencrypted, to http:// on another machine.")
@click.pass_context
def main(context: click.Context, server: str | None, token: str | None, insecure: bool) -> None:
    """Rowcast turns files of rows into tables to search, sort, filter and export."""
    context.obj = remote_of(context, server, token, is_insecure=insecure)


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: 8000]")
@click.option("--reload", is_flag=True, help="Development: start again when the code changes.")
def serve(host: str | None, port: int | None, reload: bool) -> None:
    """Serve the application until SIGTERM or Ctrl-C."""
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    if reload:
        from webapp.reloading import serve_and_reload

        sys.exit(serve_and_reload(_serve, [f"--{name}={value}" for name, value in overrides.items()]))
    from webapp import server

    sys.exit(server.serve(load_settings(**overrides)))


def _serve(arguments: Sequence[str]) -> None:
    """`rowcast serve` in a freshly started process."""
    main(["serve", *arguments], prog_name="rowcast")


@main.command()
def doctor() -> None:
    """Compare this machine with what the server needs; exit 1 if something is missing."""
    from webapp.cli.doctor import checks

    found = list(checks(load_settings()))
    for check in found:
        click.echo(printable(str(check)))
    sys.exit(0 if all(check.is_good for check in found) else 1)


@main.command("settings")
@click.option("--format", "format_", type=click.Choice(["env", "markdown"]), default="env", show_default=True)
def describe_settings(format_: str) -> None:
    """Print every setting with its default and meaning: a file to copy to .env, or a table."""
    from webapp.cli.settings_command import as_env, as_markdown

    click.echo(as_env() if format_ == "env" else as_markdown(), nl=False)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=ensure_regular)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@order_option
def inspect(file: Path, as_json: bool, order: str | None) -> None:
    """Show what an import of FILE would detect, without importing it."""
    from webapp.db.database import Database
    from webapp.db.errors import UserError
    from webapp.imports.inspect_file import inspect_file
    from webapp.imports.report import ImportOverrides
    from webapp.rowstore import create_store

    limits = create_store(Database(load_settings())).limits
    try:
        with Progress(file.stat().st_size, "Reading") as advance, TemporaryDirectory() as folder:
            aside = Path(folder) / "rejected.csv"
            report = inspect_file(
                file, file.name, ImportOverrides(order=order), advance, aside, max_columns=limits.columns
            )
            rejected = _rejected(aside)
    except UserError as error:
        if not as_json:
            raise
        click.echo(to_json({"error": str(error)}))
        sys.exit(1)
    values = report.summary() | {"rejected": rejected}
    click.echo(to_json(values) if as_json else describe_report(report))


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=ensure_regular)
@click.option("--title", help="The table's title.  [default: the file's name]")
@click.option("--owner", "owner_email", help="Whose table it becomes.  [default: the first owner's]")
@order_option
@click.option("--into", type=click.IntRange(1, 2**63 - 1), metavar="TABLE", help="Update this table from FILE instead.")
@click.option("--mode", type=click.Choice(["update", "append", "replace"]), help="With --into: how its rows are used.")
@click.option("--key", "keys", multiple=True, help="With --into: the title of a key column; several times for more.")
@click.option("--missing", type=click.Choice(["keep", "mark", "delete"]), help="With --into: rows not in FILE.")
@click.option("--edits", type=click.Choice(["theirs", "file"]), help="With --into: what people edited stays, or not.")
@click.option("--allow-deletions", is_flag=True, help="With --into: also if most rows of the table are deleted.")
@click.option("--dry-run", is_flag=True, help="With --into: say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --into: print JSON.")
@click.pass_obj
def import_(
    remote: "Remote | None",
    /,
    file: Path,
    title: str | None,
    owner_email: str | None,
    order: str | None,
    into: int | None,
    dry_run: bool,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Import FILE as a new table and print the table's number; or update a table that exists."""
    if into is not None:
        if title or owner_email or order:
            raise click.UsageError("--title, --owner and --order are about a new table: leave them out, or --into.")
        if remote is not None:
            import_into(remote, file, into, dry_run=dry_run, as_json=as_json, **wanted)
            return
        _update(file, into, dry_run=dry_run, as_json=as_json, **wanted)
        return
    if dry_run or as_json or any(wanted.values()):
        options = "--mode, --key, --missing, --edits, --allow-deletions, --dry-run and --json"
        raise click.UsageError(f"{options} are about an existing table: name it with --into.")
    if remote is not None:
        if owner_email:
            raise click.UsageError("On a server the table belongs to whose token it is: leave out --owner.")
        import_as_new(remote, file, title, order)
        return
    from webapp.cli.import_command import import_file

    settings = upgraded_settings()
    with Progress(2 * file.stat().st_size, "Importing") as advance:
        table_id, email, owners = import_file(
            settings, file, title=title, owner_email=owner_email, order=order, progress=advance
        )
    if owners > 1:
        click.echo(f"It belongs to {email}, the first of {owners} owners; --owner chooses.", err=True)
    click.echo(table_id)


def _update(file: Path, table_id: int, *, dry_run: bool, as_json: bool, **wanted: Any) -> None:
    from webapp.cli.update_command import update_table

    settings = upgraded_settings()
    with Progress(2 * file.stat().st_size, "Importing") as advance:
        summary = update_table(settings, file, table_id, dry_run=dry_run, progress=advance, **wanted)
    click.echo(to_json(summary) if as_json else describe_changes(summary))


@main.command()
@table_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json", "ndjson", "xlsx", "original"]),
    default="csv",
    show_default=True,
    help="What to write; original is the uploaded file.",
)
@click.pass_obj
def export(remote: "Remote | None", table_id: int, format_: "Kind") -> None:
    """Write a table's rows, or the file it came from, to standard output."""
    if remote is not None:
        export_from(remote, table_id, format_)
        return
    from webapp.cli.export_command import export_table
    from webapp.db import migrations
    from webapp.db.copying import ensure_finished

    settings = load_settings()
    ensure_finished(settings)
    if migrations.current(settings) is None:
        raise click.ClickException(f"There is no database in {settings.data_dir}.")
    with whole_output() as output:
        blocks, rows = export_table(settings, table_id, format_)
        with Progress(rows, "Exporting") as advance:
            for block, done in blocks:
                output.write(block)
                advance(done, 0)


for command in (db, table, user, query, watch):
    main.add_command(command)


def _rejected(path: Path) -> list[dict[str, object]]:
    """Return all rejected rows: an inspection itself carries only the first ones."""
    limit = csv.field_size_limit(sys.maxsize)  # a cell with its undecodable bytes written out may exceed it
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            return [{"line": int(line), "reason": reason} for line, reason, *_ in rows]
    finally:
        csv.field_size_limit(limit)
