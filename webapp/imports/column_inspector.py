"""One column in pass 1: what its values show, and the user's corrections."""

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.imports.report import Alternative, ColumnGuess
from webapp.types import NULL, TYPES
from webapp.types.base import Choice
from webapp.types.guess import MEMO, Forced, Guess


class ColumnWatch:
    """Sees every value of a column, then reports what the column is."""

    def __init__(self, decided: Mapping[str, Any], memo: int = MEMO) -> None:
        self._decided = decided
        self._guess = Guess(memo)
        self._forced = _forced(decided)

    def add(self, values: Sequence[str]) -> None:
        self._guess.add(values)
        if self._forced:
            self._forced.add(values)

    def guess(self, title: str) -> ColumnGuess:
        choice, reason = self._guess.decide()
        column = self._column(title, choice, reason)
        if self._forced:
            self._overrule(column, self._forced)
        elif (null := self._decided.get(NULL)) and null == self._guess.null_token:
            fitting = self._guess.fitting()[0].with_null(null)
            column.type, column.format = fitting.type, fitting.format
        return column

    def _column(self, title: str, choice: Choice, reason: str) -> ColumnGuess:
        choices = self._choices()
        facts = self._guess.facts
        return ColumnGuess(
            title=title,
            type=choice.type,
            format=choice.format,
            reason=reason,
            empty=facts.empty,
            width=facts.width,
            null_token=self._guess.null_token,
            alternatives=list(dict.fromkeys(one.type for one in choices)),
            choices=[Alternative(one.type, one.format, TYPES[one.type].describe(one.format)) for one in choices],
            samples=facts.samples,
        )

    def _choices(self) -> list[Choice]:
        fitting = self._guess.fitting()
        if self._guess.exception:
            token = self._guess.null_token
            fitting = [choice.with_null(token) for choice in fitting] if token else []
        return [*fitting, Choice("text")]

    def _overrule(self, column: ColumnGuess, forced: Forced) -> None:
        choice = forced.choice()
        column.type = forced.kind
        column.format = choice.format if choice else {}
        column.misfits = forced.misfits
        column.first_misfit = str(forced.first) if forced.first else ""
        column.reason = f"{TYPES[forced.kind].describe(column.format) if choice else forced.kind}, as you chose"


def _forced(decided: Mapping[str, Any]) -> Forced | None:
    kind = decided.get("type")
    if kind not in TYPES:
        return None
    format = decided.get("format") or {}
    wanted = decided.get("order") or _short(kind, format)
    return Forced(kind, wanted, decided.get(NULL) or format.get(NULL, ""))


def _short(kind: str, format: Mapping[str, Any]) -> str:
    if not format:
        return ""
    return TYPES[kind].short(TYPES[kind].check(format)) if set(format) - {NULL} else ""
