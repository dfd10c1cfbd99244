"""Counting how numbers are written: the fast way for plain decimals says what the grammar says."""

import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webapp.types import number_tally
from webapp.types.number_tally import NumberTally

NO_TEXT = re.compile("(?!)")
PLAIN = st.from_regex(r"-?(0|[1-9][0-9]{0,17})[.,][0-9]{1,45}", fullmatch=True)
SHORT = st.from_regex(r"-?[0-9]{1,4}[.,][0-9]{1,4}", fullmatch=True)
OTHERS = st.sampled_from(
    ["", "7", "007", "12E4", "12F3", "$5", "NA", "1.2.3", "1,234,567", "1.234,5", ".5", "5.", "1.5\n", "\u0663.5"]
)
TEXTS = st.lists(st.one_of(PLAIN, SHORT, OTHERS), max_size=30)


@given(TEXTS, st.sampled_from(["", "integer", "decimal"]), st.sampled_from(["", ".", ","]))
@example(["12F3", "12.5"], "", "")
@example(["123456789012345." + "1" * 45], "", "")
@example(["1.234", "-1,234", "12.5", "-0.0", "0.00", "0.123", "-0.5", "1234.567"], "", "")
def test_plain_decimals_are_counted_as_the_grammar_reads_them(texts: list[str], only: str, mark: str) -> None:
    fast = said_of(texts, only, mark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(number_tally, "_PLAIN", NO_TEXT)
        assert fast == said_of(texts, only, mark)


def said_of(texts: list[str], only: str, mark: str) -> list[object]:
    tally = NumberTally(0, None, only, mark)
    tally.add(Counter(filter(None, texts)))
    counted = [(reading.ways, reading.valued, reading.exceptions) for reading in tally._readings.values()]
    signs = tally.identifiers.reason, tally.longest_code(), tally.ambiguous_reading(), tally.evidence()
    return [counted, tally.offers(), tally.filled, signs]
