"""A backfill as the Dagster UI launches it, with the real webserver, daemon and run processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.runs import run_months
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.end_to_end.conftest import Webserver, until
from cw_pipeline_tests.orchestration.monthly_runs import our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.receivers import WebHook, web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cw_pipeline.sandbox.sandbox import Sandbox

ASSETS = ["monthly_usage", "push_preview", "connectwise_push"]
MONTHS = [str(month) for month in LAST_CLOSED.plus(-11).until(LAST_CLOSED)]
BAD_MONTH = MONTHS[4]

LAUNCH = """
mutation Launch($assets: [AssetKeyInput!]!, $months: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $months}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
SYNC_NOW = """
mutation SyncNow($tags: [ExecutionTag!]!) {
  launchPipelineExecution(executionParams: {mode: "default", executionMetadata: {tags: $tags}, selector: {
    pipelineName: "sync_now", repositoryName: "__repository__", repositoryLocationName: "cw_pipeline"
  }}) { ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
TERMINATE = """
mutation Terminate($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } } }
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status runs(limit: 50) { id } }
  }
}
"""
STATUSES = """
query Statuses($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) {
    ... on AssetNode {
      assetPartitionStatuses {
        ... on TimePartitionStatuses { ranges { status startKey endKey } }
      }
    }
  }
}
"""


def backfill(webserver: Webserver) -> dict[str, Any]:
    """Launch the twelve months, and wait for the end."""
    launched = webserver.query(LAUNCH, assets=[{"path": [name]} for name in ASSETS], months=MONTHS)
    backfill_id = launched["launchPartitionBackfill"]["backfillId"]

    def ended() -> dict[str, Any] | None:
        found = webserver.query(BACKFILL, id=backfill_id)["partitionBackfillOrError"]
        return found if found["status"].startswith("COMPLETED") else None

    return until(ended)


def statuses(webserver: Webserver, asset: str) -> dict[str, str]:
    """What the UI shows for each month of an asset."""
    node = webserver.query(STATUSES, asset={"path": [asset]})["assetNodeOrError"]
    return {
        month: one["status"]
        for one in node["assetPartitionStatuses"]["ranges"]
        for month in MONTHS
        if one["startKey"] <= month <= one["endKey"]
    }


@pytest.fixture
def hook(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebHook]:  # noqa: ARG001 - it sets the environment
    """A web hook of people who want to be told; to be asked for before the webserver."""
    with web_hook() as running:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", running.address)
        yield running


def test_one_refused_line_fails_its_month_and_every_other_line_of_the_year_is_written(
    sandbox: Sandbox, hook: WebHook, webserver: Webserver, tmp_path: Path
) -> None:
    active = activate(LAST_CLOSED.plus(-11))
    sandbox.journal.clear()
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=f"NP:{BAD_MONTH}", status=400)
    ended = backfill(webserver)
    assert ended["status"] == "COMPLETED_FAILED"
    assert len(ended["runs"]) == 1

    good = dict.fromkeys(MONTHS, "MATERIALIZED")
    assert statuses(webserver, "monthly_usage") == good
    assert statuses(webserver, "push_preview") == good
    assert statuses(webserver, "connectwise_push") == good | {BAD_MONTH: "FAILED"}

    used = [row for month in MONTHS for row in active.billed_usage(sandbox, Month.parse(month))]
    assert len(our_lines(sandbox)) == len(used) - 1
    reads = [entry.path for entry in sandbox.journal.reads("additions")]
    assert len(reads) == len(set(reads)) == len(active.mapped) + 2  # two of the companies have another agreement each

    told = until(lambda: hook.messages)
    assert len(told) == 1
    assert told[0]["title"].startswith(f"cw_pipeline: {BAD_MONTH} not synced, and ")
    assert f"{BAD_MONTH}: 1 line failed, the others were written." in told[0]["message"]
    assert "top-secret-token" not in (tmp_path / "dagster-dev.log").read_text()

    # The month again, from outside the UI, now that ConnectWise takes the line: only that one is written.
    sandbox.journal.clear()
    run_months(
        defs.resolve_job_def("sync_now"),
        [Month.parse(BAD_MONTH)],
        dg.DagsterInstance.get(),
        on_month=lambda _asset, _month: None,
    )
    assert statuses(webserver, "connectwise_push") == good
    assert [entry.method for entry in sandbox.journal.writes()] == ["POST"]
    assert 403 not in {entry.status for entry in sandbox.journal.entries()}


def test_a_cancelled_run_says_what_was_written_and_what_to_do(sandbox: Sandbox, webserver: Webserver) -> None:
    activate(LAST_CLOSED)
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions", nth=2)
    launched = webserver.query(SYNC_NOW, tags=[{"key": "dagster/partition", "value": MONTHS[-1]}])
    run_id = launched["launchPipelineExecution"]["run"]["runId"]
    until(lambda: sandbox.faults.hits(held))
    webserver.query(TERMINATE, run=run_id)
    sandbox.faults.release(held)
    instance = dg.DagsterInstance.get()
    until(lambda: (run := instance.get_run_by_id(run_id)) is not None and run.status is dg.DagsterRunStatus.CANCELED)
    (told,) = [entry.user_message for entry in instance.all_logs(run_id) if "was cancelled" in entry.user_message]
    lines = len(our_lines(sandbox))
    assert f"Written until then: {MONTHS[-1]}: " in told
    assert told.endswith("it looks in ConnectWise first, and writes nothing twice.")
    assert 1 <= sum(map(int, re.findall(r" (\d+) (?:lines?|perhaps)", told))) <= lines
