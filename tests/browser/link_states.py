"""The pages of links, and of those who come by one, in each state that looks different; see states.py."""

from playwright.sync_api import expect

from tests.browser.states import LONG, Place, signed_in


def link_to(at: Place, view: str = "f.2=gt:0&cols=1,2,4", *, edits: bool = False, password: str = "") -> str:
    """The address of a new link to a part of a table."""
    at.page.goto(f"{at.table()}?{view}")
    at.page.locator("#show-links").click()
    at.page.get_by_label("Name", exact=True).fill(f"Press and {LONG}")
    if edits:
        at.page.locator("#may_edit").check()
    at.page.get_by_label("Password", exact=True).fill(password)
    at.page.get_by_role("button", name="Make the link").click()
    expect(at.page.locator(".notice.done")).to_contain_text("works now")
    return at.page.locator("code.secret").first.text_content() or ""


@signed_in
def links(at: Place) -> None:
    link_to(at)


@signed_in
def a_link_to_be_changed(at: Place) -> None:
    link_to(at)
    at.page.get_by_role("link", name="Change").click()
    expect(at.page.get_by_role("heading", level=1)).to_contain_text("Change the link")


@signed_in
def a_shared_table(at: Place) -> None:
    at.page.goto(link_to(at))
    expect(at.page.get_by_text("Shared by a link")).to_be_visible()


@signed_in
def a_shared_table_to_be_edited(at: Place) -> None:
    at.page.goto(link_to(at, edits=True))
    expect(at.page.locator("[data-may-edit]")).to_have_count(1)


@signed_in
def a_shared_table_in_a_frame(at: Place) -> None:
    at.page.goto(f"{link_to(at)}?embed")
    expect(at.page.locator("body.bare")).to_have_count(1)


@signed_in
def a_link_that_asks_for_its_password(at: Place) -> None:
    address = link_to(at, password="the rings of Saturn")
    at.page.goto(address)
    at.page.get_by_label("Password").fill("the rings of Uranus")
    at.page.get_by_role("button", name="Open").click()
    expect(at.page.get_by_text("This is not the password of this link.")).to_be_visible()


@signed_in
def a_row_of_a_shared_table(at: Place) -> None:
    a_shared_table(at)
    at.page.locator("#grid tbody th a").first.click()
    expect(at.page.locator("#panel h2")).to_be_focused()


@signed_in
def groups_of_a_shared_table(at: Place) -> None:
    at.page.goto(f"{link_to(at)}?group=4&sums=2")
    at.page.locator(".group summary").last.click()
    expect(at.page.locator(".group-rows")).to_be_visible()


@signed_in
def summary_beside_a_shared_table(at: Place) -> None:
    a_shared_table(at)
    at.page.locator("#show-summary").click()
    expect(at.page.get_by_role("heading", name="Summary")).to_be_focused()


@signed_in
def chart_of_a_shared_table(at: Place) -> None:
    at.page.goto(f"{link_to(at)}/chart?kind=bar&x=4")


@signed_in
def chart_in_a_frame(at: Place) -> None:
    at.page.goto(f"{link_to(at)}/chart?kind=bar&x=1&y=2&measure=sum&embed")
    expect(at.page.locator("body.bare svg[role=img]")).to_be_visible()


@signed_in
def a_link_that_does_not_work(at: Place) -> None:
    """Revoked, expired, or never made: it is the same page."""
    at.page.goto(f"/s/{'x' * 43}")
    expect(at.page.get_by_role("heading", level=1)).to_have_text("Not found")
