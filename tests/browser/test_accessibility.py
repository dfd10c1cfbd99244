"""Everybody can use every page: axe finds nothing in any state, nothing is wider than a phone, and what people ask of
their system (dark, high contrast, less motion, large letters) is heard."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import (  # noqa: F401  (they register themselves)
    account_states,
    admin_states,
    bulk_states,
    chart_states,
    edit_states,
    form_states,
    link_states,
    shared_states,
    single_sign_on_states,
    trash_states,
    update_states,
    view_states,
    webhook_states,
)
from tests.browser.conftest import Visit
from tests.browser.people import sign_up
from tests.browser.states import REFUSALS, SIGNED_IN, SIGNED_OUT, Place
from tests.openid import free_port
from tests.servers import Server

DESKTOP, PHONE, ZOOMED = (1440, 900), (390, 844), (320, 256)  # the last: 1280 x 1024 at 400 %
# All that axe knows of WCAG and of good practice; of the size of targets it has to be asked.
EVERYTHING = {"resultTypes": ["violations"], "preload": False, "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "preload": False, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
AXE = Axe()
AXES_OWN = "Applying inline style"  # it moves things about to measure them

Show = Callable[[str], Visit]


@pytest.fixture
def show(request: pytest.FixtureRequest, visit: Callable[..., Visit], house: Server, tmp_path: Path) -> Show:
    """`show("row")` is a window on a page in that state. Nothing moves in it, so that colours are what they will be."""

    def make(name: str, **media: Any) -> Visit:
        found: Visit = request.getfixturevalue("home") if name in SIGNED_IN else visit(house)
        found.expect(REFUSALS)
        found.page.emulate_media(**{"reduced_motion": "reduce", **media})
        (SIGNED_IN | SIGNED_OUT)[name](Place(found.page, house, tmp_path))
        expect(found.page.locator("[aria-busy=true]")).to_have_count(0)
        return found

    return make


@pytest.mark.parametrize("state", [*SIGNED_IN, *SIGNED_OUT])
def test_every_page_is_accessible_in_light_and_dark_and_on_a_phone(show: Show, state: str) -> None:
    ensure_accessible(show(state))


@pytest.fixture(scope="module")
def with_provider(shared_server: Callable[..., Server]) -> Callable[[str], Server]:
    """`with_provider("owners")` is a server that has single sign-on, and passwords for owners alone."""

    @cache
    def start(passwords: str) -> Server:
        port = str(free_port())
        given = {"port": port, "public_origin": f"http://localhost:{port}", "registration": "open"}
        server = shared_server(password_sign_in=passwords, **given, **single_sign_on_states.PROVIDER)
        sign_up(server)
        return server

    return start


@pytest.mark.parametrize(
    ("passwords", "state"),
    [("everybody", state) for state in single_sign_on_states.STATES]
    + [("owners", state) for state in single_sign_on_states.FOR_OWNERS],
)
def test_so_is_every_page_of_single_sign_on(
    visit: Callable[..., Visit], with_provider: Callable[[str], Server], tmp_path: Path, passwords: str, state: str
) -> None:
    server = with_provider(passwords)
    found = visit(server)
    found.expect(REFUSALS)
    found.page.emulate_media(reduced_motion="reduce")
    states = single_sign_on_states.STATES | single_sign_on_states.FOR_OWNERS
    states[state](Place(found.page, server, tmp_path))
    ensure_accessible(found)


def ensure_accessible(found: Visit) -> None:
    """In light and dark, on a desk and on a phone, and nothing wider than the window."""
    assert not found.trouble
    found.expect(AXES_OWN)
    found.page.evaluate(AXE.axe_script)
    complaints = []
    for size, scheme, rules in (
        (DESKTOP, "light", EVERYTHING),
        (DESKTOP, "dark", COLOURS),
        (PHONE, "dark", COLOURS),
        (PHONE, "light", EVERYTHING),
    ):
        wear(found.page, size, scheme)
        results = AxeResults(found.page.evaluate("(rules) => axe.run(rules)", rules))
        if results.violations_count:
            complaints.append(f"{size}, {scheme}: {results.generate_report()}")
    assert not complaints, "\n".join(complaints)
    for size in (PHONE, ZOOMED):
        wear(found.page, size, "light")
        over = found.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{over} px too wide for {size}"


def wear(page: Page, size: tuple[int, int], scheme: Any) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)


MOVING = """() => [...document.querySelectorAll('*')].flatMap((element) => ['', '::before', '::after'].map((part) => {
    const style = getComputedStyle(element, part || null);
    const longest = Math.max(...`${style.transitionDuration},${style.animationDuration}`.split(',').map(parseFloat));
    return longest > 0.01 ? `${element.tagName}.${element.className}${part} ${longest} s` : '';
})).filter(Boolean)"""


@pytest.mark.parametrize("state", ["import loading", "table with a column beside it", "a toast", "dashboard"])
def test_there_are_no_animations_with_reduced_motion(show: Show, state: str) -> None:
    page = show(state).page
    page.evaluate("document.documentElement.dataset.busy = ''")
    assert page.evaluate(MOVING) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING), "This test looks at nothing."


def test_state_is_visible_with_forced_colours(show: Show) -> None:
    page = show("table with a column beside it", forced_colors="active").page
    bar, paper = page.evaluate(
        """() => [
            getComputedStyle(document.querySelector('.histogram .bar')).fill,
            getComputedStyle(document.querySelector('#panel')).backgroundColor,
        ]"""
    )
    assert bar != paper
    page.locator("#grid tbody.rows td").first.focus()
    expect(page.locator("#grid tbody.rows td").first).to_have_css("outline-style", "solid")
    page = show("table searched filtered and sorted", forced_colors="active").page
    expect(page.locator(".chip").first).to_have_css("border-top-style", "solid")
    expect(page.get_by_role("button").first).not_to_have_css("border-top-style", "none")


@pytest.mark.parametrize("width", [390, 1000, 1440])
def test_tools_whose_words_are_not_shown_keep_them_as_their_names(show: Show, width: int) -> None:
    page = show("table searched filtered and sorted").page
    page.set_viewport_size({"width": width, "height": 800})
    for name in ("Columns", "History", "Share"):
        expect(page.get_by_role("link", name=re.compile(f"^{name}"))).to_be_visible()
    for name in ("Filter", "Export", "Edit"):
        menu = page.locator(".tools summary").filter(has_text=re.compile(f"^{name}"))
        assert menu.evaluate("element => element.innerText").startswith(name)


def test_two_filters_have_the_room_of_the_words_beside_the_tools(show: Show) -> None:
    page = show("table searched filtered and sorted").page
    page.set_viewport_size({"width": 1200, "height": 900})
    last, clear = page.locator(".chip:not(.plain)").last.bounding_box(), page.locator("[data-clear]").bounding_box()
    assert last
    assert clear
    assert last["x"] + last["width"] <= clear["x"]
