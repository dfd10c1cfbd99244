"""What a text may mean as a day, a month or a time of day, and in which layouts it may be written."""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from webapp.types.layouts import SHORT_WEEKDAYS, WEEKDAYS, Layout, layout

_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LONG = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NAME = rf"(?:{_LONG}|{_MONTHS}|{_MONTHS.upper()})"
_NAMED_DAY = re.compile(
    rf"(?P<name>{'|'.join((*WEEKDAYS, *SHORT_WEEKDAYS))}|{'|'.join(SHORT_WEEKDAYS).upper()})(?P<gap>,? )"
)
_DAY = re.compile(
    r"(?P<year>[0-9]{4})(?P<a>[-/.])[0-9]{1,2}(?P=a)[0-9]{1,2}"
    r"|[0-9]{1,2}(?P<b>[-/.])[0-9]{1,2}(?P=b)(?P<last>[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}(?P<c>\. |[-/ ])(?P<month>{_NAME})(?P<d>[-/ ])(?P<last_c>[0-9]{{4}}|[0-9]{{2}})"
    rf"|(?P<first>{_NAME}) [0-9]{{1,2}}(?P<comma>,?) [0-9]{{4}}"
    rf"|(?P<month_first>{_NAME}) [0-9]{{4}}"
    r"|[0-9]{4}(?P<e>[-/])(?:0[1-9]|1[0-2])"
    r"|(?:0[1-9]|1[0-2])(?P<f>[-/.])(?:1[5-9]|2[01])[0-9]{2}"
    r"|(?P<compact>(?:1[89]|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    r"|[0-9]{4}(?P<g>-?)W[0-9]{2}(?P<weekday>(?P=g)[1-7])?"
    r"|[0-9]{4}(?P<cjk>年)[0-9]{1,2}月[0-9]{1,2}日"
)
_TIME = re.compile(
    r"(?P<gap>,? |T|)(?P<hour>[0-9]{1,2}):[0-9]{2}(?P<seconds>:[0-9]{2})?(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?P<half> ?(?:[AP]M|[ap]m))?(?P<zone> ?(?:Z|[+-][0-9]{2}:?[0-9]{2}))?"
)
_GAP = re.compile(r"(?:T|,? )(?=[0-9]{1,2}:)")
_DAYS_OF_A_CENTURY = 36_525


def _month(name: str) -> list[str]:
    """The tokens for a month's name; May is short and long."""
    if name.isupper():
        return ["MON"]
    return ["Mon", "Month"] if name == "May" else ["Mon"] if len(name) == 3 else ["Month"]


@lru_cache(_DAYS_OF_A_CENTURY)
def day_layouts(text: str) -> tuple[str, ...]:
    """The layouts one day or month may be written in; others must tell which of them is right."""
    if named := _NAMED_DAY.match(text):
        name = "DY" if named["name"].isupper() else "Dy" if len(named["name"]) == 3 else "Day"
        return tuple(f"{name}{named['gap']}{rest}" for rest in day_layouts(text[named.end() :]))
    match = _DAY.fullmatch(text)
    if match is None:
        return ()
    if (gap := match["g"]) is not None:
        return (f"YYYY{gap}Www{f'{gap}D' if match['weekday'] else ''}",)
    if name := match["first"]:
        return tuple(f"{month} {day}{match['comma']} YYYY" for month in _month(name) for day in ("DD", "D"))
    if name := match["month_first"]:
        return tuple(f"{month} YYYY" for month in _month(name))
    if match["year"]:
        gap = match["a"]
        return (f"YYYY{gap}MM{gap}DD", f"YYYY{gap}M{gap}D")
    if name := match["month"]:
        year = "YYYY" if len(match["last_c"]) == 4 else "YY"
        return tuple(f"{day}{match['c']}{month}{match['d']}{year}" for month in _month(name) for day in ("DD", "D"))
    if gap := match["b"]:
        year = "YYYY" if len(match["last"]) == 4 else "YY"
        orders = [f"{a}{gap}{b}{gap}{year}" for a, b in (("DD", "MM"), ("D", "M"), ("MM", "DD"), ("M", "D"))]
        return tuple([*orders, f"YY{gap}MM{gap}DD"] if year == "YY" else orders)
    if gap := match["e"]:
        return (f"YYYY{gap}MM",)
    if gap := match["f"]:
        return (f"MM{gap}YYYY",)
    return ("YYYYMMDD",) if match["compact"] else ("YYYY年MM月DD日", "YYYY年M月D日")


