"""What is wrong, as the runs that ended show it, and what people were told of it.

A problem lasts from the first run that shows it to the first that shows that it is gone: a month that is not synced, a
scheduled job that fails, and each month for which a check does not pass. Any other run that fails is told once, unless
it is a command's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence  # noqa: TC003
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, cast

import dagster as dg
from pydantic import BaseModel

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.jobs.approve import approve
from cw_pipeline.orchestration.jobs.daily_checks import daily_checks
from cw_pipeline.orchestration.jobs.monthly import monthly_sync, sync_now
from cw_pipeline.orchestration.jobs.recent_usage import recent_usage
from cw_pipeline.orchestration.runs import check_evaluations, location_of, months_of, pushed_months, step_failures
from cw_pipeline.orchestration.tenant import KEY, LOCATION
from cw_pipeline.orchestration.unpushed import NAME as NOT_SYNCED
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REMIND_AFTER = timedelta(days=7)
ONCE = "run"
"""What the key of a run that is told once begins with."""
_SETTLED_AFTER = timedelta(days=1)
"""How long a month's failed sync counts although the check does not call the month late yet."""
_RUNS_AT_ONCE = 100
_ENDS = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
_SYNCS = {monthly_sync.name, sync_now.name, approve.name}
_SCHEDULED = {daily_checks.name, recent_usage.name}


class Problem(BaseModel, frozen=True):
    """Something that is wrong.

    Attributes:
        since: When a run first showed it.
        run_id: The last run that showed it.
        lines: How many lines, or other things, it is about.
        digest: Of which they are.
    """

    since: datetime
    run_id: str
    lines: int = 1
    digest: str = ""

    def is_worse_than(self, before: Problem) -> bool:
        """Whether it is about more than before, or about others."""
        return self.lines > before.lines or (self.lines == before.lines and self.digest != before.digest)


class ToTell(NamedTuple):
    """What an address has to be told: problems that are new or worse, those that last, and those that are gone."""

    new: set[str]
    lasting: set[str]
    gone: dict[str, Problem]


class Told(BaseModel, frozen=True):
    """What an address was told last of a problem, and when."""

    problem: Problem
    at: datetime


class Problems(BaseModel):
    """The problems that last, and what each address was told of them.

    A sensor's cursor keeps it: in Dagster's storage, which all machines share, and which works when the warehouse does
    not.

    Attributes:
        last_event: The storage id of the last event that was read.
        open: The problems, by the check or the job that shows them and, where they have one, the month.
        told: What each address was told, by its name and by problem.
    """

    last_event: int
    open: dict[str, Problem] = {}
    told: dict[str, dict[str, Told]] = {}

    @classmethod
    def from_now_on(cls, instance: dg.DagsterInstance) -> Problems:
        """None yet: only runs that end later are looked at."""
        latest = (instance.fetch_run_status_changes(kind, limit=1).records for kind in _ENDS)
        return cls(last_event=max((event.storage_id for records in latest for event in records), default=0))

    def read_ended_runs(self, instance: dg.DagsterInstance, location: str | None) -> None:
        """Bring the problems up to date with the runs of this code location that ended since."""
        events = [
            event
            for kind in _ENDS
            for event in instance.fetch_run_status_changes(
                dg.RunStatusChangeRecordsFilter(kind, after_storage_id=self.last_event),
                limit=_RUNS_AT_ONCE,
                ascending=True,
            ).records
        ]
        events = sorted(events, key=lambda event: event.storage_id)[:_RUNS_AT_ONCE]
        ids = [event.run_id for event in events]
        runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
        for event in events:
            run = runs.get(event.run_id)  # people delete runs
            if run is not None and _is_ours(run, location):
                self._observe(run, datetime.fromtimestamp(event.timestamp, UTC), instance)
            self.last_event = event.storage_id

    def _observe(self, run: dg.DagsterRun, at: datetime, instance: dg.DagsterInstance) -> None:
        failed, shown = run.status is dg.DagsterRunStatus.FAILURE, Problem(since=at, run_id=run.run_id)
        bad: list[str] = []
        if _is_a_sync(run):  # one that pushed a month in part neither failed nor synced it
            bad = _failed_months(run, instance) if failed else []
            synced = pushed_months(run.run_id, instance, PUSH.key)
            before = [f"{NOT_SYNCED} {month}" for month in (*bad, *synced)]
            self._replace({f"{NOT_SYNCED} {month}": shown for month in bad}, before)
        if run.job_name in _SCHEDULED:
            self._replace({run.job_name: shown} if failed else {}, {run.job_name})
        elif failed and not bad and not _is_a_commands(run):
            self.open[f"{ONCE} {run.run_id}"] = shown
        for evaluation in check_evaluations(run.run_id, instance):
            found = dict(_shown_by(evaluation, shown))
            gone = {key for key in self.open if key.partition(" ")[0] == evaluation.check_name}
            if evaluation.check_name == NOT_SYNCED:
                gone = {key for key in gone if at - self.open[key].since > _SETTLED_AFTER}
            self._replace(found, gone)

    def _replace(self, found: Mapping[str, Problem], before: Iterable[str]) -> None:
        """Let `found` be the problems where `before` could be; those that were known keep the moment of their begin."""
        for key in set(before) - found.keys():
            self.open.pop(key, None)
        for key, one in found.items():
            self.open[key] = one.model_copy(update={"since": self.open.get(key, one).since})

    def to_tell(self, address: str, now: datetime) -> ToTell:
        """What the address has to be told now."""
        told = self.told.get(address, {})
        new = {key for key, one in self.open.items() if key not in told or one.is_worse_than(told[key].problem)}
        lasting = {key for key in self.open.keys() - new if _lasts(key) and now - told[key].at >= REMIND_AFTER}
        return ToTell(new, lasting, {key: told[key].problem for key in told.keys() - self.open.keys() if _lasts(key)})

    def remember(self, address: str, told: ToTell, now: datetime) -> None:
        """Remember that the address was told `told` now, and all else before."""
        before = self.told.get(address, {})
        self.told[address] = {
            key: Told(problem=one, at=now if key in told.new | told.lasting else before[key].at)
            for key, one in self.open.items()
        }

    def settle(self, addresses: Collection[str]) -> None:
        """Forget addresses that are not there any more, and what is told once and every address was told."""
        self.told = {name: told for name, told in self.told.items() if name in addresses}
        waiting = [name for name in addresses if name not in self.told]
        self.open = {
            key: one
            for key, one in self.open.items()
            if _lasts(key) or waiting or any(key not in told for told in self.told.values())
        }


