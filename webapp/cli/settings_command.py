"""The settings described: as a file to copy to `.env`, and as the table of the documentation."""

from textwrap import wrap

from pydantic import SecretStr

from settings import Settings, variable

WIDTH = 118  # characters of a comment
HEADING = """\
# Every setting with its default, as `rowcast settings` prints them. Copy to `.env` in the server's working directory;
# the environment takes precedence. docs/operations.md says what a public server should set.
"""


def as_env() -> str:
    """Every setting at its default, below its description."""
    settings = [
        "".join(f"# {line}\n" for line in wrap(description, WIDTH)) + f"{name}={default}\n"
        for name, default, description in _settings()
    ]
    return "\n".join([HEADING, *settings])


def as_markdown() -> str:
    """A table with a row for each setting."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else 'empty'} | {description} |\n"
        for name, default, description in _settings()
    ]
    return "".join(["| name | default | meaning |\n|---|---|---|\n", *rows])


def _settings() -> list[tuple[str, str, str]]:
    """Variable, default and description of each, in the order of `settings.py`."""
    return [
        (variable(name), _as_written(field.default), " ".join((field.description or "").split()))
        for name, field in Settings.model_fields.items()
    ]


def _as_written(default: object) -> str:
    """As one would write it in `.env`. No setting has a secret as its default."""
    return "" if default is None or default == () or isinstance(default, SecretStr) else str(default)
