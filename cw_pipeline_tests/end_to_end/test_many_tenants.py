"""The deployment of deploy/compose.yaml with many tenants, whose months are all due at the same moment.

Three are broken. `TENANTS` says how many there are: 4 among all tests, 20 by `make tenants`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.billing.identity import Identity
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.end_to_end.conftest import HURRIED, Webserver, stop_schedules, until
from cw_pipeline_tests.orchestration.dagster_ui import dagster_ui_beside
from cw_pipeline_tests.orchestration.monthly_runs import our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, Active, activate, use
from cw_pipeline_tests.support.deployment import Deployment, deployment, free_port, listens, needs_redis
from cw_pipeline_tests.support.tenants import serving, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TENANTS = int(os.environ.get("TENANTS", "4"))
DEAD, NOT_FINAL, WRONG_KEY = "dead", "not_final", "wrong_key"
WAITING = (DEAD, NOT_FINAL)
"""What is wrong with them may pass, so their runs try again for an hour. They are first in the queue."""
EARLIER = LAST_CLOSED.plus(-2)
"""From here on nothing is pushed of those that wait: each has three months to push, and may have two runs."""
RIGHT = tuple(f"msp_{number}" for number in range(1, TENANTS - 2))
ALL = (*WAITING, WRONG_KEY, *RIGHT)
FOLLOWING = LAST_CLOSED.plus(1)
TICK = datetime(FOLLOWING.year, FOLLOWING.number, 1, 0, 30, tzinfo=UTC)
SENTENCES = {
    DEAD: "nothing accepts connections there. Nothing was sent. Check CONNECTWISE_SITE_URL",
    NOT_FINAL: "is not final: NordPass says so. Nothing of it was used.",
    WRONG_KEY: "the request was refused (HTTP 401",
}
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
EVENTS = """
query Events($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection { events {
      __typename
      ... on ExecutionStepFailureEvent { failureMetadata { description } }
    } }
  }
}
"""

pytestmark = [needs_redis, pytest.mark.timeout(300 + 60 * TENANTS)]


@pytest.fixture
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """A ConnectWise and a NordPass for each tenant."""
    with ExitStack() as stack:
        yield {key: stack.enter_context(Sandbox()) for key in ALL}


@pytest.fixture
def dead_connectwise() -> Iterator[Sandbox]:
    """The ConnectWise that is to be stopped; its tenant's NordPass goes on."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def ports() -> dict[str, int]:
    return {key: free_port() for key in ALL}


@pytest.fixture
def running(
    sandboxes: dict[str, Sandbox], dead_connectwise: Sandbox, ports: dict[str, int], tmp_path: Path
) -> Iterator[Deployment]:
    """PostgreSQL and Redis, and the environment of all tenants."""
    environments = {key: sandbox.environment() for key, sandbox in sandboxes.items()}
    environments[DEAD]["CONNECTWISE_SITE_URL"] = dead_connectwise.url
    hurried = {"PYTHONPATH": str(HURRIED), "HURRIED_UNTIL": str(tmp_path / "an_hour_later")}
    with deployment(tmp_path, settings_of(tmp_path, environments) | hurried, ports) as started:
        yield started


@pytest.fixture
def active(
    running: Deployment, sandboxes: dict[str, Sandbox], dead_connectwise: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Active]:
    """A company mapped for each tenant, each with a number of seats of its own; then the three break."""
    use(monkeypatch, running.environment)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", Path(running.environment["DAGSTER_POSTGRES_URL_FILE"]).read_text())
    mapped: dict[str, Active] = {}
    for seats, key in enumerate(ALL, 101):
        with serving(key):
            mapped[key] = activate(EARLIER if key in WAITING else LAST_CLOSED, companies=1)
        (organization_id,) = mapped[key].organization_ids
        sandboxes[key].nordpass.set_usage(organization_id, str(LAST_CLOSED), seats)
    dead_connectwise.stop()
    for month in (EARLIER, EARLIER.plus(1), LAST_CLOSED):
        sandboxes[NOT_FINAL].nordpass.set_report_final(str(month), final=False)
    running.environment[f"{WRONG_KEY.upper()}_CONNECTWISE_PRIVATE_KEY"] = "another"
    return mapped


