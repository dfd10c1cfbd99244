"""What a plan says about itself."""

import json

from webapp.planners.bulk.fitting import NewText, Refused
from webapp.planners.bulk.report import MAX_REFUSALS, BulkReport


def test_a_report_stays_small_however_long_and_many_the_refused_texts_are() -> None:
    report, text = BulkReport(), "x" * 100_000
    for row in range(1, 101):
        report.note_refusal(Refused(NewText(row, 1, "", text), f"“{text}” is not a number", is_misfit=True))

    assert (report.refused, report.misfits, len(report.refusals)) == (100, 100, MAX_REFUSALS)
    shown = "x" * 300 + "…"
    assert report.refusals[0] == [1, 1, shown, f"“{shown}” is not a number"]
    assert len(json.dumps(report.to_json())) < 1_000 * MAX_REFUSALS
