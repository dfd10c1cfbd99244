"""What programs are told of a change set."""

import pytest

from webapp.models.tables.change_documents import change_document
from webapp.models.tables.change_feed import Author, LoggedSet


@pytest.mark.parametrize(
    ("author", "told"),
    [
        (Author(7, "Ada"), {"id": 7, "name": "Ada"}),
        (Author(-4, "a visitor via link “Press”"), {"id": None, "name": "a visitor via link “Press”"}),
        (Author(None, "the form New planets"), {"id": None, "name": "the form New planets"}),
    ],
)
def test_only_people_have_ids(author: Author, told: dict[str, object]) -> None:
    assert change_document(LoggedSet(1, "cells", author))["by"] == told


@pytest.mark.parametrize(("longest", "told"), [(3, [None, "abc"]), (None, ["abcd", "abc"])])
def test_long_texts_are_left_out_or_whole(longest: int | None, told: list[str | None]) -> None:
    logged = LoggedSet(1, "cells", Author(7, "Ada"), cells=[(1, 1, "abcd"), (2, 1, "abc")])

    assert [cell["text"] for cell in change_document(logged, longest)["cells"]] == told
