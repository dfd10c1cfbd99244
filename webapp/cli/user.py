"""`rowcast user`: the commands that manage people."""

import asyncio
import sys

import click

from webapp.cli.configuration import upgraded_settings
from webapp.cli.terminal import align_columns, to_json

# As in `main.py`, each command imports its own dependencies.


@click.group()
def user() -> None:
    """Manage people; a server may be running."""


ROLES = click.Choice(["owner", "administrator", "member", "guest"])


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="Their name.  [default: the part of the address before the @]")
@click.option("--role", type=ROLES, help="Their role.  [default: member; the first person is the owner]")
@click.option("--link", is_flag=True, help="Print a link to choose a password, instead of asking for one.")
def user_add(email: str, name: str, role: str | None, link: bool) -> None:
    """Create an account for EMAIL. The password is asked for, or read from standard input."""
    from webapp.cli import people

    url = asyncio.run(people.add(upgraded_settings(), email, name, role, None if link else _password()))
    click.echo(url or f"{email} has an account.")


@user.command("promote")
@click.argument("email")
@click.option("--role", type=ROLES, required=True, help="Their new role.")
def user_promote(email: str, role: str) -> None:
    """Change the role of EMAIL."""
    from webapp.cli import people

    asyncio.run(people.promote(upgraded_settings(), email, role))
    click.echo(f"{email} is {role} now.")


@user.command("reset-password")
@click.argument("email")
@click.option("--link", is_flag=True, help="Print a link to choose a password, instead of asking for one.")
@click.option("--remove-second-factor", is_flag=True, help="For who has lost it; recovery codes and passkeys go too.")
def user_reset_password(email: str, link: bool, remove_second_factor: bool) -> None:
    """Give EMAIL a new password. The old one, sign-ins and API tokens end, also with a link."""
    from webapp.cli import people

    settings, password = upgraded_settings(), None if link else _password()
    url = asyncio.run(people.reset(settings, email, password, remove_second_factors=remove_second_factor))
    click.echo(url or f"{email} has a new password.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def user_list(as_json: bool) -> None:
    """List everybody with role, state and when they were last seen (UTC)."""
    from webapp.cli import people

    everybody = asyncio.run(people.list_people(upgraded_settings()))
    if as_json:
        click.echo(to_json(everybody))
        return
    for line in align_columns([[str(value or "never") for value in person.values()] for person in everybody]):
        click.echo(line)


def _password() -> str:
    """Never an argument: arguments appear in the shell history and the process list."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
