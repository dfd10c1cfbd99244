"""Which encoding of Latin letters a text is in: the one whose letters beyond ASCII belong to one language.

A wrong encoding puts symbols into words (`Pawe³`, `J”rg`), capitals behind small letters (`AndrŽ`), or letters of
several languages side by side (`Gyõr`, `Tûzoltó`). Windows-1252 is read unless another one explains all of the text.
"""

from collections.abc import Iterator

# The letters beyond ASCII of languages, by codec.
_WESTERN = (
    "äöüß", "àâæçèéêëîïôùûüœ", "áéíñóúü", "àáâãçéêíóôõú", "àèéìíîòóù", "æøåéäö", "åäöéàü", "áæéíðóöúýþ", "äëéèêïóöü",
    "äõöüšž", "àçèéíïòóúü",
)  # fmt: skip
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ")
_LANGUAGES = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1254": ("çğıİöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "iso8859-2": _CENTRAL,
    "cp850": _WESTERN,
    "mac-roman": _WESTERN,
    "cp852": _CENTRAL,
}
_USUAL = "cp1252"
_ODD = 0.06  # cost of a character, on average, from which on Windows-1252 is doubted
_PLAIN = 0.03  # that another encoding may have at most
_FOREIGN = 0.5  # cost of a letter of another language
_MAX_CHARACTERS = 20_000
# ruff: noqa: RUF001
_OPENING = "‘’“„«¿¡€£§\xa0"
_CLOSING = "’”»…®™°ºª\xa0"
_INSIDE = "’·\xad–"
_RAISED = "²³"
_RAISED_LETTERS = "ºªµ"
_LONGEST_UNIT = 2  # letters: m², cm³
_PLAIN_SYMBOLS = "\xa0§°²³µ·½¼¾«»‘’“”„–—…€£©®™×ºª¿¡•±"
_FINAL = "ìòù"  # letters that stand at the end of Italian and French words


def guess(sample: bytes) -> str:
    """The codec; empty if none explains the text, as for other alphabets."""
    costs = {codec: _cost(sample.decode(codec, "replace")[:_MAX_CHARACTERS], codec) for codec in _LANGUAGES}
    if costs[_USUAL] < _ODD:
        return _USUAL
    best = min(costs, key=costs.__getitem__)
    return best if costs[best] <= _PLAIN else ""


def _cost(text: str, codec: str) -> float:
    """The average over the characters beyond ASCII, from 0 for what is usual."""
    letters = [letter.lower() for letter in text if letter.isalpha()]
    beyond = [letter for letter in letters if not letter.isascii()]
    if 2 * len(beyond) > len(letters):
        return 1.0  # words of an alphabet that is not Latin
    language = max(_LANGUAGES[codec], key=lambda language: sum(letter in language for letter in beyond))
    costs = [*_costs(f" {text} ", language)]
    return sum(costs) / len(costs) if costs else 0.0


def _costs(text: str, language: str) -> Iterator[float]:
    for index, character in enumerate(text):
        if character.isascii():
            continue
        before, after = text[index - 1], text[index + 1]
        if character.isalpha() and character not in _RAISED_LETTERS:
            yield _cost_of_letter(character, before, after, language)
        else:
            yield _cost_of_symbol(character, text[max(index - 3, 0) : index], after)


def _cost_of_letter(letter: str, before: str, after: str, language: str) -> float:
    if letter.isupper() and (before.islower() or (before.isalpha() and after.islower())):
        return 1.0
    if letter in _FINAL and after.isalpha():
        return 1.0
    if letter == "þ" and before.isalpha():
        return 1.0
    return 0.0 if letter in language or letter.lower() in language else _FOREIGN


def _cost_of_symbol(symbol: str, before: str, after: str) -> float:
    """`before` are the last three characters before it."""
    if symbol == "\ufffd" or not (symbol.isprintable() or symbol in "\xa0\xad"):
        return 3.0
    is_behind, is_in_front = before[-1:].isalpha(), after.isalpha()
    if is_behind and is_in_front:
        return 0.0 if symbol in _INSIDE else 1.0
    if symbol in _RAISED and before.isalpha() and len(before) > _LONGEST_UNIT:
        return 1.0
    if (is_behind and symbol not in _CLOSING + _RAISED) or (is_in_front and symbol not in _OPENING):
        return 1.0
    if symbol == "£" and is_in_front:
        return 1.0
    return 0.0 if symbol in _PLAIN_SYMBOLS else 0.5