def _lasts(key: str) -> bool:
    return not key.startswith(f"{ONCE} ")


def _is_ours(run: dg.DagsterRun, location: str | None) -> bool:
    """Whether the run is one of this code location; a run of a test or a script has none."""
    of_run = location_of(run)
    return of_run in {location, LOCATION} if of_run else run.tags.get("tenant") == KEY or KEY is None


def _is_a_sync(run: dg.DagsterRun) -> bool:
    return PUSH.key in run.asset_selection if run.asset_selection else run.job_name in _SYNCS


def _is_a_commands(run: dg.DagsterRun) -> bool:
    """Whether a command ran it, which says itself why it failed."""
    return location_of(run) is not None and run.remote_job_origin is None


def _failed_months(run: dg.DagsterRun, instance: dg.DagsterInstance) -> list[str]:
    """The months that failed: those that the run names or, where it names none, all that it was for."""
    for failure in step_failures(run.run_id, instance):
        data = failure.get_dagster_event().step_failure_data.user_failure_data
        if data is not None and isinstance(named := data.metadata.get("failed_months"), dg.JsonMetadataValue):
            return cast("list[str]", named.value)
    months = [Month.parse(month) for month in months_of(run)]
    return [str(month) for month in months[0].until(months[-1])] if months else []


def _shown_by(evaluation: dg.AssetCheckEvaluation, shown: Problem) -> Iterator[tuple[str, Problem]]:
    """The problems that an evaluation shows: one for each month, or one if it names none."""
    if evaluation.passed:
        return
    by_month, months = (evaluation.metadata.get(name) for name in ("by_month", "months"))
    if isinstance(by_month, dg.JsonMetadataValue):
        for month, lines in cast("dict[str, int | dict[str, int]]", by_month.value).items():
            number = lines if isinstance(lines, int) else sum(lines.values())
            which = [row for row in named_by(evaluation) if month in row] or [str(lines)]
            yield f"{evaluation.check_name} {month}", shown.model_copy(update=_size(number, which))
    elif isinstance(months, dg.JsonMetadataValue):
        yield from ((f"{evaluation.check_name} {month}", shown) for month in cast("list[str]", months.value))
    else:
        which = named_by(evaluation)
        yield evaluation.check_name, shown.model_copy(update=_size(max(len(which), 1), which))


def _size(number: int, which: Sequence[str]) -> dict[str, object]:
    return {"lines": number, "digest": hashlib.sha256("\n".join(which).encode()).hexdigest()[:12]}


def named_by(evaluation: dg.AssetCheckEvaluation) -> list[str]:
    """What the evaluation is about, a line each, as its table or its list of names has it."""
    for value in evaluation.metadata.values():
        if isinstance(value, dg.TableMetadataValue):
            return [", ".join(str(cell) for cell in row.data.values() if cell) for row in value.records]
        if isinstance(value, dg.JsonMetadataValue) and isinstance(value.value, list):
            return [str(one) for one in cast("list[object]", value.value)]
    return []
