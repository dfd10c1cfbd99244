"""Days that somebody chose in a form, and when they begin where the reader is."""

from datetime import date, datetime, time, timedelta, tzinfo


def parse_day(text: str) -> date | None:
    """Days at the limits of the calendar have no next day, and nothing happened on them."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 < day.year < 9000 else None


def begin_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def end_of(day: date, zone: tzinfo) -> datetime:
    return begin_of(day + timedelta(days=1), zone)
