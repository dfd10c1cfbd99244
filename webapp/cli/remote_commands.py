"""The commands that need another server: `rowcast --server URL query|watch`."""

from typing import TYPE_CHECKING, Any

import click

from webapp.cli.terminal import Progress, describe_changes, printable, to_json, whole_output

if TYPE_CHECKING:
    from pathlib import Path

    from webapp.cli.remote import Remote
    from webapp.cli.remote_rows import Format

REMOTE = ("export", "import", "query", "watch")  # the commands that know what to do with a server

table_argument = click.argument("table_id", metavar="TABLE", type=click.IntRange(1, 2**63 - 1))


def remote_of(context: click.Context, address: str | None, token: str | None, *, is_insecure: bool) -> "Remote | None":
    """The server that the command line names. Raises UsageError, and UserError."""
    if address is None:
        if is_insecure or context.get_parameter_source("token") is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--token and --insecure are about a server: name it with --server.")
        return None
    if (command := context.invoked_subcommand) not in REMOTE:
        raise click.UsageError(f"{command} works on the data folder of this machine: leave out --server.")
    from webapp.cli.remote import Remote

    return Remote.of(address, token, is_insecure=is_insecure)


def _required(context: click.Context) -> "Remote":
    remote: Remote | None = context.obj
    if remote is None:
        raise click.UsageError(f"rowcast --server URL {context.info_name}: it asks a server, which you have to name.")
    return remote


@click.command()
@table_argument
@click.option("--filter", "filters", multiple=True, metavar="COLUMN=OP:VALUE", help="Such as 'Moons=ge:10'; several.")
@click.option("--search", default="", metavar="WORDS", help="Only rows that contain these words.")
@click.option("--sort", multiple=True, metavar="[-]COLUMN", help="Order by it, descending with a minus; several.")
@click.option("--fields", multiple=True, metavar="COLUMN", help="Only this column; once for each.")
@click.option("--names", type=click.Choice(["title", "number"]), default="title", help="What columns are named by.")
@click.option("--values", type=click.Choice(["typed", "strings", "text"]), default="typed", help="Of JSON: its cells.")
@click.option("--format", "format_", type=click.Choice(["csv", "ndjson", "json"]), default="csv", show_default=True)
@click.pass_context
def query(context: click.Context, /, table_id: int, format_: "Format", names: str, **asked: Any) -> None:
    """Write the rows of a table on a server that match, to standard output."""
    from webapp.cli.remote_rows import RowsAsked, query_rows

    with _required(context).open() as server, whole_output() as output:
        for block in query_rows(server, table_id, RowsAsked(**asked, by_number=names == "number"), format_):
            output.write(block)


@click.command()
@table_argument
@click.option("--after", type=click.IntRange(0, 2**63 - 1), help="Begin after this change.  [default: now]")
@click.pass_context
def watch(context: click.Context, table_id: int, after: int | None) -> None:
    """Write each change of a table on a server, as a line of JSON, until it is stopped."""
    from webapp.cli.watch import Follower

    with _required(context).open() as server, whole_output() as output:
        for line in Follower(server, table_id, after, lambda text: click.echo(printable(text), err=True)).changes():
            output.write(line + b"\n")
            output.flush()


def import_into(remote: "Remote", file: "Path", table_id: int, *, dry_run: bool, as_json: bool, **wanted: Any) -> None:
    """`rowcast --server URL import --into`."""
    from webapp.cli.remote_import import PASSES, RemoteImport

    allow = "true" if wanted.pop("allow_deletions") else None
    parameters = {"key": tuple(wanted.pop("keys")), "allow_deletions": allow, **wanted}
    with remote.open() as server, Progress(PASSES * file.stat().st_size, "Importing") as advance:
        summary = RemoteImport(server, file, advance).into(table_id, is_dry=dry_run, wanted=parameters)
    click.echo(to_json(summary) if as_json else describe_changes(summary))


def import_as_new(remote: "Remote", file: "Path", title: str | None, order: str | None) -> None:
    """`rowcast --server URL import`."""
    from webapp.cli.remote_import import PASSES, RemoteImport

    with remote.open() as server, Progress(PASSES * file.stat().st_size, "Importing") as advance:
        table_id = RemoteImport(server, file, advance).as_new(title, order)
    click.echo(table_id)


def export_from(remote: "Remote", table_id: int, format_: str) -> None:
    """`rowcast --server URL export`."""
    from webapp.cli.remote_rows import EXPORTS, export_file

    if format_ not in EXPORTS:
        raise click.UsageError(f"A server exports {', '.join(EXPORTS)}; the uploaded file is on its own machine.")
    with remote.open() as server, whole_output() as output:
        for block in export_file(server, table_id, format_):
            output.write(block)
