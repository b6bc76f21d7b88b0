"""What a message says about problems: which, whose, how much, what to do, and where to look in the Dagster UI."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, cast

import dagster as dg

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH
from cw_pipeline.orchestration.problems import NOT_SYNCED, ONCE, Problem, named_by
from cw_pipeline.orchestration.runs import check_evaluations, months_of, step_failure, step_failures
from cw_pipeline.orchestration.tenant import KEY, TITLE
from cw_pipeline.vocabulary import Month, at_most
from cw_pipeline.wording.commands import for_tenant, month_options
from cw_pipeline.wording.markdown import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cw_pipeline.orchestration.problems import ToTell

_MOST_NAMES = 20
_TO_APPROVE = "to_approve"
HEADINGS = {
    NOT_SYNCED: "{} not synced",
    _TO_APPROVE: "{} to approve",
    "nothing_held": "held lines of {}",
    "nothing_failed": "failed lines of {}",
    "nothing_unmapped": "unmapped seats of {}",
    "nothing_warned": "warnings about lines of {}",
    "nothing_missing": "organizations missing in the usage of {}",
    "nothing_drifted": "drift in ConnectWise",
    "billed_as_pushed": "invoices that differ from what was pushed",
}
"""The heading of each check's problem, with its months."""


def message(
    told: ToTell, open_problems: Mapping[str, Problem], instance: dg.DagsterInstance, ui: str | None
) -> tuple[str, list[str]]:
    """The title and the lines of one message about everything that has to be told.

    Args:
        told: What has to be told.
        open_problems: The problems by key.
        instance: Dagster's storage, which has the details.
        ui: The address of the Dagster UI.
    """
    items = [
        *_items("", {key: open_problems[key] for key in told.new}, instance, ui),
        *_items("still ", {key: open_problems[key] for key in told.lasting}, instance, ui),
        *_solved(told.gone),
    ]
    title = f"{TITLE}: {items[0][0]}" + (f", and {len(items) - 1} more" if len(items) > 1 else "")
    lines: list[str] = []
    for heading, details in items:
        if len(items) > 1:
            lines.append(heading[0].upper() + heading[1:])
        lines += [*details, ""]
    return title, [for_tenant(harmless(line), KEY) for line in lines[:-1]]


def _items(
    prefix: str, problems: Mapping[str, Problem], instance: dg.DagsterInstance, ui: str | None
) -> Iterator[tuple[str, list[str]]]:
    """A heading and its lines for each check or job, with all months that the same run showed."""
    groups: defaultdict[tuple[bool, str, str], list[str]] = defaultdict(list)
    for key, problem in problems.items():
        name, _, month = key.partition(" ")
        groups[name not in {NOT_SYNCED, ONCE}, name, problem.run_id].append(month)
    for (_, name, run_id), months in sorted(groups.items()):
        run = instance.get_run_by_id(run_id)
        evaluation = next((found for found in check_evaluations(run_id, instance) if found.check_name == name), None)
        only_waits = evaluation is not None and set(months) <= _to_approve(evaluation)
        yield (
            prefix + _heading(_TO_APPROVE if only_waits else name, months, run),
            [
                *(_about_check(evaluation, months) if evaluation else _about_run(run, run_id, instance)),
                _where_to_look(ui, evaluation, max(months), run_id),
            ],
        )


def _solved(problems: Mapping[str, Problem]) -> Iterator[tuple[str, list[str]]]:
    """A heading for each check or job whose problems are gone, and when the first of them began."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(problems):
        groups[key.partition(" ")[0]].append(key)
    for name, keys in groups.items():
        since = min(problems[key].since for key in keys)
        heading = _heading(name, [key.partition(" ")[2] for key in keys], None)
        yield f"solved: {heading}", [f"It began on {since:%Y-%m-%d %H:%M} UTC."]


def _to_approve(evaluation: dg.AssetCheckEvaluation) -> set[str]:
    """The months that wait for a person's approval."""
    previews = evaluation.metadata.get(_TO_APPROVE)
    return set(cast("dict[str, int]", previews.value)) if isinstance(previews, dg.JsonMetadataValue) else set()


def _heading(name: str, months: Iterable[str], run: dg.DagsterRun | None) -> str:
    if name == ONCE:
        return f"{_name_of(run)} failed"
    named = ", ".join(sorted(months))
    return HEADINGS[name].format(named) if name in HEADINGS else f"{name} {named}".strip() + " failed"


def _about_check(evaluation: dg.AssetCheckEvaluation, months: list[str]) -> Iterator[str]:
    name = f"{evaluation.asset_key.to_user_string()}, {evaluation.check_name}"
    yield f"{name} ({evaluation.severity.value}): {unescaped(evaluation.description or 'did not pass.')}"
    names = named_by(evaluation)
    of_months = [name for name in names if any(month in name for month in months)] or names
    yield from (f"- {name}" for name in at_most(of_months, _MOST_NAMES))


def _about_run(run: dg.DagsterRun | None, run_id: str, instance: dg.DagsterInstance) -> Iterator[str]:
    """Why the run failed, and what to do next."""
    failures = step_failures(run_id, instance)
    for failure in failures:
        yield from step_failure(failure).splitlines()
    if not failures:
        yield "It ended without an error message: its process died, it took too long, or it could not start."
    months = months_of(run) if run else []
    if not run or not months:
        yield "Correct that, then run it again."
        return
    options = month_options(Month.parse(months[0]), Month.parse(months[-1]))
    only_previews = run.asset_selection and PUSH.key not in run.asset_selection
    job, command = ("preview", "preview") if run.job_name == "preview" or only_previews else ("sync_now", "sync")
    yield f"Correct that, then launch {job} for {' to '.join(months)}, or run `cw-pipeline {command} {options}`."


def _name_of(run: dg.DagsterRun | None) -> str:
    """The run's job, or its assets if the UI started it without a job, and its months."""
    if run is None:
        return "a run"
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    job = (assets or "a run") if run.job_name.startswith("__") else run.job_name
    months = months_of(run)
    return f"{job} for {' to '.join(months)}" if months else job


def _where_to_look(ui: str | None, evaluation: dg.AssetCheckEvaluation | None, month: str, run_id: str) -> str:
    """The address of the month or the checks of the check's asset, or of the run."""
    if not ui:
        return f"The run is {run_id}."
    if evaluation is None:
        return f"{ui.rstrip('/')}/runs/{run_id}"
    asset = evaluation.asset_key
    if month in _to_approve(evaluation):
        asset = PREVIEW.key
    elif evaluation.check_name in {NOT_SYNCED, "nothing_drifted"}:
        month = ""
    view = f"view=partitions&partition={month}" if month else "view=checks"
    return f"{ui.rstrip('/')}/assets/{'/'.join(asset.path)}?{view}"