@pytest.fixture
def webserver(running: Deployment, active: Mapping[str, Active], ports: dict[str, int]) -> Webserver:
    """The webserver, when everything is there but the daemon."""
    keys = list(active)
    for pair in (keys[start : start + 2] for start in range(0, len(keys), 2)):
        for key in pair:
            instead = {"4000": str(ports[key]), "cw_pipeline.definitions": "cw_pipeline.tenants"}
            running.start("code", f"--attribute={key}", name=f"code-{key}", instead=instead)
        until(lambda pair=pair: all(listens(ports[key]) for key in pair))
    for name in ("worker-1", "worker-2"):
        running.start("worker", "--hostname", f"celery@{name}", name=name)
    port = free_port()
    running.start("webserver", instead={"3000": str(port)})
    started = Webserver(f"http://127.0.0.1:{port}")
    until(lambda: started.query("{ version }"))
    return started


def runs(webserver: Webserver) -> dict[str, list[dict[str, Any]]]:
    """The runs of each tenant, by their months."""
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in ALL}
    for run in webserver.query(RUNS)["runsOrError"]["results"]:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        found[tags["tenant"]].append(run | {"month": tags["dagster/partition"]})
    return {key: sorted(of_tenant, key=itemgetter("month")) for key, of_tenant in found.items()}


def statuses(webserver: Webserver, keys: Sequence[str]) -> list[str]:
    found = runs(webserver)
    return [run["status"] for key in keys for run in found[key]]


def events(webserver: Webserver, key: str) -> list[dict[str, Any]]:
    """What happened to the tenant's first run."""
    return webserver.query(EVENTS, id=runs(webserver)[key][0]["runId"])["logsForRun"]["events"]


def waits(webserver: Webserver, key: str) -> bool:
    """Whether the tenant's first run has failed and will try again."""
    return any(event["__typename"] == "ExecutionStepUpForRetryEvent" for event in events(webserver, key))


def failure(webserver: Webserver, key: str) -> str:
    """Why the tenant's first run failed."""
    (description,) = [
        event["failureMetadata"]["description"]
        for event in events(webserver, key)
        if event["__typename"] == "ExecutionStepFailureEvent"
    ]
    return description


def billed(sandbox: Sandbox) -> dict[str, int]:
    """The quantity of each of our lines; one that was written twice is refused."""
    lines = our_lines(sandbox)
    quantities = {line["serialNumber"]: int(line["quantity"]) for line in lines}
    assert len(quantities) == len(lines)
    return quantities


def due(sandbox: Sandbox, active: Active) -> dict[str, int]:
    """The quantity that each line has to have."""
    return {
        Identity(LAST_CLOSED, Plan(row["plan"]), row["organization_id"]).serial_number: row["consumed_licenses"]
        for row in active.billed_usage(sandbox, LAST_CLOSED)
    }


def test_three_broken_tenants_fail_with_their_own_sentence_and_delay_no_other(
    webserver: Webserver, running: Deployment, sandboxes: dict[str, Sandbox], active: Mapping[str, Active]
) -> None:
    home = Path(running.environment["DAGSTER_HOME"])
    with dagster_ui_beside(home / "workspace.yaml") as ui:
        ui.evaluate_schedules(TICK - timedelta(minutes=1))
        ui.evaluate_schedules(TICK)
    stop_schedules(webserver)
    running.start("daemon")

    ended = [WRONG_KEY, *RIGHT]
    until(lambda: set(statuses(webserver, ended)) <= {"SUCCESS", "FAILURE"}, seconds=120 + 30 * TENANTS)
    assert statuses(webserver, ended) == ["FAILURE", *["SUCCESS"] * len(RIGHT)]
    until(lambda: all(waits(webserver, key) for key in WAITING))
    assert statuses(webserver, WAITING) == ["STARTED", "STARTED", "QUEUED"] * 2

    Path(running.environment["HURRIED_UNTIL"]).touch()
    until(lambda: {runs(webserver)[key][0]["status"] for key in WAITING} == {"FAILURE"}, seconds=240)
    for key, sentence in SENTENCES.items():
        reason = failure(webserver, key)
        assert [one for one in SENTENCES.values() if one in reason] == [sentence]
        assert billed(sandboxes[key]) == {}
    for number, key in enumerate(RIGHT, 101 + len(SENTENCES)):
        assert billed(sandboxes[key]) == due(sandboxes[key], active[key])
        assert list(billed(sandboxes[key]).values()) == [number]
