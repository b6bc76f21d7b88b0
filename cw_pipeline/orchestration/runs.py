"""Runs from outside the UI: the command line starts them in its own process, and the UI shows them."""

from __future__ import annotations

import os
import shutil
import uuid
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cw_pipeline.vocabulary import Month

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_MONTH = "dagster/partition"


def name_of(run_id: str) -> str:
    """A run, as the record of what people did names it: Dagster does not know who launched it."""
    return f"Dagster run {run_id}"


def local_instance(home: Path) -> dg.DagsterInstance:
    """Dagster's storage in ``DAGSTER_HOME``; where that is not set, in a folder of ``home``, made if need be."""
    dagster_home = Path(os.environ.setdefault("DAGSTER_HOME", str(home / "dagster")))
    config = dagster_home / "dagster.yaml"
    if not config.exists():
        dagster_home.mkdir(parents=True, exist_ok=True)
        with as_file(files("cw_pipeline.orchestration") / "dagster.yaml") as shipped:
            shutil.copyfile(shipped, config)
    return dg.DagsterInstance.get()


def run_months(
    job: dg.JobDefinition,
    months: Sequence[Month],
    instance: dg.DagsterInstance,
    *,
    on_month: Callable[[str, str], None],
) -> str:
    """Run a monthly job for ``months``, which follow each other, and return the run's id.

    What came of it is in the warehouse's reports of that run. ``on_month`` is told the asset and the month of each
    materialization as soon as it happens.
    """
    run_id = str(uuid.uuid4())
    one = str(months[0]) if len(months) == 1 else None
    tags = {} if one else {_RANGE_START: str(months[0]), _RANGE_END: str(months[-1])}

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.is_step_materialization and event.asset_key is not None:
            on_month(event.asset_key.to_user_string(), event.partition or "")

    instance.add_event_listener(run_id, listen)  # pyright: ignore[reportUnknownMemberType] - no annotation
    job.execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},  # the caller says what happened
        instance=instance,
        partition_key=one,
        raise_on_error=False,
        run_id=run_id,
        tags=tags,
    )
    return run_id


def months_of(run: dg.DagsterRun) -> list[str]:
    """The one month of a run, or the first and the last of several; none where it is not about months."""
    return list(dict.fromkeys(run.tags[tag] for tag in (_MONTH, _RANGE_START, _RANGE_END) if tag in run.tags))
