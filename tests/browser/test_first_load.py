"""What a first visit costs: bytes, scripts that are not needed, and layout that shifts under the eyes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Visit
from tests.browser.people import Cookies, settle
from tests.browser.states import CORPUS
from tests.helpers import Person
from tests.import_states import add_import
from tests.servers import Server

MAX_BYTES, MAX_SHIFT = 100_000, 0.01
MAX_TABLE_BYTES = 140_000  # with the scripts of editing and of live changes, 32 files with 750 bytes of headers each
ROWS = [(f"row {number}", str(number), "a few words") for number in range(1, 301)]
SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shift += entry.value; })
    .observe({ type: 'layout-shift', buffered: true });"""


@pytest.mark.parametrize("name", ["home", "dashboard", "table", "preview"])
def test_a_first_load_is_light_loads_no_script_of_other_pages_and_does_not_shift(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str], name: str
) -> None:
    addresses = {
        "home": lambda: "/",
        "dashboard": lambda: "/dashboard",
        "table": lambda: table({"Name": "text", "Number": "integer", "Note": "text"}, ROWS),
        "preview": lambda: add_import(house.data_dir, CORPUS / "big_ints.csv", "ready"),
    }
    people = {"home": lambda: [], "dashboard": lambda: settle(house, Person("newcomer@example.org"))}
    found = visit(house, people.get(name, lambda: ada)())
    network = found.page.context.new_cdp_session(found.page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    found.page.add_init_script(SHIFTS)
    found.page.goto(addresses[name](), wait_until="load")
    shift: Any = found.page.evaluate("window.shift")

    assert 20_000 < sum(sizes) < (MAX_TABLE_BYTES if name == "table" else MAX_BYTES)
    assert shift < MAX_SHIFT
    assert bool(found.asked(r"/js/grid/")) == (name == "table")
