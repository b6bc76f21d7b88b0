"""The checks of the assets: that no seat is lost, and that nobody overlooks what is not billed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.billing.hold_reasons import WAYS_OUT
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.orchestration.tables import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.reports.unbilled import AtStake, Stakes
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.tables import OrganizationRow

SEATS_ADD_UP = dg.AssetCheckSpec(
    "seats_add_up",
    asset="push_preview",
    blocking=True,
    description="The seats over all outcomes of a month are the seats of its usage report.",
)
NOTHING_MISSING = dg.AssetCheckSpec(
    "nothing_missing",
    asset="monthly_usage",
    description="Every mapped organization is in every month's usage report from the first month that is billed on.",
)
NOTHING_UNMAPPED = dg.AssetCheckSpec(
    "nothing_unmapped",
    asset="connectwise_push",
    description=(
        "Of every month, as it was pushed last, no seats go unbilled because nobody mapped them, or because of a first "
        "month that nobody named."
    ),
)
NOTHING_HELD = dg.AssetCheckSpec(
    "nothing_held",
    asset="connectwise_push",
    description="No line of any month, as it was pushed last, waits for a person's decision.",
)
NOTHING_FAILED = dg.AssetCheckSpec(
    "nothing_failed",
    asset="connectwise_push",
    description="No line of any month, as it was pushed last, was refused or left in doubt.",
)
NOTHING_WARNED = dg.AssetCheckSpec(
    "nothing_warned",
    asset="connectwise_push",
    description="Nothing is wrong in ConnectWise with a line of any month, as it was pushed last, but its quantity.",
)
NOTHING_DRIFTED = dg.AssetCheckSpec(
    "nothing_drifted",
    asset="drift",
    description="Our lines, and mapped companies and agreements, are in ConnectWise as they were written and mapped.",
)
_NOT_MAPPED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM})
OF_PUSHES = (NOTHING_UNMAPPED, NOTHING_HELD, NOTHING_FAILED, NOTHING_WARNED)


def of_usage(missing: Sequence[tuple[Month, OrganizationRow]]) -> dg.AssetCheckResult:
    """Whether every month's report has the mapped organizations; ``missing`` are those that one lacks."""
    by_month = Counter(str(month) for month, _ in missing)
    return dg.AssetCheckResult(
        asset_key=NOTHING_MISSING.asset_key,
        check_name=NOTHING_MISSING.name,
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"Mapped organizations have no row in the usage reports of {', '.join(sorted(by_month))}, so nothing "
            "is billed for them. Look at those months in the NordPass panel. Sync a month again once its report is "
            "right; unmap the company of an organization that is gone, or map it with a later --bill-from."
            if missing
            else None
        ),
        metadata={
            "organizations": names([f"{month}: {one.name} ({one.id})" for month, one in missing]),
            "by_month": dict(by_month),
        },
    )


def of_previews(previews: Sequence[Preview]) -> dg.AssetCheckResult:
    """Whether every seat of these previews has an outcome."""
    unaccounted = {str(preview.month): int(preview.unaccounted_seats) for preview in previews}
    return dg.AssetCheckResult(
        asset_key=SEATS_ADD_UP.asset_key,
        check_name=SEATS_ADD_UP.name,
        passed=not any(unaccounted.values()),
        metadata={"unaccounted_seats": unaccounted},
    )


def of_pushes(stakes: Stakes) -> Iterator[dg.AssetCheckResult]:
    """Whether every month, as it was pushed last, is billed as it should be: not only the months of this run."""
    owed = min(
        (month for month, outcomes in stakes.unmapped.lines.items() if _NOT_MAPPED & outcomes.keys()), default=""
    )
    bill_from = f" with --bill-from {owed} (or with the first month that is to be billed)" if owed else ""
    yield _of_stake(
        NOTHING_UNMAPPED,
        stakes.unmapped,
        f"are billed to nobody. Map the organizations{bill_from}, or confirm a product for their plan, and sync again.",
        dg.AssetCheckSeverity.WARN,
    )
    kinds = sorted({outcome for outcomes in stakes.held.lines.values() for outcome in outcomes})
    ways_out = " ".join(f"{outcome}: {WAYS_OUT[Outcome(outcome)]}" for outcome in kinds)
    yield _of_stake(
        NOTHING_HELD,
        stakes.held,
        f"wait for a person's decision; each has its reason in connectwise_push. {ways_out} Then sync them again.",
        dg.AssetCheckSeverity.WARN,
    )
    yield _of_stake(
        NOTHING_FAILED,
        stakes.failed,
        "were refused or left in doubt. Each says in connectwise_push why; sync their months again.",
        dg.AssetCheckSeverity.ERROR,
    )
    yield _of_stake(
        NOTHING_WARNED,
        stakes.warned,
        "are on lines that are not as they should be in ConnectWise, although nothing is to be written. Each has its "
        "warning in connectwise_push: do what that says, and sync their months again.",
        dg.AssetCheckSeverity.WARN,
    )


def _of_stake(
    spec: dg.AssetCheckSpec, stake: AtStake, sentence: str, severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not stake.count,
        severity=severity,
        description=f"{_size(stake)} {sentence}" if stake.count else None,
        metadata={
            "lines": stake.count,
            "seats": int(stake.seats),
            # Text, because Dagster's numbers are floats.
            "money_at_stake": "unknown" if stake.money is None else f"{stake.money:.2f}",
            "seats_without_a_price": int(stake.unpriced_seats),
            "by_month": dg.MetadataValue.json({month: dict(counts) for month, counts in stake.lines.items()}),
        },
    )


def _size(stake: AtStake) -> str:
    """How much is at stake, as the beginning of a sentence."""
    if stake.money is None:
        worth = "of unknown price"
    elif stake.unpriced_seats:
        worth = f"worth {stake.money:.2f} and {stake.unpriced_seats} of unknown price"
    else:
        worth = f"worth {stake.money:.2f}"
    return f"{stake.count} line(s) of {', '.join(stake.lines)} with {stake.seats} seats, {worth},"
