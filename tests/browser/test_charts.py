"""Charts in a browser: what the table shows is drawn, another kind is chosen, a figure leads to its rows."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_chart_of_what_the_table_shows_is_chosen_and_leads_back_to_its_rows(home: Visit, planets: str) -> None:
    page = home.page
    page.goto(f"{planets}?f.2=gt:0")
    page.get_by_role("link", name="Chart", exact=True).click()
    image = page.get_by_role("img", name="Number of rows by Planet")
    expect(image.locator("rect.column")).to_have_count(6)
    expect(page.get_by_label("Second column")).to_be_hidden()  # rows are counted

    page.get_by_label("Column", exact=True).select_option(label="Rings")
    page.get_by_label("Shows").select_option(label="Highest")
    page.get_by_label("Second column").select_option(label="Moons")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Highest of Moons by Rings")
    image = page.get_by_role("img", name="Highest of Moons by Rings")
    expect(image).to_have_accessible_description(
        "Bar chart of 6 rows: 2 bars; highest \u2068yes\u2069, 146; lowest \u2068no\u2069, 2."
    )
    widths = image.locator("rect.column").evaluate_all("bars => bars.map((bar) => bar.getBoundingClientRect().width)")
    assert abs(widths[0] / widths[1] - 146 / 2) < 1

    home.expect("/chart.* answered 422", "status of 422")
    page.get_by_label("Kind").select_option(label="Line chart")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("alert")).to_contain_text("needs a column of numbers, dates or times")
    controls = page.get_by_role("form", name="Chart").locator("select:visible, button")
    tops = controls.evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
    assert max(tops) - min(tops) < 1, tops  # in one line, whichever has the message below it
    page.get_by_label("Kind").select_option(label="Bar chart")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("link", name="no", exact=True)).to_have_css("text-decoration-line", "underline")
    page.get_by_role("link", name="no", exact=True).click()
    expect(page.locator("#grid tbody.rows td:nth-child(2)")).to_have_text(["Earth", "Mars"])
    expect(page.locator(".chip")).to_have_count(2)
