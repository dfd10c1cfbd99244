"""Signs that what looks like the numbers of a column are names of things, which nobody adds up."""

import re

from webapp.types.number_format import Written, is_64_bits

_BARE_EXPONENT = re.compile(r"[0-9]+[eE][0-9]+")  # programs write a sign or a mark: 1e+05, 1.2e5
# Digits with a few letters, as parts and invoices are named: 12F3, A-60001, 60001b.
_CODE = re.compile(r"[0-9]+[A-Za-z][0-9A-Za-z]*[0-9]|[A-Za-z]{1,3}[-_/ ]?[0-9]{3,}|[0-9]{3,}[-_/ ]?[A-Za-z]")


class Identifiers:
    """Signs that what looks like numbers are names of things, which nobody adds up."""

    def __init__(self) -> None:
        self.first: dict[str, str] = {}  # the first example of each
        self._exponent = self._code = ""  # the first 12E4, and the first code beside numbers
        self._has_fractions = False

    def add(self, text: str, point: Written | None, comma: Written | None, *, has_tab: bool) -> None:
        """`text` without the spaces around it; `has_tab`: one of them is a tab, which keeps Excel from rounding an
        order number.
        """
        if (written := point or comma) is None:
            self._look_at_code(text)
            return
        if has_tab and not written.is_fraction:
            self.first.setdefault("written with a tab", text)
        elif written.has_leading_zero:
            self.first.setdefault("leading zero", text)
        elif text.removeprefix("-").isdigit() and not is_64_bits(written):
            self.first.setdefault("beyond 64 bits", text)
        elif _BARE_EXPONENT.fullmatch(text):
            self._exponent = self._exponent or text
        elif written.is_fraction:
            self.add_fraction()

    def add_fraction(self) -> None:
        self._has_fractions = True

    def _look_at_code(self, text: str) -> None:
        if _CODE.fullmatch(text):
            self._code = self._code or text
        elif text.count(".") > 1 and text.replace(".", "").isdigit():
            self.first.setdefault("version or address", text)

    @property
    def reason(self) -> str:
        """Why this column stays text, with an example; empty if nothing speaks for it."""
        for name, text in self.first.items():
            return f"{name}: {text}"
        if self._code and (self._exponent or not self._has_fractions):
            return f"codes: {self._code}"
        return f"codes: {self._exponent}" if self._exponent and not self._has_fractions else ""
