"""Signing in through a real provider in a real browser: its form, its cookies, the way back from another site."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers import PASSWORD
from tests.openid import CLIENT, free_port, openid_provider
from tests.openid import PASSWORD as PASSWORD_THERE
from tests.servers import Server


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_signing_in_by_the_button(
    browser: Browser, server: Callable[..., Server], tmp_path: Path, scripts: bool
) -> None:
    port = free_port()
    with openid_provider(tmp_path / "provider", f"http://localhost:{port}/login/oidc/callback") as issuer:
        # Another host name than the provider's: another site.
        given = {"oidc_issuer": issuer, "oidc_name": "Example ID", "oidc_accounts": "everybody", **CLIENT}
        running = server(port=str(port), public_origin=f"http://localhost:{port}", **given)
        context = browser.new_context(java_script_enabled=scripts, base_url=f"http://localhost:{running.port}")
        page = context.new_page()
        page.goto("/register")
        page.get_by_label("E-mail").fill("ada@example.org")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_role("button", name="Create the account").click()
        page.wait_for_url("**/dashboard")
        context.clear_cookies()

        page.goto("/account/identities")
        page.get_by_role("button", name="Sign in with Example ID").click()
        page.wait_for_url(f"{issuer}/**", wait_until="commit")
        page.locator("#username").fill("eve")
        page.locator("#password").fill(PASSWORD_THERE)
        page.locator("button[type=submit]").first.click()

        page.wait_for_url("**/account/identities")
        expect(page.get_by_role("heading", name="Single sign-on")).to_be_visible()
        expect(page.locator("#main").get_by_text("eve@example.org").first).to_be_visible()
        context.close()
