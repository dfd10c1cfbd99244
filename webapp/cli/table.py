"""`rowcast table`: all tables in one portable file, and back from it."""

from pathlib import Path

import click

from webapp.cli.configuration import load_settings
from webapp.cli.terminal import Progress, Steps, printable

# As in `main.py`, each command imports its own dependencies.


@click.group()
def table() -> None:
    """Carry tables from one installation to another."""


@table.command("export-all")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def export_all_tables(file: Path, force: bool) -> None:
    """Write all tables to FILE, a ZIP file: each as CSV, with its columns, row numbers, history, saved views, members
    by address, and what its links and forms are. A server may be running.

    Not in it are tables in the trash and deleted columns, uploaded files, accounts, passwords, tokens, the addresses of
    links and forms, webhooks, and settings. For all of that make a backup: rowcast db backup.
    """
    from webapp.copies.exporting import export_all

    settings = load_settings()
    with Progress(_size(settings.data_dir), "Writing") as advance:
        done = export_all(settings, file, force=force, progress=advance)
    click.echo(f"{file} has {done.tables:,} tables with {done.rows:,} rows.")
    for title in done.left_out:
        click.echo(printable(f"left out, because it is being changed: {title}"), err=True)


@table.command("import-all")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", "owner_email", required=True, metavar="EMAIL", help="Whose tables they become.")
def import_all_tables(file: Path, owner_email: str) -> None:
    """Take in all tables of FILE, each under a new number; the server must not run.

    Members get their part if they have an account here, and are listed if not. Authors of changes are names. Links get
    new addresses, forms too, and are switched off; links with a password are left out.
    """
    from webapp.copies.importing import import_all

    settings = load_settings()
    with Steps() as begin:
        tables = import_all(settings, file, owner_email, begin)
    for imported in tables:
        click.echo(printable(f"{imported.id}: {imported.title}, {imported.rows:,} rows"))
        for note in imported.notes:
            click.echo(printable(f"  not taken in: {note}"), err=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
