"""Which passwords are refused, and why; the list of common ones matches its description."""

import hashlib
import re

import pytest

from webapp.models.accounts.password import COMMON_PASSWORDS, MIN_PASSWORD, common_passwords, problem_with

FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "password123")  # the same letters, as a keyboard has them
ADA = ("ada.lovelace@example.org", "Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "tr0ub4dor&3x",
        "my rowcast table is fun",
        "ada counts the wheels",
        "Ωραία μέρα σήμερα",
        "すみれの花が咲いている",
        "x7$Kq!0zRw",
    ],
)
def test_a_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    assert problem_with(password, *ADA) is None


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("ninechars", "at least 10 characters"),
        ("         a         ", "at least 10 characters"),
        ("x" * 1001, "at most 1000 characters"),
        ("password123", "Many people"),
        ("PassWord123", "Many people"),
        (FULL_WIDTH, "Many people"),
        ("qwertyuiop!!", "Many people"),
        ("manchester2024", "Many people"),
        ("hjklhjklhjkl!", "repeats itself"),
        ("zyzyzyzyzyzyzy", "repeats itself"),
        ("lkjhgfdsamnb", "repeats itself"),
        ("abababababab7", "repeats itself"),
        ("lmnopqrstuvw", "repeats itself"),
        ("Ada.Lovelace1", "a name, an address"),
        ("adalovelace99", "a name, an address"),
        ("example-ada1", "a name, an address"),
        ("Rowcast2026!", "a name, an address"),
        ("password!!!!!", "a name, an address"),
        ("lovelaceada.", "a name, an address"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused_with_the_reason(password: str, words: str) -> None:
    assert words in (problem_with(password, *ADA) or "")


def test_the_name_of_another_person_is_accepted() -> None:
    assert problem_with("grace.hopper12", *ADA) is None
    assert problem_with("grace.hopper12", "grace.hopper@example.org") is not None


def test_the_list_of_common_passwords_matches_its_readme() -> None:
    described = (COMMON_PASSWORDS.parent / "README.md").read_text(encoding="utf-8")

    assert hashlib.sha256(COMMON_PASSWORDS.read_bytes()).hexdigest() in described
    passwords = common_passwords().decode().strip("\n").split("\n")
    assert f"{len(set(passwords)):,} leaked passwords" in described
    assert len(passwords) == len(set(passwords)) > 10_000
    assert all(MIN_PASSWORD <= len(one) <= 64 and one == one.casefold() for one in passwords)
    assert not any(re.search(r"[\0-\x1f]", one) for one in passwords)
