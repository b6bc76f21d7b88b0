"""What is wrong, as ended runs show it, and what people were told about it.

A month that is not synced, a scheduled job that fails, and each month for which a check does not pass are problems from
the first run that shows them to the first that shows them gone. Any other failed run is told once, unless a command
started it.
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
"""The key of a run that is told once begins with this."""
_SETTLED_AFTER = timedelta(days=1)
"""How long a month's failed sync counts although the check does not report the month as late yet."""
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
        digest: A hash of the names of these lines.
    """

    since: datetime
    run_id: str
    lines: int = 1
    digest: str = ""

    def is_worse_than(self, before: Problem) -> bool:
        """Whether it is about more than before, or about others."""
        return self.lines > before.lines or (self.lines == before.lines and self.digest != before.digest)


class ToTell(NamedTuple):
    """What to tell an address: the problems that are new or worse, those that last, and those that are gone."""

    new: set[str]
    lasting: set[str]
    gone: dict[str, Problem]


class Told(BaseModel, frozen=True):
    """A problem as an address was last told about it, and when."""

    problem: Problem
    at: datetime


class Problems(BaseModel):
    """The open problems, and what each address was told about them.

    Kept in a sensor's cursor, so in Dagster's storage, which all machines share and which works when the warehouse does
    not.

    Attributes:
        last_event: The storage id of the last event that was read.
        open: The problems that last, by the check or the job that shows the problem and, if it is about one, the month.
        told: What each address was told, by its name and the problem's key.
    """

    last_event: int
    open: dict[str, Problem] = {}
    told: dict[str, dict[str, Told]] = {}

    @classmethod
    def from_now_on(cls, instance: dg.DagsterInstance) -> Problems:
        """No problems: only runs that end later are read."""
        latest = (instance.fetch_run_status_changes(kind, limit=1).records for kind in _ENDS)
        return cls(last_event=max((event.storage_id for records in latest for event in records), default=0))

    def read_ended_runs(self, instance: dg.DagsterInstance, location: str | None) -> None:
        """Update the problems with the runs of this code location that ended since the last event."""
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
        failed, problem = run.status is dg.DagsterRunStatus.FAILURE, Problem(since=at, run_id=run.run_id)
        failed_months: list[str] = []
        if _is_a_sync(run):  # a month that it pushed in part is neither failed nor synced
            failed_months = _failed_months(run, instance) if failed else []
            observed = [*failed_months, *pushed_months(run.run_id, instance)]
            self._replace(
                {f"{NOT_SYNCED} {month}" for month in observed},
                {f"{NOT_SYNCED} {month}": problem for month in failed_months},
            )
        if run.job_name in _SCHEDULED:
            self._replace({run.job_name}, {run.job_name: problem} if failed else {})
        elif failed and not failed_months and not _is_of_a_command(run):
            self.open[f"{ONCE} {run.run_id}"] = problem
        for evaluation in check_evaluations(run.run_id, instance):
            known = {key for key in self.open if key.partition(" ")[0] == evaluation.check_name}
            if evaluation.check_name == NOT_SYNCED:
                known = {key for key in known if at - self.open[key].since > _SETTLED_AFTER}
            self._replace(known, dict(_shown_by(evaluation, problem)))

    def _replace(self, keys: Iterable[str], problems: Mapping[str, Problem]) -> None:
        """Replace the problems with these keys; a known problem keeps its beginning."""
        for key in set(keys) - problems.keys():
            self.open.pop(key, None)
        for key, problem in problems.items():
            self.open[key] = problem.model_copy(update={"since": self.open.get(key, problem).since})

    def to_tell(self, address: str, now: datetime) -> ToTell:
        """What to tell the address now."""
        told = self.told.get(address, {})
        new = {key for key, problem in self.open.items() if key not in told or problem.is_worse_than(told[key].problem)}
        lasting = {key for key in self.open.keys() - new if _lasts(key) and now - told[key].at >= REMIND_AFTER}
        return ToTell(new, lasting, {key: told[key].problem for key in told.keys() - self.open.keys() if _lasts(key)})

    def remember(self, address: str, told: ToTell, now: datetime) -> None:
        """Record that the address was told `told` now; it was told about the other open problems before."""
        before = self.told.get(address, {})
        self.told[address] = {
            key: Told(problem=problem, at=now if key in told.new | told.lasting else before[key].at)
            for key, problem in self.open.items()
        }

    def settle(self, addresses: Collection[str]) -> None:
        """Forget addresses that are no longer set, and single failed runs of which every address was told."""
        self.told = {name: told for name, told in self.told.items() if name in addresses}
        told_to_all = [key for key in self.open if all(key in self.told.get(name, {}) for name in addresses)]
        for key in told_to_all:
            if not _lasts(key):
                del self.open[key]


def _lasts(key: str) -> bool:
    return not key.startswith(f"{ONCE} ")


def _is_ours(run: dg.DagsterRun, location: str | None) -> bool:
    """Whether the run is of this code location; a run of a test or a script has no location."""
    if of_run := location_of(run):
        return of_run in {location, LOCATION}
    return KEY is None or run.tags.get("tenant") == KEY


def _is_a_sync(run: dg.DagsterRun) -> bool:
    return PUSH.key in run.asset_selection if run.asset_selection else run.job_name in _SYNCS


def _is_of_a_command(run: dg.DagsterRun) -> bool:
    """Whether a command started the run: the command itself says why it failed."""
    return location_of(run) is not None and run.remote_job_origin is None


def _failed_months(run: dg.DagsterRun, instance: dg.DagsterInstance) -> list[str]:
    """The months that failed: those that the failure names or, if it names none, all months of the run."""
    for failure in step_failures(run.run_id, instance):
        data = failure.get_dagster_event().step_failure_data.user_failure_data
        if data is not None and isinstance(named := data.metadata.get("failed_months"), dg.JsonMetadataValue):
            return cast("list[str]", named.value)
    months = [Month.parse(month) for month in months_of(run)]
    return [str(month) for month in months[0].until(months[-1])] if months else []


def _shown_by(evaluation: dg.AssetCheckEvaluation, problem: Problem) -> Iterator[tuple[str, Problem]]:
    """The problems that an evaluation shows, with their keys: one for each month, or one if it names none."""
    if evaluation.passed:
        return
    by_month, months = (evaluation.metadata.get(name) for name in ("by_month", "months"))
    if isinstance(by_month, dg.JsonMetadataValue):
        for month, lines in cast("dict[str, int | dict[str, int]]", by_month.value).items():
            number = lines if isinstance(lines, int) else sum(lines.values())
            named = [name for name in named_by(evaluation) if month in name] or [str(lines)]
            yield f"{evaluation.check_name} {month}", problem.model_copy(update=_size(number, named))
    elif isinstance(months, dg.JsonMetadataValue):
        yield from ((f"{evaluation.check_name} {month}", problem) for month in cast("list[str]", months.value))
    else:
        named = named_by(evaluation)
        yield evaluation.check_name, problem.model_copy(update=_size(max(len(named), 1), named))


def _size(number: int, names: Sequence[str]) -> dict[str, object]:
    return {"lines": number, "digest": hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]}


def named_by(evaluation: dg.AssetCheckEvaluation) -> list[str]:
    """The names in the evaluation's metadata."""
    for value in evaluation.metadata.values():
        if isinstance(value, dg.JsonMetadataValue) and isinstance(value.value, list):
            return cast("list[str]", value.value)
    return []
