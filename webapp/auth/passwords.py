"""Which passwords are acceptable."""

import lzma
import re
import string
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

from webapp.models.accounts.password import set_password as set_password

MIN_PASSWORD = 10  # characters
MAX_PASSWORD = 1000  # characters, the most that is hashed
MIN_REST = 6  # characters that must remain after removing everything known about the person
MIN_OWN = 4  # characters from which a name counts
WORDS = ("rowcast", "password", "passwort", "welcome", "letmein", "qwerty", "abcdef", "123456")
MIN_VARIETY = 4  # different characters

COMMON = Path(__file__).parent / "common_passwords" / "list.txt.xz"
ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", string.ascii_lowercase)


def problem_with(password: str, email: str = "", name: str = "") -> str | None:
    """Why it is easy to guess, as a message to the person; None if it is not.

    Capitals, digits or signs are not required: that makes passwords harder to remember, not harder to guess.
    """
    if len(password) > MAX_PASSWORD:
        return f"Use at most {MAX_PASSWORD} characters."
    plain = unicodedata.normalize("NFKC", password).casefold().strip()
    if len(plain) < MIN_PASSWORD:
        return f"Use at least {MIN_PASSWORD} characters; a few words are fine."
    if _is_common(plain) or _is_common(plain.rstrip(string.digits + string.punctuation)):
        return "Many people use this password, so it is among the first to be tried. Take a few words of your own."
    if _is_pattern(plain):
        return "This repeats itself or follows the keyboard, which is quickly tried. Take a few words of your own."
    if _is_hardly_more_than(_known_words(email, name), plain):
        return "This is hardly more than a name, an address or a word everybody tries. Add something nobody knows."
    return None


def _is_common(plain: str) -> bool:
    return f"\n{plain}\n".encode(errors="replace") in common()


@cache
def common() -> bytes:
    """Leaked passwords of sufficient length, one a line; `common_passwords/README.md` names their source.

    A set of them would take 5 MB instead of 0.6. Searching the text takes a millisecond, far less than hashing.
    """
    return b"\n" + lzma.decompress(COMMON.read_bytes())


def _is_pattern(plain: str) -> bool:
    """Few different characters, repetitions (`abcabcabc`), or runs along the alphabet or the keyboard."""
    if len(set(plain)) < MIN_VARIETY or re.fullmatch(r"(.{1,5})\1+.{0,4}", plain, re.DOTALL):
        return True
    steps = sum(first + second in _neighbours() for first, second in pairwise(plain))
    return steps >= len(plain) - 3


@cache
def _neighbours() -> frozenset[str]:
    ways = [way for row in ROWS for way in (row, row[::-1])]
    return frozenset(way[start : start + 2] for way in ways for start in range(len(way) - 1))


def _is_hardly_more_than(words: set[str], plain: str) -> bool:
    rest = plain
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != plain and len(rest) < MIN_REST


def _known_words(email: str, name: str) -> set[str]:
    """What an attacker would guess first: the person, in whole and in parts, and substitutes for "password"."""
    mailbox, _, host = email.casefold().partition("@")
    known = [email, mailbox, host.rpartition(".")[0], name, name.replace(" ", ""), *WORDS]
    parts = [*re.split(r"[\W_\d]+", mailbox), *re.split(r"\W+", host)[:-1], *name.split()]
    return {word.casefold() for word in (*known, *parts) if len(word) >= MIN_OWN}
