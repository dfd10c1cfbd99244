"""The settings that a command runs with."""

import click

from settings import Settings, variable


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, overridden by the command line; an invalid one ends the command with a message."""
    from pydantic import ValidationError

    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"  {variable('_'.join(map(str, e['loc']))) + ': ' if e['loc'] else ''}{e['msg']}" for e in error.errors()
        ]
        raise click.ClickException("\n".join(["These settings cannot be used:", *lines])) from None


def upgraded_settings() -> Settings:
    """The settings, of a database that has this version's form."""
    from webapp.db import migrations

    settings = load_settings()
    migrations.upgrade(settings)
    return settings
