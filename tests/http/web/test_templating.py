"""What every template can use."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.web import templating
from webapp.web.application import Application
from webapp.web.templating import ago, number, plural, size

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234567, "1,234,567"), (1234.5, "1,234.5"), (None, "")])
def test_numbers_have_thousands_separators(value: float | None, text: str) -> None:
    assert number(value) == text


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
def test_sizes_are_as_people_say_them(count: int | None, text: str) -> None:
    assert size(count) == text


def test_plurals() -> None:
    assert [plural(1, "row"), plural(1000, "row"), plural(2, "entry", "entries")] == [
        "1 row",
        "1,000 rows",
        "2 entries",
    ]


@pytest.mark.parametrize(
    ("before", "words"),
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
def test_times_are_relative_with_the_exact_one_in_the_title(before: timedelta, words: str) -> None:
    text = ago(NOW - before, NOW)

    assert f">{words}</time>" in text
    assert f'title="{NOW - before:%Y-%m-%d %H:%M} UTC"' in text


async def test_addresses_are_paths_with_and_without_a_request(bare: Application) -> None:
    async with bare.app_context():
        environment = templating.templates()
        template = environment.from_string(
            "{{ url_for('static', path='a.css') }} {{ url_for('auth.login', next=None) }}"
        )
        outside = template.render()
    async with bare.test_request_context("/", headers={"Host": "evil.example"}):
        inside = template.render()

    assert outside == inside == "/static/a.css /login"


async def test_an_icon_is_for_the_eye_only(bare: Application) -> None:
    async with bare.app_context():
        html = templating.templates().globals["icon"]("table")  # type: ignore[operator]

    assert 'aria-hidden="true"' in html
    assert html.endswith('/icons.svg#table"></use></svg>')


async def test_everything_is_escaped_whatever_the_template_is_called(bare: Application) -> None:
    async with bare.app_context():
        text = templating.templates().from_string("{{ name }}").render(name="<script>")

    assert text == "&lt;script&gt;"
