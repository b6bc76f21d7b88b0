"""Names that are markup: the UI shows them as they are, because they are only where it reads none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.metadata import names, table
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

MARKUP = "[x](javascript:alert(1)) <img src=x onerror=alert(2)> `code` # **bold**"
READ_AS_MARKUP = re.compile(r"(?<!\\)(javascript:|<img|\[x\]|`code|\*\*bold)")
SIGNS = ("javascript:", "<img", "`code`", "**bold**")


def run(instance: dg.DagsterInstance, job: str, month: str | None = None) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(instance=instance, partition_key=month, raise_on_error=False)


def shown(event: dg.DagsterEvent) -> Iterator[tuple[str | None, dict[str, dg.MetadataValue]]]:
    """What the UI shows of an event: a description, which it reads as Markdown, and metadata."""
    if event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        yield materialization.description, dict(materialization.metadata)
    if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
        observation = event.asset_observation_data.asset_observation
        yield observation.description, dict(observation.metadata)
    if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        yield evaluation.description, dict(evaluation.metadata)


def test_names_that_are_markup_are_shown_and_never_read_as_markup(
    active: Active, sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    for company in sandbox.connectwise.records("companies"):
        sandbox.connectwise.edit_company(company["id"], name=f"{MARKUP} {company['name']}")
    for agreement in sandbox.connectwise.records("agreements"):
        sandbox.connectwise.edit_agreement(agreement["id"], name=f"{MARKUP} {agreement['name']}")
    sandbox.nordpass.add_organization({"name": MARKUP, "plan": "Business", "license_type": "Standard"})
    refused = json.dumps({"message": MARKUP})
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", times=1, status=400, reply=refused)
    results = [
        run(instance, "import_companies"),
        run(instance, "sync_now", str(LAST_CLOSED)),
        run(instance, "daily_checks"),
    ]
    assert [result.success for result in results] == [True, False, True]
    marked_up: list[str] = []
    plain: list[str] = []
    for description, metadata in (one for result in results for event in result.all_events for one in shown(event)):
        marked_up.append(description or "")
        for value in metadata.values():
            (marked_up if isinstance(value, dg.MarkdownMetadataValue) else plain).append(str(value.value))
    assert any("### What to do" in text for text in marked_up)
    assert any("line of " in text for text in marked_up)
    assert [text for text in marked_up if READ_AS_MARKUP.search(text)] == []
    assert [sign for sign in SIGNS if sign not in "".join(plain)] == []
    assert active.mapped


def test_of_long_lists_of_long_names_only_the_beginning_is_kept() -> None:
    long = ["x" * 100_000] * 5_000
    assert len(str(names(long))) < 300_000
    assert len(str(table(["name"], [[name] for name in long]).value)) < 400_000
    assert "and 4800 more" in str(names(long))
