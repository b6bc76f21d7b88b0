"""Dagster's UI and daemon without their processes: what a person starts in the UI, worked off in this process.

Dagster offers nothing public for this; only this module leans on its insides.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget, WorkspaceFileTarget, WorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._daemon.types import DaemonHeartbeat
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster_graphql.cli import execute_query
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from datetime import datetime

PROJECT = Path(__file__).parents[2]
_MOST_ROUNDS = 10

_BACKFILL = """
mutation Backfill($assets: [AssetKeyInput!]!, $months: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $months}) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_EXECUTE_CHECKS = """
mutation ExecuteChecks($checks: [AssetCheckHandleInput!]!) {
  launchPipelineExecution(executionParams: {mode: "default", selector: {
    pipelineName: "__ASSET_JOB", repositoryName: "__repository__", repositoryLocationName: "cw_pipeline",
    assetSelection: [], assetCheckSelection: $checks
  }}) {
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_LAUNCH = """
mutation Launch($job: String!, $assets: [AssetKeyInput!], $tags: [ExecutionTag!]!, $config: RunConfigData) {
  launchPipelineExecution(executionParams: {
    mode: "default", runConfigData: $config, executionMetadata: {tags: $tags}, selector: {
    pipelineName: $job, repositoryName: "__repository__", repositoryLocationName: "cw_pipeline", assetSelection: $assets
  }}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_LAUNCHPAD = """
query Launchpad($job: String!) {
  runConfigSchemaOrError(selector: {
    pipelineName: $job, repositoryName: "__repository__", repositoryLocationName: "cw_pipeline"
  }) { ... on RunConfigSchema { rootDefaultYaml } }
}
"""
_CHECKS = """
{
  assetNodes { assetChecksOrError { ... on AssetChecks { checks {
    name executionForLatestMaterialization { status }
  } } } }
}
"""
_RUNS = """
query Runs($job: String!) {
  pipelineOrError(params: {
    pipelineName: $job, repositoryName: "__repository__", repositoryLocationName: "cw_pipeline"
  }) { ... on Pipeline { runs { runId tags { key value } repositoryOrigin { repositoryLocationName } } } }
}
"""
_REEXECUTE = """
mutation Reexecute($run: String!, $strategy: ReexecutionStrategy!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: $strategy}) {
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_SCHEDULES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { id name } } } } }"
_STOP_SCHEDULE = """
mutation Stop($id: String!) {
  stopRunningSchedule(id: $id) { ... on ScheduleStateResult { scheduleState { status } } }
}
"""


@dataclass(frozen=True)
class DagsterUi:
    """The UI of one Dagster instance, and the daemon behind it."""

    instance: dg.DagsterInstance
    _workspace: WorkspaceProcessContext

    def backfill(self, assets: Sequence[str], months: Sequence[str]) -> str:
        """Materialize the selected assets for these months, and return how that ended once it has."""
        variables = {"assets": [{"path": [asset]} for asset in assets], "months": list(months)}
        backfill_id: str = self._query(_BACKFILL, variables)["launchPartitionBackfill"]["backfillId"]
        for _ in range(_MOST_ROUNDS):
            errors = [error for error in execute_backfill_iteration(self._workspace, logging.getLogger()) if error]
            assert errors == []
            self.start_queued_runs()
            backfill = self.instance.get_backfill(backfill_id)
            assert backfill is not None
            if backfill.status.value.startswith("COMPLETED"):
                return backfill.status.value
        msg = f"The backfill did not end: {self.instance.get_runs()}"
        raise AssertionError(msg)

    def execute_checks(self, *checks: dg.AssetCheckKey) -> dg.DagsterRun:
        """The run of nothing but these checks, as their page starts it, when it has ended."""
        selected = [{"assetKey": {"path": list(check.asset_key.path)}, "name": check.name} for check in checks]
        launched = self._query(_EXECUTE_CHECKS, {"checks": selected})["launchPipelineExecution"]
        return self._ended(launched["run"]["runId"])

    def launchpad(self, job: str) -> str:
        """The YAML with which a job's Launchpad opens."""
        return self._query(_LAUNCHPAD, {"job": job})["runConfigSchemaOrError"]["rootDefaultYaml"]

    def launch(
        self,
        job: str,
        month: str | None = None,
        *,
        assets: Sequence[str] | None = None,
        config: Mapping[str, object] | None = None,
    ) -> dg.DagsterRun:
        """The run of a job, or of `assets` with all their checks as their page starts it, when it has ended."""
        variables = {
            "job": job,
            "assets": [{"path": [asset]} for asset in assets] if assets else None,
            "config": config or {},
            "tags": [{"key": "dagster/partition", "value": month}] if month else [],
        }
        launched = self._query(_LAUNCH, variables)["launchPipelineExecution"]
        assert "run" in launched, launched
        return self._ended(launched["run"]["runId"])

    def runs_of(self, job: str) -> dict[str, tuple[str, dict[str, str]]]:
        """The runs that the job's page shows, by id: the code location whose timeline has them, and their tags."""
        runs = self._query(_RUNS, {"job": job})["pipelineOrError"]["runs"]
        return {
            run["runId"]: (
                run["repositoryOrigin"]["repositoryLocationName"],
                {tag["key"]: tag["value"] for tag in run["tags"]},
            )
            for run in runs
        }

    def check_status(self, name: str) -> str | None:
        """What the UI shows of a check; None where it was not evaluated since its asset was materialized."""
        nodes = self._query(_CHECKS, {})["assetNodes"]
        (check,) = [
            one for node in nodes for one in node["assetChecksOrError"].get("checks", []) if one["name"] == name
        ]
        execution = check["executionForLatestMaterialization"]
        return execution and execution["status"]

    def reexecute(self, run_id: str, strategy: str) -> dg.DagsterRun:
        """The run that re-executes another one, when it has ended."""
        launched = self._query(_REEXECUTE, {"run": run_id, "strategy": strategy})["launchRunReexecution"]
        assert "run" in launched, launched["message"]
        return self._ended(launched["run"]["runId"])

    def _ended(self, run_id: str) -> dg.DagsterRun:
        self.start_queued_runs()
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def start_queued_runs(self) -> None:
        """Start what may start now; each run has ended when the next one starts."""
        errors = [
            error for error in QueuedRunCoordinatorDaemon(interval_seconds=0).run_iteration(self._workspace) if error
        ]
        assert errors == []

    def evaluate_schedules(self, at: datetime) -> None:
        """What the scheduler does at that moment; its first time only notes which schedules there are."""
        errors = [one for one in launch_scheduled_runs(self._workspace, logging.getLogger(), at, {}) if one]
        assert errors == []

    def evaluate_sensors(self) -> None:
        """What the daemon does with sensors twice a minute."""
        errors = [one for one in execute_sensor_iteration(self._workspace, logging.getLogger(), None, None) if one]
        assert errors == []

    def location_errors(self) -> dict[str, str]:
        """What is wrong with each code location; empty for one that is loaded."""
        entries = self._workspace.create_request_context().get_code_location_entries().values()
        return {entry.origin.location_name: str(entry.load_error or "") for entry in entries}

    def stop_schedule(self, name: str) -> None:
        """Switch a schedule off."""
        (repository,) = self._query(_SCHEDULES, {})["repositoriesOrError"]["nodes"]
        (schedule_id,) = [schedule["id"] for schedule in repository["schedules"] if schedule["name"] == name]
        stopped = self._query(_STOP_SCHEDULE, {"id": schedule_id})["stopRunningSchedule"]
        assert stopped["scheduleState"]["status"] == "STOPPED"

    def give_heartbeats(self, at: datetime, *, error: str | None = None) -> None:
        """A heartbeat of each daemon at that moment, after an `error` of this class or after none."""
        errors = [SerializableErrorInfo("secret text", [], error)] if error else None
        for daemon in self.instance.get_required_daemon_types():
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), daemon, None, errors))

    def _query(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        answer = execute_query(self._workspace, query, variables)
        data = answer.get("data")
        assert data is not None, answer
        return data


@contextmanager
def dagster_ui(home: Path, config: Path) -> Generator[DagsterUi]:
    """The UI on an instance in `home`, which `DAGSTER_HOME` names, as `config` has it; runs have no processes."""
    module = LoadableTargetOrigin(module_name="cw_pipeline.definitions", working_directory=str(PROJECT))
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="cw_pipeline"))
    launcher = {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"}
    with _dagster_ui(home, config, target, {"run_launcher": launcher}) as ui:
        yield ui


@contextmanager
def dagster_ui_of(workspace: Path, home: Path, config: Path) -> Generator[DagsterUi]:
    """The same with the code locations of a workspace file; each of them and each run is a process."""
    with _dagster_ui(home, config, WorkspaceFileTarget([str(workspace)]), {}) as ui:
        yield ui


@contextmanager
def dagster_ui_beside(workspace: Path) -> Generator[DagsterUi]:
    """The UI on the instance of a deployment, which `DAGSTER_HOME` names, and on its code servers."""
    with _on_this_instance(WorkspaceFileTarget([str(workspace)])) as ui:
        yield ui


@contextmanager
def _dagster_ui(
    home: Path, config: Path, target: WorkspaceLoadTarget, instead: Mapping[str, object]
) -> Generator[DagsterUi]:
    settings = yaml.safe_load(config.read_text())
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings | instead))
    with _on_this_instance(target) as ui:
        yield ui


@contextmanager
def _on_this_instance(target: WorkspaceLoadTarget) -> Generator[DagsterUi]:
    with dg.DagsterInstance.get() as instance, create_test_daemon_workspace_context(target, instance) as workspace:
        yield DagsterUi(instance, workspace)
    workspace._grpc_server_registry.wait_for_processes()  # or code servers outlive the test
