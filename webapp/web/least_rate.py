"""The least rate of a client, in bytes per second of the time that this server waits for it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LeastRate:
    """`window` seconds of waiting are judged together, so that a pause is no fault. A rate of 0 accepts everybody."""

    rate: float
    window: float


@dataclass
class Pace:
    """How a client has kept up since the current window began. Time that the client does not cause is left out."""

    least: LeastRate
    _waited: float = field(default=0.0, init=False)
    _moved: int = field(default=0, init=False)

    @property
    def patience(self) -> float | None:
        """Seconds of waiting until the client is judged; None is for ever."""
        return max(0.0, self.least.window - self._waited) if self.least.rate else None

    def has_kept(self, waited: float, moved: int) -> bool:
        """Whether the client has kept the least rate, after `waited` more seconds in which `moved` bytes came or
        went.
        """
        self._waited += waited
        self._moved += moved
        if not self.least.rate or self._waited < self.least.window:
            return True
        is_kept = self._moved >= self.least.rate * self._waited
        self.restart()
        return is_kept

    def restart(self) -> None:
        self._waited, self._moved = 0.0, 0
