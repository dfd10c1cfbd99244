"""Signed values with an age, on a machine whose clock may be set back.

A value signed before that seems to come from the future. It was signed here all the same, so it is accepted: else
setting the clock back by a day would sign everybody out. It counts as new until the clock has caught up.
"""

import logging
from functools import cache
from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner

logger = logging.getLogger("rowcast.clock")


class ClockTolerantSigner(TimestampSigner):
    def unsign(self, signed_value: Any, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """Raises `BadSignature`; `SignatureExpired` only if it is older than `max_age` seconds, not if it is younger
        than now.
        """
        try:
            return super().unsign(signed_value, max_age, return_timestamp)  # type: ignore[call-overload]
        except SignatureExpired as error:
            if error.date_signed is None or error.date_signed <= self.timestamp_to_datetime(self.get_timestamp()):
                raise
        report_clock_set_back()
        return super().unsign(signed_value, None, return_timestamp)  # type: ignore[call-overload]


@cache
def report_clock_set_back() -> None:
    """Once per process."""
    logger.warning("The clock was set back: what was signed or stored before has a time in the future. It stays valid.")
