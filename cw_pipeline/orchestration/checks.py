"""The checks of the monthly assets and of drift: every seat has an outcome, and everything is billed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.orchestration.metadata import names
from cw_pipeline.orchestration.tenant import PUSH_KEY, asset_key
from cw_pipeline.reports.drift.findings import Finding
from cw_pipeline.reports.unbilled import UnbilledLines, UnbilledSummary, missing_usage, unbilled
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.vocabulary import at_most, counted
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.markdown import escaped
from cw_pipeline.wording.outcomes import in_words
from cw_pipeline.wording.seats import amounts
from cw_pipeline.wording.ways_out import WAYS_OUT

SEATS_ADD_UP = dg.AssetCheckSpec(
    "seats_add_up",
    asset=asset_key("push_preview"),
    blocking=True,
    description="The seats of all outcomes add up to the month's usage report.",
)
NOTHING_MISSING = dg.AssetCheckSpec(
    "nothing_missing",
    asset=asset_key("monthly_usage"),
    description="Every mapped organization has a row in each month's usage report, from its first billed month on.",
)
NOTHING_UNMAPPED = dg.AssetCheckSpec(
    "nothing_unmapped", asset=PUSH_KEY, description="No seats in any month's latest push are unmapped."
)
NOTHING_HELD = dg.AssetCheckSpec(
    "nothing_held", asset=PUSH_KEY, description="No line in any month's latest push is held for a person's decision."
)
NOTHING_FAILED = dg.AssetCheckSpec(
    "nothing_failed", asset=PUSH_KEY, description="No line in any month's latest push was rejected or left unconfirmed."
)
NOTHING_WARNED = dg.AssetCheckSpec(
    "nothing_warned", asset=PUSH_KEY, description="No line in any month's latest push has a warning."
)
NOTHING_DRIFTED = dg.AssetCheckSpec(
    "nothing_drifted",
    asset=asset_key("drift"),
    description="Lines, mapped companies and agreements in ConnectWise are as they were written and mapped.",
)
PUSH_CHECKS = (NOTHING_UNMAPPED, NOTHING_HELD, NOTHING_FAILED, NOTHING_WARNED)
_ERRORS = (SEATS_ADD_UP, NOTHING_FAILED)
_MOST_NAMED = 5
"""Organizations, and months, that a check's description names; its metadata has all."""
_NOT_MAPPED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM})


def check_usage(run: SyncRun) -> dg.AssetCheckEvaluation:
    """Whether every month's latest usage report has the mapped organizations."""
    with run.warehouse.transaction() as session:
        missing = missing_usage(session)
    first = ", ".join(at_most([f"{escaped(mapped.name)} ({month})" for month, mapped in missing], _MOST_NAMED))
    return _evaluate(
        NOTHING_MISSING,
        f"Mapped organizations are not in their month's usage report, so nothing is billed for them: {first}. Look at "
        "those months in the NordPass panel. Once a month's report is right, launch sync_now for it. With the job "
        "map_companies, unmap the company of an organization that is gone, or map it with a later bill_from.",
        passed=not missing,
        organizations=names([f"{month}: {mapped.name} ({mapped.id})" for month, mapped in missing]),
        by_month=dict(Counter(str(month) for month, _ in missing)),
    )


def check_previews(previews: Sequence[Preview]) -> dg.AssetCheckEvaluation:
    """Whether every seat of these previews has an outcome."""
    unaccounted = {str(preview.month): int(preview.unaccounted_seats) for preview in previews}
    return _evaluate(
        SEATS_ADD_UP,
        "Seats of a usage report have no outcome, so nothing is written. This is a fault in cw_pipeline: report it.",
        passed=not any(unaccounted.values()),
        unaccounted_seats=unaccounted,
    )


def check_pushes(run: SyncRun) -> Sequence[dg.AssetCheckEvaluation]:
    """Whether each month's latest push billed everything: every month's, not only those of this run."""
    with run.warehouse.transaction() as session:
        return list(check_unbilled(unbilled(session, run.psa)))


