"""Runs: those of the command line, in its own process, and what Dagster's storage has about others."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from importlib.resources import as_file, files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from sqlalchemy.exc import SQLAlchemyError

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.orchestration.tenant import LOCATION, PUSH_KEY
from cw_pipeline.settings import NotSetUp
from cw_pipeline.sync.outdated_warehouse import RecordedPush
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_MONTH = "dagster/partition"
_REPOSITORY = ".dagster/repository"
"""The tag by which *Jobs* finds a code location's runs."""
_ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), "__repository__")
"""By this *Overview* finds them. Dagster has no public way to set it for a run in this process."""


@runtime_checkable
class _KnowsItsWorkers(Protocol):
    """A run launcher with workers on other machines, such as `CheckedCeleryRunLauncher`, which needs an extra."""

    def problem(self) -> str | None: ...


class StorageFailed(CwPipelineError):
    """Dagster's storage failed during a run."""


def local_instance(home: Path) -> dg.DagsterInstance:
    """Dagster's storage in `DAGSTER_HOME` or, if that is not set, in `home`/dagster, which is created if necessary.

    Raises:
        NotSetUp: If it cannot be opened.
    """
    config = _config(home)
    with _storage_errors():
        if not config.exists():
            config.parent.mkdir(parents=True, exist_ok=True)
            with as_file(files("cw_pipeline.orchestration") / "dagster.yaml") as shipped:
                shutil.copyfile(shipped, config)
        return dg.DagsterInstance.get()


@contextmanager
def existing_instance(home: Path) -> Generator[dg.DagsterInstance]:
    """Dagster's storage, where `local_instance` looks for it, for a block that only reads.

    Raises:
        NotSetUp: If it is not there, or cannot be read.
    """
    config = _config(home)
    if not config.is_file():
        msg = f"There is no {config}, so Dagster was never started here. Set DAGSTER_HOME as the daemon has it."
        raise NotSetUp(msg)
    with _storage_errors(), dg.DagsterInstance.get() as instance:
        yield instance


def _config(home: Path) -> Path:
    """The settings of Dagster's storage. Sets `DAGSTER_HOME`, where Dagster looks for them."""
    return Path(os.environ.setdefault("DAGSTER_HOME", str(home / "dagster"))) / "dagster.yaml"


@contextmanager
def _storage_errors() -> Generator[None]:
    try:
        yield
    except (dg.DagsterError, SQLAlchemyError, OSError) as error:
        msg = (
            f"Dagster's storage cannot be opened ({type(error).__name__}), and nothing was done. Check DAGSTER_HOME, "
            "the dagster.yaml in it and, where that names it, DAGSTER_POSTGRES_URL."
        )
        raise NotSetUp(msg) from None  # the driver's own traceback has the password


def run_months(
    job: dg.JobDefinition,
    months: Sequence[Month],
    instance: dg.DagsterInstance,
    *,
    on_month: Callable[[str, str], None],
    config: Mapping[str, object] | None = None,
) -> str:
    """Run a monthly job for successive `months` and return the run's id, under which the warehouse has the results.

    `on_month` is called with the asset's name and the month of each materialization as soon as it happens. The step
    gets the `config`.

    Raises:
        StorageFailed: If Dagster's storage cannot record the run.
    """
    run_id = str(uuid.uuid4())
    first, last = str(months[0]), str(months[-1])
    tags = {_REPOSITORY: _ORIGIN.get_label()}
    if first == last:
        tags |= {_MONTH: first}
    else:
        tags |= {_RANGE_START: first, _RANGE_END: last, "months": f"{first} to {last}"}

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.is_step_materialization and event.asset_key is not None:
            on_month(event.asset_key.path[-1], event.partition or "")

    instance.add_event_listener(run_id, listen)  # pyright: ignore[reportUnknownMemberType] - no annotation
    try:
        with _unlogged():
            run = instance.create_run_for_job(
                job,
                run_id=run_id,
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": {"sync_months": {"config": dict(config or {})}},
                },
                tags={**job.run_tags, **tags},
                remote_job_origin=_ORIGIN.get_job_origin(job.name),
            )
            execute_run(InMemoryJob(job), run, instance)
    except SQLAlchemyError as error:
        name = type(getattr(error, "orig", error)).__name__
        msg = (
            f"Dagster's storage cannot record the run ({name}). Whatever was written to ConnectWise is in the ledger. "
            "See whether the database runs and has room on its disk; then run the same command again."
        )
    else:
        return run_id
    raise StorageFailed(msg)  # outside of the handler: the driver's error has the run's data


