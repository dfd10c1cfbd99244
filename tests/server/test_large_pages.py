"""A server whose clients ask for the largest pages goes on answering others."""

import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.helpers import ADA, PASSWORD
from tests.servers import PATIENCE, Server
from tests.tables import add_table

MEGABYTE = 1_000_000
ROWS, CLIENTS = 40, 4
PAGES = 3  # that each client asks for
LARGEST = 2_000_000  # bytes of a page; with all of these cells it would be 40 MB


def test_health_checks_are_answered_while_pages_of_long_cells_are_asked_for(
    server: Callable[..., Server], data_dir: Path
) -> None:
    running = server()
    address, headers = f"http://127.0.0.1:{running.port}", {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as ada:
        ada.post("/register", data={"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD})
        cookies = dict(ada.cookies)
    table = add_table(data_dir, {"Long": "text"}, [["&" * MEGABYTE] for _ in range(ROWS)])
    sizes: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=address, cookies=cookies, timeout=PATIENCE) as client:
            for _ in range(PAGES):
                answer = client.get(f"/tables/{table}")
                sizes.append(len(answer.content) if answer.status_code == 200 else -1)

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    answered = 0
    while any(client.is_alive() for client in clients):
        assert running.get("/up").status == 200
        answered += 1

    assert len(sizes) == CLIENTS * PAGES
    assert min(sizes) > 0
    assert max(sizes) <= LARGEST
    assert answered > len(sizes)  # none waited for one page after the other
