"""A browser, the system's Chromium, and a real server to look at: every test is a visit with a fresh context.

Whatever a test is about, its visit must be clean: no error in the console, none thrown, nothing against the content
security policy, no request that failed. What a test provokes on purpose it names with `visit.expect`.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, Response, Route, expect, sync_playwright

from tests.browser.people import Cookies, sign_up
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS, Cells, add_table

PATIENCE = 30_000  # milliseconds for anything that should take a moment
# Chromium keeps two hidden pages of its address bar ready for each window, a process each: more work than the page that
# a test looks at. It hears only the last list of features that are off, so Playwright's are here again.
FEATURES_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    f"--disable-features={','.join(FEATURES_OFF)}",
)
# A person is slower than the deferred scripts of a page; a test would press a button before they have run.
NO_CLICKS_UNTIL_READY = """
const sheet = new CSSStyleSheet();
sheet.replaceSync(':root, :root * { pointer-events: none !important }');
document.adoptedStyleSheets.push(sheet);
addEventListener('DOMContentLoaded', () => {
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
}, { once: true });
"""
# The page itself stops a request that is no longer wanted: an overtaken search, a stream, a download.
ON_PURPOSE = "net::ERR_ABORTED"


class Visit:
    """A person's browser window on one server. `trouble` collects everything that went wrong in it."""

    def __init__(self, page: Page, server: Server) -> None:
        page.set_default_timeout(PATIENCE)
        self.page = page
        self.server = server
        self.requests: list[Request] = []
        self._trouble: list[str] = []
        self._expected: list[str] = []
        page.on("request", lambda request: self.requests.append(request))
        page.on("console", lambda message: message.type in ("error", "warning") and self._note(message.text))
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def expect(self, *patterns: str) -> None:
        """Expect this: it would be trouble elsewhere, but is the subject of this test."""
        self._expected += patterns

    @property
    def trouble(self) -> list[str]:
        return [text for text in self._trouble if not any(re.search(pattern, text) for pattern in self._expected)]

    def asked(self, pattern: str, *, method: str = "GET") -> list[str]:
        """The addresses asked for so far that match."""
        return [found.url for found in self.requests if found.method == method and re.search(pattern, found.url)]

    def _note(self, text: str) -> None:
        self._trouble.append(text)

    def _failed(self, request: Request) -> None:
        if request.failure != ON_PURPOSE:
            self._note(f"{request.method} {request.url} failed: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"{response.request.method} {response.url} answered {response.status}")


def open_profile(browser: Browser, server: Server, **options: Any) -> BrowserContext:
    context = browser.new_context(base_url=f"http://localhost:{server.port}", locale="en-GB", **options)
    if options.get("java_script_enabled", True):
        context.add_init_script(NO_CLICKS_UNTIL_READY)
    return context


def give(context: BrowserContext, server: Server, cookies: Cookies) -> None:
    context.add_cookies([{"name": n, "value": v, "url": f"http://localhost:{server.port}"} for n, v in cookies])


def let_go(held: list[Route]) -> None:
    """Answer the held request; the page may have given it up in the meantime."""
    for route in held:
        answer = route.fetch()
        with suppress(Error):
            route.fulfill(response=answer)


def find_chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "These tests need Chromium."
    return path


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all tests in this folder; it ends before others run, because it keeps an event loop running."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """`visit(server, cookies)` opens a window of a new browser profile, of which the rest are the options."""
    visits: list[Visit] = []

    def open_window(server: Server, cookies: Cookies | None = None, **options: Any) -> Visit:
        context = open_profile(chromium, server, **options)
        give(context, server, cookies or [])
        visits.append(Visit(context.new_page(), server))
        return visits[-1]

    yield open_window
    for found in visits:
        found.page.context.close()
    assert not [text for found in visits for text in found.trouble]


@pytest.fixture(scope="package")
def owned(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[tuple[Server, Cookies]]:
    """A server and its owner, Ada, who is the first to sign up, whichever test comes first."""
    folder = shutil.copytree(migrated, tmp_path_factory.mktemp("house") / "data")
    with Server("webapp:create_app", folder, registration="open") as server:
        yield server, sign_up(server)


@pytest.fixture(scope="package")
def house(owned: tuple[Server, Cookies]) -> Server:
    """One server for all tests that need none of their own."""
    return owned[0]


@pytest.fixture(scope="package")
def ada(owned: tuple[Server, Cookies]) -> Cookies:
    """The owner of everything in the house, signed in."""
    return owned[1]


@pytest.fixture(scope="package")
def profile(chromium: Browser, house: Server) -> BrowserContext:
    """Ada's profile: static files are cached, as for everybody after the first visit."""
    return open_profile(chromium, house)


@pytest.fixture
def home(profile: BrowserContext, house: Server, ada: Cookies) -> Iterator[Visit]:
    """Ada's window on the shared server. Each test starts without cookies or local storage of others."""
    profile.clear_cookies()
    give(profile, house, ada)
    visit = Visit(profile.new_page(), house)
    yield visit
    with suppress(Error):  # a page that is no page of ours has nothing to forget
        visit.page.evaluate("localStorage.clear()")
    visit.page.close()
    assert not visit.trouble


@pytest.fixture
def page(home: Visit) -> Page:
    return home.page


@pytest.fixture
def table(house: Server, ada: Cookies) -> Callable[..., str]:
    """`table(columns, rows)` is the address of a new table of Ada's."""

    def make(columns: dict[str, str], rows: Cells, title: str = "Planets") -> str:
        return f"/tables/{add_table(house.data_dir, columns, rows, title=title)}"

    return make


@pytest.fixture
def planets(page: Page, table: Callable[..., str]) -> str:
    """The address of a table of planets, which Ada looks at."""
    address = table(PLANETS, PLANET_ROWS)
    page.goto(address)
    return address
