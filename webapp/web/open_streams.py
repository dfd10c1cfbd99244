"""How many downloads and live streams each person has open in this process: neither may take all of its memory."""

from collections import Counter
from collections.abc import Callable

from webapp.db.errors import UserError

Release = Callable[[], None]


class TooManyOpen(UserError):
    """This person has `limit` of them open already."""

    def __init__(self, limit: int, what: str) -> None:
        has = f"1 {what} is" if limit == 1 else f"{limit:,} {what}s are"
        super().__init__(f"{has} already open for you, and there may be no more at a time. Wait until one has ended.")


class OpenStreams:
    """Counts the open streams of one kind, `what`, by person. 0 as a limit is none."""

    def __init__(self, limit: int, what: str) -> None:
        self._limit, self._what = limit, what
        self._open: Counter[int] = Counter()

    def take(self, user_id: int) -> Release:
        """Count another stream; return what is to be called, once or more often, when it ends. Raises `TooManyOpen`."""
        if self._limit and self._open[user_id] >= self._limit:
            raise TooManyOpen(self._limit, self._what)
        self._open[user_id] += 1
        is_open = True

        def release() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                self._open[user_id] -= 1
                if not self._open[user_id]:
                    del self._open[user_id]

        return release
