"""A fault of this program that loses a seat: its month is stopped, with its number, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    MONTHS,
    failure_of,
    lines_to_write,
    lose_a_seat_of,
    materialized,
    run,
    the_check,
    written,
)

if TYPE_CHECKING:
    import dagster as dg
    import pytest

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def test_a_preview_that_loses_a_seat_blocks_only_its_month(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_a_seat_of(MIDDLE, monkeypatch)
    result = run(instance, MONTHS)
    assert not result.success
    check = the_check(result, "seats_add_up")
    assert (check.passed, check.blocking) == (False, True)
    assert check.metadata["unaccounted_seats"].value == {str(FIRST): 0, str(MIDDLE): 1, str(LAST): 0}
    assert f"The preview of {MIDDLE} does not account for 1 of " in failure_of(result)
    for spec in (PREVIEW, PUSH):
        assert materialized(instance, spec) == {str(FIRST), str(LAST)}
    assert written(sandbox) == lines_to_write(sandbox, active, FIRST, LAST)
