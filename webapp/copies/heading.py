"""What an archive says of itself: its kind, the number of its format, and which version of Rowcast has made it.

This is looked at before everything else, because what a newer version writes may be anything.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_TAKEN_BY: Final = {"rowcast-backup": "rowcast db restore", "rowcast-tables": "rowcast table import-all"}


class _Heading(BaseModel):
    """The part of a manifest that no version changes. `revision`: of the database's schema, in a backup."""

    model_config = ConfigDict(extra="ignore")

    format: str
    version: int
    program: str = Field(max_length=200)
    revision: str = Field(default="", pattern="^[0-9]{0,4}$")


def problem_with(manifest: bytes, kind: type[BaseModel], newest_revision: str) -> str:
    """Why this version cannot read the archive, in words; empty if it can, or if there is no such heading: then the
    manifest itself is wrong. `kind` has the format and the number that are read.
    """
    try:
        heading = _Heading.model_validate_json(manifest)
    except ValidationError:
        return ""
    if heading.format in _TAKEN_BY and heading.format != kind.model_fields["format"].default:
        return f"it is an archive for another command: {_TAKEN_BY[heading.format]}."
    version = kind.model_fields["version"].default
    if heading.version > version or heading.revision > newest_revision:
        return f"it was made by a newer version of Rowcast ({heading.program}). Install that one, or a later one."
    if heading.version < version:
        return f"it has the format {heading.version}, and this version of Rowcast reads {version}."
    return ""
