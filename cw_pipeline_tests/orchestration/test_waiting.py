"""What a line that waits for a person says in the tables of the jobs that settle it."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.orchestration.jobs.waiting import waiting_lines
from cw_pipeline_tests.warehouse.examples import MARCH, a_line


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome.CREDIT_DUE, "Unusual usage. The reason."),
        (Outcome.UNCONFIRMED, "Unusual usage. The reason."),
        (Outcome.UNCHANGED, "Unusual usage."),
    ],
)
def test_a_stuck_line_shows_its_warning_and_its_reason(outcome: Outcome, says: str) -> None:
    line = replace(a_line(outcome, 5), warning="Unusual usage.", reason="The reason.")
    table = waiting_lines([(MARCH, line)], none="None.")
    assert isinstance(table, dg.TableMetadataValue)
    (row,) = table.records
    assert row.data["reason"] == says
