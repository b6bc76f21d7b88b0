"""A month in a person's hands, over the UI's API: looked at, approved, undone, pushed for one customer first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES
from cw_pipeline_tests.orchestration.monthly_runs import FIRST, LAST, MIDDLE, lines_to_write, our_lines, written
from cw_pipeline_tests.support.active import Active, activate
from cw_pipeline_tests.support.by_hand import keep_by_hand_beside, last_day_of

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.orchestration.dagster_ui import DagsterUi

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@pytest.fixture
def on_a_database(sandbox: Sandbox, new_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Active:
    """Five companies mapped for the last three closed months, on each database."""
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", new_database_url)
    active = activate(FIRST)
    sandbox.journal.clear()
    return active


def launched(ui: DagsterUi, job: str, op: str, partition: Month | None = None, /, **config: object) -> dg.DagsterRun:
    """The run of a job that was launched with this config of its one step."""
    return ui.launch(job, str(partition) if partition else None, config={"ops": {op: {"config": config}}})


def shown_preview(ui: DagsterUi, month: Month) -> int:
    """The id that the page of `push_preview` shows for a month."""
    records = ui.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=PREVIEW.key, asset_partitions=[str(month)]), limit=1
    ).records
    (event,) = [one.asset_materialization for one in records if one.asset_materialization]
    return int(str(event.metadata["preview"].value))


def quantities(sandbox: Sandbox, month: Month) -> list[Any]:
    return sorted(line["quantity"] for line in our_lines(sandbox) if f":{month}:" in line["serialNumber"])


def test_a_month_is_approved_undone_and_pushed_for_one_customer_first(
    sandbox: Sandbox, on_a_database: Active, ui: DagsterUi
) -> None:
    assert ui.launch("preview", str(LAST)).status is SUCCESS
    looked_at = shown_preview(ui, LAST)
    approved = launched(ui, "approve", "approve_previews", previews=[looked_at])
    assert (approved.status, written(sandbox)) == (SUCCESS, lines_to_write(sandbox, on_a_database, LAST))
    assert ui.instance.get_materialized_partitions(PUSH.key) == {str(LAST)}
    seats = quantities(sandbox, LAST)
    assert launched(ui, "approve", "approve_previews", previews=[looked_at]).status is FAILURE
    assert launched(ui, "sync_now", "sync_months", MIDDLE, previews=[looked_at]).status is FAILURE

    assert launched(ui, "undo", "undo_writes", run=approved.run_id).status is SUCCESS
    assert quantities(sandbox, LAST) == seats
    assert launched(ui, "undo", "undo_writes", run=approved.run_id, confirm=True).status is SUCCESS
    assert quantities(sandbox, LAST) == [0] * len(seats)

    assert launched(ui, "sync_now", "sync_months", MIDDLE, limit=1).status is SUCCESS
    assert len(quantities(sandbox, MIDDLE)) == 1
    assert ui.instance.get_materialized_partitions(PUSH.key) == {str(LAST)}
    assert launched(ui, "sync_now", "sync_months", MIDDLE, organizations=["nobody"]).status is FAILURE
    assert ui.launch("sync_now", str(LAST)).status is SUCCESS
    assert quantities(sandbox, LAST) == seats
    months = {"before": str(looked_at), "after": str(LAST)}
    assert launched(ui, "compare", "find_differences", **months).status is SUCCESS


def test_a_line_kept_by_hand_is_ended_and_reconcile_launched(
    sandbox: Sandbox, on_a_database: Active, ui: DagsterUi
) -> None:
    ((line, agreement),) = keep_by_hand_beside(sandbox, on_a_database, LAST, 1)
    assert launched(ui, "lines_by_hand", "choose_lines_by_hand", end=[line + 1]).status is FAILURE
    assert launched(ui, "lines_by_hand", "choose_lines_by_hand", end=[line]).status is SUCCESS
    assert last_day_of(sandbox.connectwise, agreement, line) is not None
    nobody = launched(ui, "release_lines", "release_unusual_usage", month=str(LAST), organizations=["nobody"])
    assert nobody.status is FAILURE
    sandbox.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)
    assert ui.launch("reconcile").status is SUCCESS