def check_unbilled(summary: UnbilledSummary) -> Iterator[dg.AssetCheckEvaluation]:
    """Whether everything is billed; if not, how much is not, and what to do about it."""
    months = [month for month, outcomes in summary.unmapped.by_month.items() if _NOT_MAPPED & outcomes.keys()]
    bill_from = f", with bill_from {min(months)} (or the first month that is to be billed)" if months else ""
    yield _check_lines(
        NOTHING_UNMAPPED,
        summary.unmapped,
        "Billed to nobody, or only by lines that are left as they are",
        f"Map the organizations with the job map_companies{bill_from}: what is on such lines counts, and is not billed "
        "again. Or confirm a product for their plan with the job map_products, and launch sync_now for the months.",
    )
    outcomes = sorted({Outcome(outcome) for outcomes in summary.held.by_month.values() for outcome in outcomes})
    ways_out = " ".join(f"{in_words(outcome)}: {WAYS_OUT[outcome]}" for outcome in outcomes)
    yield _check_lines(
        NOTHING_HELD,
        summary.held,
        "Held for a person's decision",
        f"{ways_out} Each line's reason is in connectwise_push, under needs_a_person. Then launch sync_now for the "
        "months.",
    )
    yield _check_lines(
        NOTHING_FAILED,
        summary.failed,
        "Rejected or left unconfirmed",
        "Each line's reason is in connectwise_push, under needs_a_person. Then launch sync_now for the months.",
    )
    yield _check_lines(
        NOTHING_WARNED,
        summary.warned,
        "With a warning",
        "ConnectWise may not bill them as it should, although their quantity is right, or their usage is unusual. Do "
        "what the warning says, in connectwise_push under needs_a_person, and launch sync_now for the months.",
    )


def check_drift(findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """Whether nothing has drifted."""
    kinds = Counter(finding.kind for finding in findings)
    summary = ", ".join(f"{number} {kind.in_words}" for kind, number in sorted(kinds.items()))
    return _result(
        NOTHING_DRIFTED,
        f"Found: {summary}. drift says what to do about each.",
        passed=not findings,
        findings=len(findings),
        organizations=names(
            [
                f"{finding.organization_name or f'agreement {finding.agreement_id}'}: {finding.kind.in_words}"
                for finding in findings
            ]
        ),
    )


def evaluation(
    check: dg.AssetCheckKey, result: dg.AssetCheckResult, *, blocking: bool = False
) -> dg.AssetCheckEvaluation:
    """The result of a check of all months.

    Dagster takes an `AssetCheckResult` to be about the month of its run, and hides it if that month fails after another
    one was materialized.
    """
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
        blocking=blocking,
    )


def _check_lines(spec: dg.AssetCheckSpec, lines: UnbilledLines, problem: str, advice: str) -> dg.AssetCheckEvaluation:
    return _evaluate(
        spec,
        f"{problem}: {_size(lines)}. {advice}",
        passed=not lines.count,
        lines=lines.count,
        seats=int(lines.seats),
        money_at_stake=amounts(lines.money) if lines.seats else "none",
        seats_without_a_price=int(lines.unpriced_seats),
        organizations=names([_with_seats(named.name, seats) for named, seats in lines.organizations.items()]),
        by_month={month: dict(counts) for month, counts in lines.by_month.items()},
    )


def _size(lines: UnbilledLines) -> str:
    """How much is not billed, of which months and whom."""
    months = list(lines.by_month)
    named = ", ".join(months) if len(months) <= _MOST_NAMED else f"{len(months)} months ({months[0]} to {months[-1]})"
    worth = f"worth {amounts(lines.money)}" if lines.money else "of unknown price"
    unpriced = f" and {lines.unpriced_seats} of unknown price" if lines.money and lines.unpriced_seats else ""
    whose = [_with_seats(escaped(named.name), seats) for named, seats in lines.organizations.items()]
    return (
        f"{counted(lines.count, 'line')} of {named} with {counted(lines.seats, 'seat')}, {worth}{unpriced}, of "
        f"{', '.join(at_most(whose, _MOST_NAMED))}"
    )


def _with_seats(name: str, seats: Decimal) -> str:
    return f"{name} ({counted(seats, 'seat')})"


def _evaluate(
    spec: dg.AssetCheckSpec, description: str, *, passed: bool, **metadata: int | str | list[str] | dict[str, Any]
) -> dg.AssetCheckEvaluation:
    return evaluation(spec.key, _result(spec, description, passed=passed, **metadata), blocking=spec.blocking)


def _result(
    spec: dg.AssetCheckSpec, description: str, *, passed: bool, **metadata: int | str | list[str] | dict[str, Any]
) -> dg.AssetCheckResult:
    """The result of a check; the description is for when it did not pass."""
    return dg.AssetCheckResult(
        check_name=spec.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if spec in _ERRORS else dg.AssetCheckSeverity.WARN,
        description=None if passed else in_the_ui(description),
        metadata=metadata,
    )
