"""`rowcast db`: the commands that manage the whole database."""

from pathlib import Path

import click

from webapp.cli.configuration import load_settings
from webapp.cli.terminal import Progress, Steps

# As in `main.py`, each command imports its own dependencies.


@click.group()
def db() -> None:
    """Manage the database."""


@db.command()
def upgrade() -> None:
    """Upgrade the database to this version."""
    from webapp.db import migrations

    migrations.upgrade(load_settings())
    click.echo(f"The database is at revision {migrations.current(load_settings())}.")


@db.command()
def current() -> None:
    """Print the database's revision."""
    from webapp.db import migrations

    click.echo(migrations.current(load_settings()) or "none")


@db.command("compact")
def compact_database() -> None:
    """Write the database anew, as small as can be; the server must not run."""
    from webapp.db.systems import system_of
    from webapp.leader import FileLeader

    settings = load_settings()
    with FileLeader(settings.data_dir).leading():
        done = system_of(settings).compact()
    before, after = (f"{size / 2**20:,.1f} MB" for size in (done.before, done.after))
    click.echo(f"The database had {before} and has {after} now. It took {done.seconds:.1f} s.")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: Path, force: bool) -> None:
    """Write everything to FILE: people, tables with their rows and history, settings of tables, uploaded files, and
    the key that the server has generated. A server may be running, and changes made meanwhile are not in it.

    FILE lets whoever has it read every table: keep it as safe as the server. Not in it are settings from the
    environment, such as ROWCAST_SECRET_KEY; the state of background jobs, which the next start finds out again; and
    search and sort indexes, which are built again.
    """
    from webapp.copies.backup import back_up

    settings = load_settings()
    with Progress(_size(settings.data_dir), "Writing") as advance:
        done = back_up(settings, file, force=force, progress=advance)
    size = f"{done.size / 2**20:,.1f} MB"
    click.echo(f"{file} has {done.tables:,} tables with {done.rows:,} rows, and {done.files:,} files: {size}.")
    if not done.has_key:
        click.echo("The key is not in it, since ROWCAST_SECRET_KEY has it: keep that as well.", err=True)


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Restore the backup FILE into an installation that has nothing yet, on any database; the server must not run.

    Everything in FILE is compared with its hashes first. A backup of an older version is upgraded.
    """
    from webapp.copies.restoring import restore

    settings = load_settings()
    with Steps() as begin:
        done = restore(settings, file, begin)
    click.echo(f"{done.tables:,} tables with {done.rows:,} rows, and {done.files:,} files are restored.")
    if not done.has_key:
        click.echo(
            "Set ROWCAST_SECRET_KEY to the key that the backup was made with, before the server starts.", err=True
        )


@db.command()
@click.option("--to", "url", required=True, metavar="URL", help="As ROWCAST_DATABASE_URL has it; an empty database.")
def move(url: str) -> None:
    """Copy everything to another database, compare both, and say how to go on; the server must not run.

    The database that there is stays as it is. The other one can be used once it is complete: if this is interrupted,
    run it again, and it goes on. Files of the data folder stay where they are.
    """
    from webapp.copies.moving import move

    settings = load_settings()
    target = load_settings(database_url=url)
    with Steps() as begin:
        done = move(settings, target, begin)
    click.echo(
        f"{done.tables:,} tables with {done.rows:,} rows, and {done.records:,} other records, are the same in both"
        " databases."
    )
    click.echo(
        "Now set ROWCAST_DATABASE_URL to this URL and start the server. Changes made before are not carried over."
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