@contextmanager
def _unlogged() -> Generator[None]:
    """Keep the log that dagster.yaml sends to standard output out of what a command prints."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Handling yaml-defined logging configuration")
        yield


def failure_of(run_id: str, instance: dg.DagsterInstance) -> str | None:
    """The message with which a step of the run failed, with commands instead of jobs; None if no step failed.

    Raises:
        KeyboardInterrupt: If the run was interrupted, which Dagster records as a failure of the step.
    """
    for entry in step_failures(run_id, instance):
        error = entry.get_dagster_event().step_failure_data.error
        if error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
            raise KeyboardInterrupt
        if error is not None and error.cause is not None and error.cls_name == dg.Failure.__name__:
            return error.cause.message.partition(": ")[2].strip()  # after the name of its class
        return step_failure(entry)
    return None


def step_failures(run_id: str, instance: dg.DagsterInstance) -> Sequence[dg.EventLogEntry]:
    """The failures of the run's steps."""
    return instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)


def check_evaluations(run_id: str, instance: dg.DagsterInstance) -> Sequence[dg.AssetCheckEvaluation]:
    """The last evaluation of each check that the run evaluated."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return list({evaluation.asset_check_key: evaluation for evaluation in evaluations}.values())


def step_failure(entry: dg.EventLogEntry) -> str:
    """Why a step failed, as the UI says it; for an unexpected error only its class: its message may have a secret."""
    failure = entry.get_dagster_event().step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error and (failure.error.cause or failure.error)
    return f"Unexpected error: {error.cls_name if error else 'unknown'}."


def pushed_months(run_id: str, instance: dg.DagsterInstance) -> list[str]:
    """The months that the run pushed, as a whole and without a failed line."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.get_dagster_event() for entry in entries]
    return [event.partition for event in events if event.asset_key == PUSH_KEY and event.partition]


def months_of(run: dg.DagsterRun) -> list[str]:
    """The month of a run, or the first and the last of several; empty if it is not about months."""
    return list(dict.fromkeys(run.tags[tag] for tag in (_MONTH, _RANGE_START, _RANGE_END) if tag in run.tags))


def location_of(run: dg.DagsterRun) -> str | None:
    """The name of the run's code location; None for a run that no Dagster process and no command started."""
    return run.tags.get(_REPOSITORY, "").partition("@")[2] or None


def problem_of_workers(instance: dg.DagsterInstance) -> str | None:
    """Why no run can start, if the run launcher has workers of its own and can tell."""
    launcher = instance.run_launcher
    return launcher.problem() if isinstance(launcher, _KnowsItsWorkers) else None


def recorded_pushes(instance: dg.DagsterInstance) -> list[RecordedPush]:
    """Each month's last successful push, and its last other one, which is an observation.

    What people reported without a run is left out.
    """
    kinds = (
        (dg.DagsterEventType.ASSET_MATERIALIZATION, instance.fetch_materializations),
        (dg.DagsterEventType.ASSET_OBSERVATION, instance.fetch_observations),
    )
    return [
        RecordedPush(Month.parse(record.partition_key), record.run_id, datetime.fromtimestamp(record.timestamp, UTC))
        for kind, fetch in kinds
        if (latest := instance.get_latest_storage_id_by_partition(PUSH_KEY, kind))
        for record in fetch(
            dg.AssetRecordsFilter(PUSH_KEY, storage_ids=list(latest.values())), limit=len(latest)
        ).records
        if record.run_id and record.partition_key
    ]
