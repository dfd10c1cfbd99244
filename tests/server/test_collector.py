"""What the garbage collector of a running server has to look at."""

import json
from collections.abc import Callable
from typing import Any

from tests.servers import Server, wait_for
from webapp.serving.collector import THRESHOLDS

Start = Callable[..., Server]
APP = "tests.server.apps:uncollected"
MANY = 300


def alive(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.get("/alive").body)
    return found


def test_what_was_loaded_at_the_start_is_not_looked_at_again(server: Start) -> None:
    running = server(APP)

    found = alive(running)

    assert found["threshold"] == list(THRESHOLDS)
    assert found["frozen"] > 10 * found["objects"]


def test_connections_that_have_ended_are_gone_without_a_collection(server: Start) -> None:
    """But for some whose requests are still in the list of timers: asyncio clears it when there are a hundred."""
    running = server(APP)
    for _ in range(MANY):
        assert running.get("/up").status == 200

    wait_for(lambda: alive(running)["connections"] < MANY)
