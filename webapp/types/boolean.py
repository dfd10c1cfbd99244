"""Booleans, in the words of the file."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from webapp.types.base import NULL, Choice, ColumnType, Format
from webapp.types.tally import PADDING, Exceptions, Offer, Tally

# In English, German, French, Italian, Spanish, Portuguese, Dutch, Danish, Finnish, Polish, Czech, Hungarian, Turkish,
# Russian, Japanese and Chinese, and as marks.
WORDS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"),
    ("ja", "nein"), ("wahr", "falsch"), ("oui", "non"), ("vrai", "faux"), ("sì", "no"), ("si", "no"), ("vero", "falso"),
    ("sí", "no"), ("verdadero", "falso"), ("sim", "não"), ("sim", "nao"), ("verdadeiro", "falso"), ("ja", "nee"),
    ("waar", "onwaar"), ("ja", "nej"), ("sand", "falsk"), ("kyllä", "ei"), ("tak", "nie"), ("prawda", "fałsz"),
    ("ano", "ne"), ("igen", "nem"), ("igaz", "hamis"), ("evet", "hayır"), ("да", "нет"), ("истина", "ложь"),  # noqa: RUF001
    ("はい", "いいえ"), ("是", "否"), ("✓", "✗"), ("✔", "✘"), ("✓", "✕"), ("✅", "❌"), ("☑", "☐"), ("○", "×"),  # noqa: RUF001
)  # fmt: skip
PAIRS = [
    *dict.fromkeys((change(yes), change(no)) for yes, no in WORDS for change in (str, str.title, str.upper)),
    ("1", "0"),
]
_PAIRS_OF: dict[str, list[str]] = {}  # by word, in lower case
for _words in (*WORDS, ("1", "0")):
    for _word in _words:
        _PAIRS_OF.setdefault(_word, []).append("/".join(_words))
_UNAMBIGUOUS = ("true", "false")  # words that mean a boolean even when only one of the two occurs
_TICKS = ("x", "X")
_MAX_WORD = 20
_INPUT = {"1": 1, "true": 1, "yes": 1, "y": 1, "t": 1, "on": 1, "0": 0, "false": 0, "no": 0, "n": 0, "f": 0, "off": 0}
_ONE_WORD = "only one of two words occurs"


class BooleanRecogniser:
    """Exactly one pair of words. `NO` alone may be Norway, so most words count only if both occur."""

    def __init__(self, format_name: str = "") -> None:
        self._pairs = [pair for pair in PAIRS if format_name in ("", "/".join(pair))] or PAIRS
        self._seen: set[str] = set()

    def accept(self, values: Collection[str]) -> str | None:
        seen = self._seen.union(values)
        if len(seen) == 1 and seen.issubset(_TICKS):
            self._seen = seen
            return None
        pairs = [pair for pair in self._pairs if seen.issubset(pair)]
        if not pairs:
            first = set(self._pairs[0]) if self._seen else {word for pair in self._pairs for word in pair}
            return next((value for value in values if value not in first), next(iter(values)))
        self._pairs, self._seen = pairs, seen
        return None

    def offers(self) -> list[Offer]:
        if not self._seen:
            return []
        if self._seen.issubset(_TICKS):
            return [Offer(Choice("boolean", {"true": next(iter(self._seen)), "false": "no"}), doubt=_ONE_WORD)]
        doubt = _ONE_WORD if len(self._seen) < 2 and not any(w.lower() in _UNAMBIGUOUS for w in self._seen) else ""
        return [
            Offer(Choice("boolean", {"true": true, "false": false}), doubt=doubt) for true, false in self._pairs[:1]
        ]

    def ambiguous_reading(self) -> bool:
        return False

    def evidence(self) -> str:
        return ""

    def tally(self, filled: int, *, is_accepted: bool) -> "BooleanTally":
        return BooleanTally(filled, self._pairs, self._seen if is_accepted else set())


class BooleanTally(Tally):
    """Words in any case: each language on its own."""

    def __init__(self, filled: int, pairs: Collection[tuple[str, str]], seen: Collection[str]) -> None:
        super().__init__(filled)
        self._words: dict[str, Counter[str]] = {}  # by pair: how each word is spelled, and how often
        self._others: Counter[str] = Counter()
        self._many = 0  # filled cells with other words than are counted
        self._has_padding = False
        is_word = bool(seen) and not set(seen).issubset(_TICKS)
        accepted = {f"{yes.lower()}/{no.lower()}" for yes, no in pairs} if is_word else set()
        if seen and not is_word:
            self._others[next(iter(seen))] = filled
        elif not accepted:
            self._many = filled
        for pair in accepted:
            self._words[pair] = Counter(dict.fromkeys(seen, max(1, filled // len(seen))))

    def _add(self, text: str, count: int) -> None:
        bare = text.strip(PADDING)
        pairs = _PAIRS_OF.get(bare.lower(), ()) if len(bare) <= _MAX_WORD else ()
        for pair in pairs:
            self._words.setdefault(pair, Counter())[bare] += count
        self._has_padding = self._has_padding or (bool(pairs) and bare != text)
        if len(self._others) < 200 or text in self._others:
            self._others[text] += count
        else:
            self._many += count

    @property
    def _best(self) -> str:
        return max(self._words, key=lambda pair: self._words[pair].total(), default="")

    @property
    def valued(self) -> int:
        return min(self.filled, self._words[self._best].total()) if self._words else 0

    @property
    def exceptions(self) -> Exceptions:
        exceptions = Exceptions()
        words = self._words.get(self._best, Counter())
        for text, count in self._others.items():
            if text.strip(PADDING) not in words:
                exceptions.add(text, count)
        exceptions.are_many = exceptions.are_many or self._many > 0
        exceptions.count = self.filled - self.valued
        return exceptions

    def offers(self) -> list[Offer]:
        if not self._words:
            return []
        counts = self._words[self._best]
        yes, no = self._best.split("/")
        spelled = {word: _spelling(counts, word) for word in (yes, no)}
        exceptions = self.exceptions
        is_respelled = any(text not in spelled.values() for text in counts)
        keeps = exceptions.count > 0 or self._has_padding or is_respelled
        format = {
            "true": spelled[yes] or _in_case(yes, spelled[no]),
            "false": spelled[no] or _in_case(no, spelled[yes]),
        }
        doubt = "" if spelled[yes] and spelled[no] else _ONE_WORD
        return [Offer(Choice("boolean", format, keeps, exceptions.count), exceptions, doubt=doubt)]


def _spelling(counts: Counter[str], word: str) -> str:
    """How this word is written most often; empty if it does not occur."""
    spellings = [text for text in counts if text.lower() == word]
    return max(spellings, key=lambda text: counts[text], default="")


def _in_case(word: str, other: str) -> str:
    return word.upper() if other.isupper() else word.title() if other.istitle() else word


class Boolean(ColumnType):
    name = "boolean"
    label = "Yes or no"
    stored = int
    operators = ("eq", "ne", "empty", "filled")

    def recogniser(self, format_name: str = "") -> BooleanRecogniser:
        return BooleanRecogniser(format_name)

    @property
    def default_format(self) -> dict[str, Any]:
        return {"true": "yes", "false": "no"}

    def describe(self, format: Format) -> str:
        return f"{format['true']} or {format['false']}"

    def format_name(self, format: Format) -> str:
        return f"{format['true']}/{format['false']}"

    def check(self, format: Format) -> dict[str, Any]:
        true, false = format.get("true"), format.get("false")
        words = {true, false, format.get(NULL, "")}
        if len(words) != 3 or not all(isinstance(word, str) and len(word) <= _MAX_WORD for word in words):
            raise ValueError("Yes and no need a short word each")
        if not all(word and word.isprintable() for word in (true, false) if isinstance(word, str)):
            raise ValueError("Yes and no need a word that can be printed")
        return super().check(format) | {"true": true, "false": false}

    def _read(self, text: str, format: Format) -> int | None:
        """The words of the format in any case, and no others: `on` is not `yes`."""
        lower = text.lower()
        return 1 if lower == format["true"].lower() else 0 if lower == format["false"].lower() else None

    def _parse(self, text: str, format: Format) -> int:
        if text not in (format["true"], format["false"]):
            raise ValueError(f"“{text}” is neither {format['true']} nor {format['false']}")
        return int(text == format["true"])

    def _parse_input(self, text: str, format: Format) -> int:
        values: dict[str, int] = _INPUT | {format["false"].lower(): 0, format["true"].lower(): 1}
        if (value := values.get(text.lower())) is None:
            raise ValueError(f"“{text}” is neither {format['true']} nor {format['false']}")
        return value

    def _print(self, value: str | int | float, format: Format) -> str:
        return str(format["true"] if value else format["false"])
