"""Months that are run, and what can be seen of them afterwards; used by the tests of everything that is monthly."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.definitions import defs
from cw_pipeline.errors import CwPipelineError
from cw_pipeline.orchestration.problems import Problems
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.sync import previews
from cw_pipeline.warehouse import tables
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from cw_pipeline.billing.facts import Facts, Usage
    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.reasons import LineWarnings, Reason
    from cw_pipeline.billing.unusual import Baseline
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.active import Active

FIRST, MIDDLE, LAST = LAST_CLOSED.plus(-2), LAST_CLOSED.plus(-1), LAST_CLOSED
MONTHS = [FIRST, MIDDLE, LAST]


def run(
    instance: dg.DagsterInstance,
    months: Sequence[Month] = (LAST,),
    *,
    job: str = "sync_now",
    assets: Sequence[dg.AssetSpec] | None = None,
    retries: int = 0,
    organizations: Sequence[str] = (),
    limit: int = 0,
    previews: Sequence[int] = (),
) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": str(months[0]),
        "dagster/asset_partition_range_end": str(months[-1]),
    }
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=str(months[0]) if len(months) == 1 else None,
        tags=tags if len(months) > 1 else None,
        raise_on_error=False,
        asset_selection=[spec.key for spec in assets] if assets else None,
        run_config={
            "ops": {
                "sync_months": {
                    "config": {
                        "retries": retries,
                        "organizations": [*organizations],
                        "limit": limit,
                        "previews": [*previews],
                    }
                }
            }
        },
    )


def materialized(instance: dg.DagsterInstance, spec: dg.AssetSpec) -> set[str]:
    return instance.get_materialized_partitions(spec.key)


def latest(instance: dg.DagsterInstance, spec: dg.AssetSpec, month: Month) -> dict[str, Any]:
    """The metadata of the month's latest materialization, with `lines_…` for each outcome in the table of them."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=spec.key, asset_partitions=[str(month)]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    shown = {name: value.value for name, value in materialization.metadata.items()}
    tallies = re.findall(r"^\| ([a-z\\_]+) \| (\d+) \|", str(shown.get("outcomes", "")), re.MULTILINE)
    return shown | {f"lines_{unescaped(outcome)}": int(lines) for outcome, lines in tallies}


def our_lines(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        addition
        for addition in sandbox.connectwise.records("additions")
        if addition.get("serialNumber", "").startswith(PREFIX)
    ]


def written(sandbox: Sandbox) -> list[str]:
    """The serial numbers of the lines that were written: a line that is there twice is in it twice."""
    return sorted(line["serialNumber"] for line in our_lines(sandbox))


def lines_to_write(sandbox: Sandbox, active: Active, *months: Month) -> list[str]:
    """The serial numbers of the lines that the seats of these months have to be on."""
    return sorted(
        f"{PREFIX}{month}:{row['plan'][0]}:{row['organization_id']}"
        for month in months
        for row in active.billed_usage(sandbox, month)
    )


def the_check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return check


def nothing_held(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    return the_check(result, "nothing_held")


def lose_a_seat_of(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this program have a fault by which the previews of the month do not account for a seat."""
    preview_month = previews.preview_month

    def losing(previewed: Month, usage: list[Usage], facts: Facts, before: Baseline) -> Preview[Reason, LineWarnings]:
        preview = preview_month(previewed, usage, facts, before)
        return replace(preview, usage_seats=preview.usage_seats + 1) if previewed == month else preview

    monkeypatch.setattr(previews, "preview_month", losing)


def forget_all_months() -> None:
    """Restore a backup of the warehouse that was made before the first sync."""
    of_months = (tables.PushLineRow, tables.PushRow, tables.PreviewLineRow, tables.PreviewRow, tables.LedgerEntry)
    with Access().warehouse() as warehouse, warehouse.transaction() as session:
        for table in of_months:
            session.query(table).delete()
        session.query(tables.CompanyMappingRow).update({"looked_through_at": None})


def tries(result: dg.ExecuteInProcessResult) -> int:
    """How often the step was begun."""
    return 1 + sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events)


def schedule_tick(*when: int) -> dg.ScheduleEvaluationContext:
    """A tick of a schedule at this time, from year to minute."""
    return dg.build_schedule_context(
        scheduled_execution_time=datetime(*when, tzinfo=UTC),  # pyright: ignore[reportArgumentType] - year to minute
        resources={"access": Access()},
        repository_def=defs.get_repository_def(),
    )


def failure_of(result: dg.ExecuteInProcessResult, step: str = "sync_months") -> str:
    """Why a step failed, as the UI shows it."""
    data = result.failure_data_for_node(step)
    assert data is not None
    assert data.user_failure_data is not None
    return data.user_failure_data.description or ""


class Watcher:
    """Sensors, as the daemon evaluates them: each tick goes on where the one before ended."""

    def __init__(self, instance: dg.DagsterInstance, *sensors: str) -> None:
        self._instance = instance
        self._cursors: dict[str, str | None] = dict.fromkeys(sensors or ("messages",))
        self.ticks()  # what was before the first tick is not looked at

    def let_days_pass(self, days: int) -> None:
        """Let everything that the messages' sensor remembers have happened so much earlier."""
        remembered = Problems.model_validate_json(self._cursors["messages"] or "")
        for told in remembered.told.values():
            for key, one in told.items():
                told[key] = one.model_copy(update={"at": one.at - timedelta(days=days)})
        for key, one in remembered.open.items():
            remembered.open[key] = one.model_copy(update={"since": one.since - timedelta(days=days)})
        self._cursors["messages"] = remembered.model_dump_json()

    def ticks(self) -> list[str]:
        """A tick of each; the errors that they failed with."""
        errors: list[str] = []
        for name, cursor in self._cursors.items():
            context = dg.build_sensor_context(instance=self._instance, cursor=cursor)
            try:
                data = defs.resolve_sensor_def(name).evaluate_tick(context)
            except CwPipelineError as error:
                errors.append(f"{type(error).__name__}: {error}")
                continue
            self._cursors[name] = data.cursor
            errors += [one.error.to_string() for one in data.dagster_run_reactions or [] if one.error]
        return errors
