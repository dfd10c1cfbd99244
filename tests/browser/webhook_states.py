"""The pages of webhooks, in each state that looks different; see states.py."""

from contextlib import closing

from playwright.sync_api import expect

from tests.browser.states import LONG, Place, signed_in
from tests.database import connect

ADDRESS = f"https://hooks.invalid/{'a-long-path/' * 20}"


def make(at: Place, name: str = "Stock in the shop") -> str:
    """The address of the webhooks of a table; the page shows the secret of a new one."""
    address = f"{at.table()}/webhooks"
    at.page.goto(address)
    at.page.get_by_label("Name", exact=True).fill(name)
    at.page.get_by_label("Address", exact=True).fill(ADDRESS)
    at.page.get_by_role("button", name="Make the webhook").click()
    expect(at.page.locator("#secret")).to_contain_text("whsec_")
    return address


def fill(at: Place) -> None:
    """Deliveries of all kinds, and a webhook that fails."""
    with closing(connect(at.data / "rowcast.db")) as connection:
        webhook_id = connection.execute("SELECT max(id) FROM webhooks").fetchone()[0]
        connection.executemany(
            "INSERT INTO webhook_deliveries"
            " (webhook_id, message_id, kind, state, after_seq, last_seq, made_at, tried_at, attempts, status, ms,"
            " reason, answer)"
            " VALUES (?, 'msg_1', ?, ?, 0, ?, '2026-11-28 12:00:00', '2026-11-28 12:00:01', ?, ?, 12, ?, ?)",
            [
                (webhook_id, "test", "delivered", 0, 1, 204, "", ""),
                (webhook_id, "changes", "delivered", 1, 1, 200, "", f"thanks\n{'x' * 400}"),
                (webhook_id, "again", "failed", 40, 3, 500, "It answered 500.", LONG),
                (webhook_id, "changes", "failed", 9, 9, None, "It did not answer within 15 seconds.", ""),
            ],
        )
        connection.execute(
            "UPDATE webhooks SET is_on = 0, off_reason = 'failing', before_until = '2099-01-01 12:00:00',"
            " sealed_before = 'x', failing_since = '2026-11-28 12:00:00' WHERE id = ?",
            (webhook_id,),
        )


@signed_in
def no_webhooks(at: Place) -> None:
    at.page.goto(f"{at.table()}/webhooks")
    expect(at.page.get_by_role("heading", level=1)).to_have_text("Webhooks")


@signed_in
def webhooks_of_a_table(at: Place) -> None:
    address = make(at, LONG[:100])
    fill(at)
    at.page.goto(address)


@signed_in
def the_secret_of_a_webhook(at: Place) -> None:
    make(at)


@signed_in
def a_webhook_without_deliveries(at: Place) -> None:
    make(at)
    at.page.get_by_role("link", name="Done").click()
    expect(at.page.get_by_text("Nothing was sent yet.")).to_be_visible()


@signed_in
def a_webhook_with_deliveries(at: Place) -> None:
    address = make(at)
    fill(at)
    at.page.goto(address)
    at.page.get_by_role("link", name="Stock in the shop").click()
    at.page.get_by_text("What was answered").first.click()


@signed_in
def a_webhook_that_is_refused(at: Place) -> None:
    at.page.goto(f"{at.table()}/webhooks")
    at.page.get_by_label("Name", exact=True).fill("Stock")
    at.page.get_by_label("Address", exact=True).fill("https://10.0.0.1/")
    at.page.get_by_role("button", name="Make the webhook").click()
    expect(at.page.get_by_text("leads into a private network")).to_be_visible()
