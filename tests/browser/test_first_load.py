"""What a first visit costs: bytes, scripts that are not needed, and layout that shifts under the eyes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from tests.browser.conftest import Visit
from tests.browser.people import Cookies, settle
from tests.browser.states import CORPUS
from tests.helpers import Person
from tests.import_states import add_import
from tests.servers import Server

MAX_BYTES, MAX_SHIFT = 100_000, 0.01
MAX_TABLE_BYTES = 140_000  # with the scripts of editing and of live changes, 30 files with 750 bytes of headers each
ON_FIRST_USE = r"/js/(upload|drop|grid/(bulk|fit|found|totals))\.js"  # of a table
ROWS = [(f"row {number}", str(number), "a few words") for number in range(1, 301)]
SHIFTS = """window.shift = 0;
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.shift += entry.value;
    for (const { node, previousRect: before, currentRect: after } of entry.sources) {
      window.moved.push(`${node?.outerHTML?.slice(0, 60) ?? node?.nodeName}: ${JSON.stringify([before, after])}`);
    }
  }
}).observe({ type: 'layout-shift', buffered: true });"""
PIECE, PAUSE = 1000, 0.03  # characters of a page that arrive at once, and seconds between two pieces


@pytest.fixture
def open_first(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]
) -> Callable[[str], tuple[Visit, str]]:
    """A window, and the address of the page with this name that is to be loaded in it."""
    addresses = {
        "home": lambda: "/",
        "dashboard": lambda: "/dashboard",
        "table": lambda: table({"Name": "text", "Number": "integer", "Note": "text"}, ROWS),
        "preview": lambda: add_import(house.data_dir, CORPUS / "big_ints.csv", "ready"),
    }

    def make(name: str) -> tuple[Visit, str]:
        people = {"home": lambda: [], "dashboard": lambda: settle(house, Person(f"{uuid4()}@example.org"))}
        return visit(house, people.get(name, lambda: ada)()), addresses[name]()

    return make


@pytest.fixture
def slow_line(house: Server) -> Iterator[str]:
    """The address of a proxy of the server through which pages arrive in pieces. It must outlive the window."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server = HTTPConnection("127.0.0.1", house.port)
            server.request("GET", self.path, headers={**self.headers, "Accept-Encoding": "identity"})
            answer = server.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.end_headers()
            is_page = answer.getheader("Content-Type", "").startswith("text/html")
            with suppress(OSError):  # the window is closed
                while piece := answer.read1(PIECE if is_page else -1):
                    self.wfile.write(piece)
                    time.sleep(PAUSE if is_page else 0)
            server.close()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    yield f"http://localhost:{proxy.server_port}"
    proxy.shutdown()
    thread.join()
    proxy.server_close()


@pytest.mark.parametrize("name", ["home", "dashboard", "table", "preview"])
def test_what_was_painted_does_not_move_while_the_rest_of_a_page_arrives(
    slow_line: str, open_first: Callable[[str], tuple[Visit, str]], name: str
) -> None:
    found, address = open_first(name)
    found.page.add_init_script(SHIFTS)
    found.page.goto(slow_line + address, wait_until="load")

    assert found.page.evaluate("window.shift") < MAX_SHIFT, found.page.evaluate("window.moved")


@pytest.mark.parametrize("name", ["home", "dashboard", "table", "preview"])
def test_a_first_load_is_light_loads_no_script_of_other_pages_and_does_not_shift(
    open_first: Callable[[str], tuple[Visit, str]], name: str
) -> None:
    found, address = open_first(name)
    network = found.page.context.new_cdp_session(found.page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    found.page.add_init_script(SHIFTS)
    found.page.goto(address, wait_until="load")

    assert 20_000 < sum(sizes) < (MAX_TABLE_BYTES if name == "table" else MAX_BYTES)
    assert found.page.evaluate("window.shift") < MAX_SHIFT, found.page.evaluate("window.moved")
    assert bool(found.asked(r"/js/grid/")) == (name == "table")
    assert name != "table" or not found.asked(ON_FIRST_USE)
