"""Numbers, sizes and times in the reader's format."""

from datetime import UTC, datetime, timedelta

import pytest
from quart import g

from webapp.models import Actor
from webapp.web.application import Application
from webapp.web.formatting import (
    format_datetime,
    format_digits,
    format_exact,
    format_number,
    format_relative,
    format_size,
    plural,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234567, "1,234,567"), (1234.5, "1,234.5"), (None, "")])
def test_numbers_have_thousands_separators(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (812_345, "812 kB"),
        (999_499, "999 kB"),
        (999_999, "1.0 MB"),
        (1_440_000, "1.4 MB"),
        (93_000_000, "93 MB"),
        (999_600_000, "1.0 GB"),
        (5_000_000_000_000, "5000 GB"),
        (None, ""),
    ],
)
def test_sizes_have_a_readable_unit(count: int | None, text: str) -> None:
    assert format_size(count) == text


def test_plurals() -> None:
    assert [plural(1, "row"), plural(1000, "row"), plural(2, "entry", "entries")] == [
        "1 row",
        "1,000 rows",
        "2 entries",
    ]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=9), "just now"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=59), "on 1 January 2026"),
    ],
)
def test_a_relative_time_has_the_exact_one_in_its_title(before: timedelta, expected: str) -> None:
    text = format_relative(NOW - before, NOW)

    assert f">{expected}</time>" in text
    assert f'title="{NOW - before:%Y-%m-%d %H:%M} UTC"' in text


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("comma", "1,234,567.5"),
        ("point", "1.234.567,5"),
        ("space", "1\u202f234\u202f567,5"),
        ("apostrophe", "1'234'567.5"),
        ("none", "1234567.5"),
        ("of a newer version", "1,234,567.5"),
    ],
)
def test_numbers_are_written_in_five_styles(style: str, text: str) -> None:
    assert format_digits("1,234,567.5", style) == text


async def test_a_page_uses_the_number_style_and_time_zone_of_its_reader(bare: Application) -> None:
    async with bare.test_request_context("/"):
        g.actor = Actor(1, "a@b.c", "Ada", "member", number_style="point", time_zone="Europe/Berlin")
        assert (format_number(1234567), plural(1000, "row"), format_size(1_400_000)) == (
            "1.234.567",
            "1.000 rows",
            "1,4 MB",
        )
        assert format_exact(NOW) == "2026-03-01 13:00 CET"
        assert 'datetime="2026-03-01T12:00:00+00:00"' in format_datetime(NOW)
        assert ">on 1 March 2026</time>" in format_relative(
            datetime(2026, 2, 28, 23, 30, tzinfo=UTC), NOW + timedelta(days=99)
        )

    assert (format_number(1234567), format_exact(NOW)) == ("1,234,567", "2026-03-01 12:00 UTC")


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/Sao_Paulo", "2026-03-01 09:00 UTC-03"),
        ("Asia/Kolkata", "2026-03-01 17:30 IST"),
        ("Mars/Olympus_Mons", "2026-03-01 12:00 UTC"),
        ("../../etc/passwd", "2026-03-01 12:00 UTC"),
        ("", "2026-03-01 12:00 UTC"),
    ],
)
async def test_an_exact_time_names_its_zone(bare: Application, zone: str, text: str) -> None:
    async with bare.test_request_context("/"):
        g.actor = Actor(1, "a@b.c", "Ada", "member", time_zone=zone)
        assert format_exact(NOW) == text


def test_none_is_formatted_as_an_empty_text() -> None:
    assert (format_datetime(None), format_relative(None), format_number(None)) == ("", "", "")
