"""Work that fails again and again is tried less and less often."""

import math

from webapp.jobs import retries
from webapp.jobs.retries import Retries


def test_each_pause_is_twice_as_long_up_to_an_hour_and_after_a_day_there_is_none() -> None:
    now = 0.0
    tries = Retries(lambda: now)
    assert tries.is_due("a")

    pauses = list[float]()
    while math.isfinite(pause := tries.failed("a")):
        pauses.append(pause)
        now += pause - 1
        assert not tries.is_due("a")
        now += 1
        assert tries.is_due("a")

    assert pauses[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert len(pauses) == retries.MAX_TRIES - 1
    assert 0.9 < sum(pauses) / 86_400 < 1.1
    assert not tries.is_due("a")
    assert tries.outlook("a") == "it is given up"


def test_what_succeeds_and_other_work_begin_anew() -> None:
    tries = Retries(lambda: 0.0)
    tries.failed("a")
    tries.failed("a")
    assert tries.outlook("a") == "it is tried again in 120 s at the earliest"
    assert tries.is_due("b")
    tries.forget("a")
    assert tries.is_due("a")
    assert tries.failed("a") == 60
