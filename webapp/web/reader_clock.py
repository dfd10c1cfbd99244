"""Which day "today" is for whoever asks."""

from webapp.rowstore.query import Clock
from webapp.web.formatting import find_time_zone
from webapp.web.session import current_user


def reader_clock() -> Clock:
    zone = current_user().time_zone
    return Clock.now(find_time_zone(zone), zone)
