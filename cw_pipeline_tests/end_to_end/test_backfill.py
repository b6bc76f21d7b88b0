"""A backfill and a run as the Dagster UI launches them, with the real webserver, daemon and run processes."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.runs import run_months
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.end_to_end.conftest import PROJECT, Webserver, dagster_dev, until
from cw_pipeline_tests.orchestration.monthly_runs import our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use
from cw_pipeline_tests.support.receivers import WebHook, web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSETS = ["monthly_usage", "push_preview", "connectwise_push"]
MONTHS = [str(month) for month in LAST_CLOSED.plus(-12).until(LAST_CLOSED.plus(-1))]
"""The year that is backfilled; the month after it is left."""
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


@dataclass(frozen=True)
class Year:
    """What became of the backfill of a year, in which ConnectWise refused one line of the bad month."""

    ended: dict[str, Any]
    reads: list[str]
    told: list[dict[str, Any]]
    used: list[dict[str, Any]]
    companies: int
    folder: Path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def hook() -> Iterator[WebHook]:
    """A web hook of people who want to be told."""
    with web_hook() as running:
        yield running


@pytest.fixture(scope="module")
def folder(sandbox: Sandbox, hook: WebHook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of the product and of Dagster, which the environment names."""
    home = tmp_path_factory.mktemp("home")
    dagster_home = home / "dagster"
    dagster_home.mkdir()
    shutil.copyfile(PROJECT / "dagster.yaml", dagster_home / "dagster.yaml")
    with pytest.MonkeyPatch.context() as patched:
        use(patched, {**sandbox.environment(), "CW_PIPELINE_HOME": str(home), "CW_PIPELINE_NOTIFY": hook.address})
        patched.setenv("DAGSTER_HOME", str(dagster_home))
        yield home


@pytest.fixture(scope="module")
def webserver(folder: Path) -> Iterator[Webserver]:
    """Dagster's webserver and daemon with the shipped settings for one machine, and the sandbox behind them."""
    with dagster_dev(folder / "dagster-dev.log") as running:
        yield running


@pytest.fixture(scope="module")
def year(sandbox: Sandbox, hook: WebHook, webserver: Webserver, folder: Path) -> Year:
    active = activate(Month.parse(MONTHS[0]))
    sandbox.journal.clear()
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=f"NP:{BAD_MONTH}", status=400)
    ended = backfill(webserver)
    reads = [entry.path for entry in sandbox.journal.reads("additions")]
    told = list(until(lambda: hook.messages))
    used = [row for month in MONTHS for row in active.billed_usage(sandbox, Month.parse(month))]
    return Year(ended, reads, told, used, len(active.mapped), folder)


def lines_of(sandbox: Sandbox, *months: str) -> list[dict[str, Any]]:
    """Our lines of these months."""
    return [line for line in our_lines(sandbox) if line["serialNumber"].split(":")[1] in months]


def test_one_refused_line_fails_only_its_month_of_a_year(sandbox: Sandbox, webserver: Webserver, year: Year) -> None:
    assert year.ended["status"] == "COMPLETED_FAILED"
    assert len(year.ended["runs"]) == 1

    good = dict.fromkeys(MONTHS, "MATERIALIZED")
    assert statuses(webserver, "monthly_usage") == good
    assert statuses(webserver, "push_preview") == good
    assert statuses(webserver, "connectwise_push") == good | {BAD_MONTH: "FAILED"}

    assert len(lines_of(sandbox, *MONTHS)) == len(year.used) - 1
    assert len(year.reads) == len(set(year.reads)) == year.companies + 2  # two of them have another agreement each

    (told,) = year.told
    assert told["title"].startswith(f"cw_pipeline: {BAD_MONTH} not synced, and ")
    assert f"{BAD_MONTH}: 1 line failed, the others were written." in told["message"]
    assert "top-secret-token" not in (year.folder / "dagster-dev.log").read_text()

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


@pytest.mark.usefixtures("year")
def test_a_cancelled_run_says_what_was_written_and_what_to_do(sandbox: Sandbox, webserver: Webserver) -> None:
    month = str(LAST_CLOSED)
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions", nth=2)
    launched = webserver.query(SYNC_NOW, tags=[{"key": "dagster/partition", "value": month}])
    run_id = launched["launchPipelineExecution"]["run"]["runId"]
    until(lambda: sandbox.faults.hits(held))
    webserver.query(TERMINATE, run=run_id)
    sandbox.faults.release(held)
    instance = dg.DagsterInstance.get()
    until(lambda: (run := instance.get_run_by_id(run_id)) is not None and run.status is dg.DagsterRunStatus.CANCELED)
    (told,) = [entry.user_message for entry in instance.all_logs(run_id) if "was cancelled" in entry.user_message]
    lines = len(lines_of(sandbox, month))
    assert f"Written until then: {month}: " in told
    assert told.endswith("it looks in ConnectWise first, and writes nothing twice.")
    assert 1 <= sum(map(int, re.findall(r" (\d+) (?:lines?|perhaps)", told))) <= lines
