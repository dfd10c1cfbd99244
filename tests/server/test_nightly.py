"""The program that the documents show runs as it stands, while somebody edits in a browser."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, Visit, find_chromium, give, open_profile
from tests.browser.conftest import PATIENCE as BROWSER_PATIENCE
from tests.browser.people import Cookies, sign_up
from tests.browser.test_places import cell
from tests.database import connect
from tests.servers import PATIENCE, ROOT, Server
from tests.tokens import issue_token

PROGRAM = ROOT / "docs" / "nightly.py"


def edit(server: Server, cookies: Cookies, table: int, text: str) -> None:
    """The stock of the third row, in the grid. The browser ends with it: it keeps an event loop running."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS])
        context = open_profile(browser, server)
        give(context, server, cookies)
        visit = Visit(context.new_page(), server)
        visit.page.goto(f"/tables/{table}")
        cell(visit.page, 3, 2).click()
        visit.page.keyboard.type(text)
        visit.page.keyboard.press("Enter")
        expect(cell(visit.page, 3, 2)).to_have_text(text, timeout=BROWSER_PATIENCE)
        expect(visit.page.locator("#grid td.saving")).to_have_count(0, timeout=BROWSER_PATIENCE)
        browser.close()
        assert not visit.trouble


def test_the_nightly_program_ends_with_what_everybody_wrote(server: Callable[..., Server], data_dir: Path) -> None:
    running = server()
    ada = sign_up(running)
    environment = {
        "PATH": os.environ["PATH"],
        "ROWCAST_SERVER": f"http://127.0.0.1:{running.port}",
        "ROWCAST_TOKEN": issue_token(running),
    }
    program = subprocess.Popen([sys.executable, PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        table = int(program.stdout.readline())
        edit(running, ada, table, "1234")
        written, _ = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
        program.wait()

    assert (program.returncode, written) == (0, "equal after a change by ada\n")
    with closing(connect(data_dir / "rowcast.db")) as connection:
        log = connection.execute(
            "SELECT kind, via FROM change_sets WHERE table_id = ? ORDER BY seq", (table,)
        ).fetchall()
    assert (log[0], log[-1]) == (("import.update", "import"), ("cells", "grid"))