@lru_cache(_DAYS_OF_A_CENTURY)
def time_layouts(text: str) -> tuple[str, ...]:
    """The layouts of a time of day, with what separates it from the day before it."""
    match = _TIME.fullmatch(text)
    if match is None or (match["fraction"] and not match["seconds"]):
        return ()
    rest = "mm" + (":ss" if match["seconds"] else "")
    if match["fraction"]:
        rest += "." + "f" * len(match["fraction"])
    if half := match["half"]:
        rest += (" " if half[0] == " " else "") + ("AM" if half.isupper() else "am")
    hours = ("hh", "h") if match["half"] else ("HH", "H")
    return tuple(f"{match['gap']}{hour}:{rest}{match['zone'] or ''}" for hour in hours)


def split_time(text: str) -> tuple[str, str]:
    """The day, and the time with what separates it from the day; that is empty if there is no time."""
    match = _GAP.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


@lru_cache(4096)
def layouts_of(text: str, kind: str) -> tuple[Layout, ...]:
    """The layouts a text of this kind (`date`, `datetime`, `time`) may be written in."""
    if kind == "date":
        texts = list(day_layouts(text))
    elif kind == "time":
        texts = [] if text[-1:] == "Z" or "+" in text or "-" in text or text[:1] in ", T" else list(time_layouts(text))
    else:
        day, time = split_time(text)
        texts = [date + clock for date in day_layouts(day) for clock in time_layouts(time)] if time else []
    return tuple(valid for text in texts if (valid := _valid(text)))


@lru_cache(_DAYS_OF_A_CENTURY)
def fitting_layouts(text: str, kind: str) -> tuple[Layout, ...]:
    """Those that print the text back."""
    return tuple(written for written in layouts_of(text, kind) if _is_written(text, written))


def _is_written(text: str, written: Layout) -> bool:
    try:
        written.to_iso(text)
    except ValueError:
        return False
    return True


@lru_cache(1024)
def _valid(text: str) -> Layout | None:
    """None for a month with a time."""
    try:
        return layout(text)
    except ValueError:
        return None


def order_of(written: Layout) -> str:
    """How the numbers of a day follow each other, as in `dmy`; empty if only one way to read them is usual."""
    if (
        not written.has_date
        or len(written.order) < 3
        or "w" in written.order
        or "Mon" in written.text
        or "MON" in written.text
    ):
        return ""
    return "" if written.order == "ymd" and not written.has_short_year else written.order


class Day(NamedTuple):
    """What a day may be, by the order of its parts; under "" if it is the same in all."""

    readings: dict[str, str]
    layouts: tuple[str, ...]  # those that print it in one of the readings
    has_short_year: bool = False

    def read(self, order: str) -> str | None:
        return self.readings.get("") or self.readings.get(order)


_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,? (?=.*[0-9])")
_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})(?:-?([1-7]))?")
_NAMED = re.compile(
    r"(?:(?P<day>[0-9]{1,2})(?:st|nd|rd|th|er|\.)?(?: de|-| )? ?)?(?P<month>[^\W\d_]{3,10})\.?(?:,| de|-)? ?"
    r"(?:(?P<after>[0-9]{1,2})(?:st|nd|rd|th)?,? )?(?P<year>[0-9]{4})"
)
# As they begin in English, German, Dutch, French, Spanish, Italian and Portuguese, with those that need more letters.
_NAMES = {
    1: "jan jän gen ene", 2: "feb fév fev", 3: "mar mär mrt maa mars", 4: "apr avr abr", 5: "may mai mei mag maj",
    6: "jun juin giu", 7: "jul juil lug", 8: "aug aoû aou ago", 9: "sep set", 10: "oct okt ott out",
    11: "nov", 12: "dec dez déc dic",
}  # fmt: skip
_BY_NAME = {name: number for number, names in _NAMES.items() for name in names.split()}
_LONGEST = 40  # characters
_BEGINNING = re.compile(r"[0-9]+[^0-9]|[0-9]{8}|[^\W\d_]{3}[^0-9]*[0-9]")  # of any day; most texts have another


