"""The grid's rows as HTML."""

from typing import Any

import html5lib
import pytest

from webapp.rowstore.table_ref import Field
from webapp.tables.grid import MAX_WIDTH, MIN_WIDTH, address_of, render_rows, style_sheet, width_of

BOOLEAN = {"true": "yes", "false": "no"}


def fields(*types: str) -> list[Field]:
    return [
        Field(number, f"Column {number}", kind, BOOLEAN if kind == "boolean" else {})
        for number, kind in enumerate(types, 1)
    ]


def cells_of(html: str) -> list[list[Any]]:
    tree = html5lib.parseFragment(f"<table><tbody>{html}</tbody></table>", namespaceHTMLElements=False)
    return [[cell for cell in row if cell.tag == "td"] for row in tree.iter("tr")]


def rendered(row: tuple[str, ...], *types: str) -> list[Any]:
    return cells_of(render_rows([(7, row)], fields(*types), lambda number: f"/tables/1/rows/{number}?q=a&b=c"))[0]


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "</td><td>", '"><img src=x onerror=alert(1)>', "&amp;", "a\0b", "\0", "'\"<>&"],
)
def test_the_text_of_a_cell_is_escaped(hostile: str) -> None:
    cells = rendered(("before", hostile, "behind"), "text", "text", "text")

    assert [cell.text for cell in cells] == ["before", hostile.replace("\0", "\u2400"), "behind"]
    assert [len(cell) for cell in cells] == [0, 0, 0]


def test_the_number_of_a_row_links_to_its_page() -> None:
    html = render_rows([(1234, ("a",))], fields("text"), lambda number: f"/tables/1/rows/{number}?q=a&b=c")

    box = "<input type=checkbox form=b name=r value=1234 aria-label=1234>"
    link = '<a href="/tables/1/rows/1234?q=a&amp;b=c">1234</a>'
    assert html.startswith(f"<tr id=r1234><th scope=row>{box}{link}<td>")


def test_only_cells_that_are_addresses_become_links() -> None:
    html = render_rows(
        [(1, ("https://example.org/?a=1&b=2",)), (2, ("none",)), (3, ("ada@example.org",))],
        fields("text"),
        lambda number: f"/{number}",
    )

    first, second, third = (row[0] for row in cells_of(html))
    assert first[0].attrib["href"] == first[0].text == "https://example.org/?a=1&b=2"
    assert first[0].attrib["rel"] == "noreferrer"
    assert first[0].attrib["target"] == "_blank"
    assert second.text == "none"
    assert third[0].attrib == {"href": "mailto:ada@example.org"}
    assert third[0].text == "ada@example.org"


def test_a_page_of_rows_keeps_every_cell_in_its_row() -> None:
    texts = [tuple(f" {row}.{place}\n" for place in range(3)) for row in range(30)]

    html = render_rows(list(enumerate(texts, 1)), fields("text", "text", "text"), lambda number: f"/{number}")

    assert [tuple(cell.text for cell in row) for row in cells_of(html)] == texts
    assert render_rows([], fields("text"), lambda number: f"/{number}") == ""


def test_a_web_address_with_a_blank_in_or_around_it_is_no_link() -> None:
    assert [address_of(text) for text in ("https://a.example/ ", "https://a.example\n", "https://a\u00a0b")] == [
        None
    ] * 3


@pytest.mark.parametrize(
    "text",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://", "https://a b", "ftp://a", "a@b", "@", ""],
)
def test_a_text_that_is_not_a_whole_web_or_mail_address_is_not_a_link(text: str) -> None:
    assert address_of(text) is None


def test_booleans_keep_their_words() -> None:
    assert [rendered((word,), "boolean")[0][0].tag for word in ("yes", "no")] == ["b", "i"]
    assert rendered(("yes",), "boolean")[0][0].text == "yes"
    assert len(rendered(("",), "boolean")[0]) == 0


def test_the_style_sheet_aligns_numbers_to_the_right() -> None:
    assert style_sheet("tnbn") == (
        ".grid td:nth-child(3),.grid td:nth-child(5){text-align:right}\n.grid td:nth-child(4){text-align:center}"
    )


def test_the_width_of_a_column_fits_its_content_within_limits() -> None:
    assert MIN_WIDTH <= width_of("", 1) < MIN_WIDTH + 10
    assert width_of("N", 500) == MAX_WIDTH
    assert MIN_WIDTH < width_of("City", 10) < width_of("City", 20) < MAX_WIDTH
    assert width_of("A long title", 1) > width_of("City", 1)
