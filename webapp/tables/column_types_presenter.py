"""The types a column may have, prepared for the form that offers them."""

import json
from dataclasses import dataclass
from typing import Any

from webapp.formats.json_columns import JSON
from webapp.imports.type_options import ListedText, TypeOption
from webapp.models import Column
from webapp.types import TYPES
from webapp.types.reasons import shorten
from webapp.web.formatting import capitalise

MAX_SHOWN = 40  # characters of a text without a value


@dataclass(frozen=True, slots=True)
class PresentedOption:
    """`value` is what the form sends; `texts` are those without a value."""

    value: str
    type: str
    label: str
    reason: str
    is_current: bool
    texts: list[ListedText]
    has_more: bool


def present_options(column: Column, options: list[TypeOption]) -> dict[str, Any]:
    """The column's own type is offered too, and says what it keeps now."""
    current = column.type, {name: value for name, value in column.format.items() if name != JSON}
    return {"options": [_present(option, (option.type, option.format) == current) for option in options]}


def _present(option: TypeOption, is_current: bool) -> PresentedOption:
    texts = [ListedText(shorten(each.text, MAX_SHOWN), each.count, each.row) for each in option.listed]
    return PresentedOption(
        value=json.dumps({"type": option.type, "format": option.format}, sort_keys=True),
        type=option.type,
        label=capitalise(TYPES[option.type].describe(option.format)),
        reason=option.reason,
        is_current=is_current,
        texts=texts,
        has_more=sum(each.count for each in option.listed) < option.exceptions,
    )