@lru_cache(_DAYS_OF_A_CENTURY)
def read_day(text: str) -> Day | None:
    """Raises nothing: None if it is no day."""
    if len(text) > _LONGEST or _BEGINNING.match(text) is None:
        return None
    if day := _read_layouts(text):
        return day
    bare = text[match.end() :] if (match := _WEEKDAY.match(text)) else text
    if bare != text and (day := _read_layouts(bare)):
        return day._replace(layouts=())
    iso = _read_week(bare) or _read_named(bare)
    return Day({"": iso}, ()) if iso else None


def _read_layouts(text: str) -> Day | None:
    """In all layouts that print it. The name of a weekday is right in one order of day and month at most, nearly
    always.
    """
    readings: dict[str, str] = {}
    layouts: list[str] = []
    short = False
    for candidate in day_layouts(text):
        written = layout(candidate)
        try:
            readings.setdefault(order_of(written), written.to_iso(text))
        except ValueError:
            continue
        layouts.append(candidate)
        short = short or written.has_short_year
    return Day(readings, tuple(layouts), short) if readings else None


def _read_week(text: str) -> str | None:
    """A week means its Monday, also where it is written half in the long form: `2024-W051`."""
    match = _WEEK.fullmatch(text)
    try:
        return date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1)).isoformat() if match else None
    except ValueError:
        return None


def _read_named(text: str) -> str | None:
    match = _NAMED.fullmatch(text)
    if match is None or (match["day"] and match["after"]):
        return None
    name = match["month"].lower()
    month = _BY_NAME.get(name[:4]) or _BY_NAME.get(name[:3])
    try:
        day = int(match["day"] or match["after"] or 1)
        return date(int(match["year"]), month, day).isoformat() if month else None
    except ValueError:
        return None


class Clock(NamedTuple):
    """A time of day as ISO writes it, and its offset from UTC in minutes; None if it has none."""

    time: str
    offset: int | None
    layouts: tuple[str, ...]


_LOOSE = re.compile(
    r"(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?) ?(?P<half>[AaPp]\.?[Mm]\.?)?(?P<zone>.*)"
)
_ZONE = re.compile(r"(?: ?Z| ?(?:UTC|GMT)| ?([+-])([0-9]{2}):?([0-9]{2})?)")


@lru_cache(20_000)
def read_clock(text: str) -> Clock | None:
    """A time without what separates it from a day."""
    match = _LOOSE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    zone = _ZONE.fullmatch(match["zone"]) if match["zone"] else None
    if match["zone"] and zone is None:
        return None
    offset = None
    if zone:
        offset = (int(zone[2]) * 60 + int(zone[3] or 0)) * (-1 if zone[1] == "-" else 1) if zone[1] else 0
    hours, _, rest = match["clock"].replace(",", ".").partition(":")
    hour = int(hours)
    if half := match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    if hour > 23 or any(int(part[:2]) > 59 for part in rest.split(":")):
        return None
    return Clock(f"{hour:02}:{rest}", offset, time_layouts(text))


def zone_of(layout_text: str) -> int | None:
    """The offset from UTC, in minutes, of a layout of times; None if it has no zone."""
    match = re.search(r" ?(?:Z|[+-][0-9]{2}:?[0-9]{2})$", layout_text)
    clock = read_clock(f"00:00{match[0]}") if match else None
    return clock.offset if clock else None


def read_moment(text: str, order: str, zone: int | None = None) -> str | None:
    """A day with a time, or alone, which means its first moment. `zone`: that of the column, in minutes from UTC."""
    day_text, time_text = split_time(text)
    day = read_day(day_text)
    iso = day.read(order) if day else None
    if iso is None or not time_text:
        return f"{iso}T00:00" if iso else None
    clock = read_clock(time_text.lstrip(", T"))
    if clock is None:
        return None
    shift = 0 if zone is None or clock.offset is None else zone - clock.offset
    if not shift:
        return f"{iso}T{clock.time}"
    minutes = int(clock.time[:2]) * 60 + int(clock.time[3:5]) + shift
    try:
        moved = date.fromisoformat(iso) + timedelta(days=minutes // 1440)
    except OverflowError:
        return None
    return f"{moved.isoformat()}T{minutes % 1440 // 60:02}:{minutes % 60:02}{clock.time[5:]}"
