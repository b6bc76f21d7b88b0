"""Dagster itself, with its real processes: what a run costs beyond our work, and years of months in its storage.

A backfill is launched as the UI does it. The daemon looks at backfills every thirty seconds, and at queued runs, as
`dagster.yaml` has it, every second: all that is not in the row of usage, previews and pushes is Dagster's.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
import tenacity

from benchmarks.fake import Fake
from benchmarks.harness import MEGABYTE, Row, Sizes
from benchmarks.world import (
    COMPANY_ID,
    LAST_MONTH,
    UNLIMITED,
    Deployment,
    months_until,
    organization_id,
    seats,
    set_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from cw_pipeline.vocabulary import Month

_PROJECT = Path(__file__).parents[1]
_LONGEST = 300  # seconds
_BACKFILLED = 12
_ASSETS = [{"path": [name]} for name in ("monthly_usage", "push_preview", "connectwise_push")]
_PLACE = 'repositoryName: "__repository__", repositoryLocationName: "cw_pipeline"'
_RUN = "runId status creationTime startTime endTime stepStats { startTime endTime }"
_BACKFILL = """
mutation Backfill($assets: [AssetKeyInput!]!, $months: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $months}) {
    ... on LaunchBackfillSuccess { backfillId }
  }
}
"""
_BACKFILLED_RUNS = f"""
query Backfill($id: String!) {{
  partitionBackfillOrError(backfillId: $id) {{ ... on PartitionBackfill {{ status runs(limit: 9) {{ {_RUN} }} }} }}
}}
"""
_LAUNCH = f"""
mutation Launch($tags: [ExecutionTag!]!) {{
  launchPipelineExecution(executionParams: {{
    mode: "default", executionMetadata: {{tags: $tags}}, selector: {{pipelineName: "sync_now", {_PLACE}}}
  }}) {{ ... on LaunchRunSuccess {{ run {{ runId }} }} }}
}}
"""
_ONE_RUN = f"query Run($id: ID!) {{ runOrError(runId: $id) {{ ... on Run {{ {_RUN} }} }} }}"
_HEALTH = "{ instance { daemonHealth { allDaemonStatuses { healthy required } } } }"
_SCHEDULES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { id } } } } }"
_STOP = "mutation Stop($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_TICK = f"""
mutation Tick($at: Float!) {{
  scheduleDryRun(selectorData: {{{_PLACE}, scheduleName: "monthly_sync_schedule"}}, timestamp: $at) {{
    ... on DryRunInstigationTick {{ evaluationResult {{ skipReason runRequests {{ runKey }} error {{ message }} }} }}
  }}
}}
"""
_PAGE = """
query Page($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } }
    assetMaterializations(limit: 100) { runId timestamp partition metadataEntries { label description } }
    assetObservations(limit: 100) { runId timestamp partition metadataEntries { label description } }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } }
  } }
}
"""


class _Ran(NamedTuple):
    """When a run was created, its step began and ended, and it ended itself: seconds since 1970."""

    created: float
    began: float
    done: float
    ended: float

    @property
    def waited(self) -> float:
        """Seconds until its step began."""
        return self.began - self.created

    @property
    def beyond_the_step(self) -> float:
        """Seconds that it took beside its step."""
        return self.ended - self.created - (self.done - self.began)


@dataclass(frozen=True)
class _Ui:
    url: str

    def query(self, query: str, **variables: object) -> Any:  # noqa: ANN401 - JSON
        reply = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=_LONGEST)
        reply.raise_for_status()
        document: dict[str, Any] = reply.json()
        if "errors" in document:
            raise AssertionError(document["errors"])
        return document["data"]

    def sync(self, tags: Mapping[str, str]) -> _Ran:
        """The run of sync_now for the months that its tags name."""
        told = [{"key": key, "value": value} for key, value in tags.items()]
        number = self.query(_LAUNCH, tags=told)["launchPipelineExecution"]["run"]["runId"]

        def ended() -> Any:  # noqa: ANN401 - JSON
            run = self.query(_ONE_RUN, id=number)["runOrError"]
            return run if run["endTime"] else None

        return _ran(_until(ended))

    def backfill(self, months: Sequence[Month]) -> tuple[_Ran, float, float]:
        """The run of a backfill, and when it was launched and seen to have ended."""
        launched = time.time()
        answer = self.query(_BACKFILL, assets=_ASSETS, months=[str(month) for month in months])

        def ended() -> Any:  # noqa: ANN401 - JSON
            number = answer["launchPartitionBackfill"]["backfillId"]
            found = self.query(_BACKFILLED_RUNS, id=number)["partitionBackfillOrError"]
            return found["runs"] if found["status"].startswith("COMPLETED") else None

        (run,) = _until(ended)
        return _ran(run), launched, time.time()

    def seconds(self, query: str, **variables: object) -> float:
        """How long an answer takes, the best of three."""
        times: list[float] = []
        for _ in range(3):
            began = time.monotonic()
            self.query(query, **variables)
            times.append(time.monotonic() - began)
        return min(times)


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """A backfill, a month's run after years of others, and what the UI and the schedule read then."""
    customers = max(1, sizes.agreements // 20)
    months = months_until(LAST_MONTH, max(sizes.months, _BACKFILLED + 2))
    with Fake(customers, folder) as fake:
        deployment = Deployment(folder / "dagster.db", fake.site, customers)
        set_up(deployment, months)
        _export_usage(folder / "usage", months, customers)
        with _dagster(deployment, folder, months[0]) as ui:
            run, launched, seen = ui.backfill(months[:_BACKFILLED])
            what = f"backfill of {_BACKFILLED} months of {customers:,} agreements"
            yield Row.at_most(f"from the click to green, {what}", seen - launched, 90, "{:.0f} s")
            for name, seconds in (
                ("until the daemon launched the run", run.created - launched),
                ("the run in the queue, and its process until its step began", run.waited),
                ("usage, previews and pushes", run.done - run.began),
                ("until the run had ended", run.ended - run.done),
                ("until the daemon saw that it had", seen - run.ended),
            ):
                yield Row.noted(f"of that, {name}", f"{seconds:.1f} s")
            first, last = str(months[_BACKFILLED]), str(months[-2])
            ui.sync({"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last})
            run = ui.sync({"dagster/partition": str(months[-1])})
            which = f"after {len(months)} months"
            yield Row.at_most(f"overhead of a month's run beyond its step, {which}", run.beyond_the_step, 4, "{:.1f} s")
            yield Row.noted("of that, in the queue, and its process until its step began", f"{run.waited:.1f} s")
            size = sum(file.stat().st_size for file in (folder / "home").rglob("*") if file.is_file())
            yield Row.noted(f"Dagster's storage (SQLite) and the runs' output, {which}", f"{size / MEGABYTE:.1f} MB")
            tick = ui.seconds(_TICK, at=LAST_MONTH.closes_at.timestamp() + 1_800)
            yield Row.at_most(f"a tick of the schedule, {which}", tick, 1, "{:.2f} s")
            for asset in _ASSETS:
                page = ui.seconds(_PAGE, asset=asset)
                yield Row.at_most(f"what the page of {asset['path'][0]} asks for, {which}", page, 1, "{:.2f} s")


def _ran(run: Any) -> _Ran:  # noqa: ANN401 - JSON
    if run["status"] != "SUCCESS":
        raise AssertionError(run)
    (step,) = run["stepStats"]
    return _Ran(run["creationTime"], step["startTime"], step["endTime"], run["endTime"])


def _until(condition: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """What `condition` returns as soon as that is true; a refused connection counts as not yet."""
    wait = tenacity.Retrying(
        stop=tenacity.stop_after_delay(_LONGEST),
        wait=tenacity.wait_fixed(0.5),
        retry=tenacity.retry_if_exception_type(requests.ConnectionError) | tenacity.retry_if_not_result(bool),
    )
    return wait(condition)


def _export_usage(folder: Path, months: Sequence[Month], customers: int) -> None:
    folder.mkdir()
    header = ["organization_id", "organization_name", "plan", "license_type", "msp_managed", "consumed_licenses"]
    lines = [
        [organization_id(one), f"Customer {one}", "Business", "Standard", "true", seats(one)]
        for one in range(customers)
    ]
    an_hour_ago = time.time() - 3_600  # what was just written may still be copied, and is not final
    for month in months:
        export = folder / f"usage-{month}.csv"
        with export.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *lines])
        os.utime(export, (an_hour_ago, an_hour_ago))


@contextmanager
def _dagster(deployment: Deployment, folder: Path, first_month: Month) -> Generator[_Ui]:
    """`dagster dev` with the shipped settings for one machine, in a process group that ends as a whole."""
    home = folder / "home"
    home.mkdir()
    shutil.copyfile(_PROJECT / "dagster.yaml", home / "dagster.yaml")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "CW_PIPELINE_HOME": str(folder),
        "CW_PIPELINE_DATABASE_URL": deployment.url,
        "CW_PIPELINE_FIRST_MONTH": str(first_month),
        "CONNECTWISE_SITE_URL": deployment.site.url,
        "CONNECTWISE_CA_BUNDLE": str(deployment.site.ca_bundle),
        "CONNECTWISE_COMPANY_ID": COMPANY_ID,
        "CONNECTWISE_REQUESTS_PER_MINUTE": str(UNLIMITED),
        "NORDPASS_USAGE_DIR": str(folder / "usage"),
        **dict.fromkeys(("CONNECTWISE_PUBLIC_KEY", "CONNECTWISE_PRIVATE_KEY", "CONNECTWISE_CLIENT_ID"), "bench"),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml", "--port", str(port)]
    ui = _Ui(f"http://127.0.0.1:{port}")
    with (folder / "dagster.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - of this project
            command, cwd=_PROJECT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _until(lambda: _is_healthy(ui))
            for repository in ui.query(_SCHEDULES)["repositoriesOrError"]["nodes"]:
                for schedule in repository["schedules"]:  # else a tick may be due meanwhile
                    ui.query(_STOP, id=schedule["id"])
            yield ui
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_healthy(ui: _Ui) -> bool:
    statuses = ui.query(_HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(status["healthy"] for status in statuses if status["required"])
