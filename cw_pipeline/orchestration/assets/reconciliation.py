"""The asset `reconciliation`: our invoiced lines beside ConnectWise's invoices, when a person asks for it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.failures import configured_month, failing_the_run
from cw_pipeline.orchestration.metadata import Details, names, table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PREFIX, asset_key
from cw_pipeline.reports.reconcile.lines import Reason
from cw_pipeline.reports.reconcile.reconcile import Reconciliation, last_months, reconcile
from cw_pipeline.vocabulary import plain
from cw_pipeline.wording import reconciliation as wording
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.markdown import escaped
from cw_pipeline.wording.seats import amounts

BILLED_AS_PUSHED = dg.AssetCheckSpec(
    "billed_as_pushed",
    asset=asset_key("reconciliation"),
    description="ConnectWise's invoices have the invoiced lines, once and with their quantities.",
)
_MOST_NAMED = 5
"""Customers that the check names; its metadata has all."""


class ReconcileConfig(dg.Config):
    """How far to look back."""

    first: str = Field(
        default="",
        description="The first month in which seats were used, as 2026-03. The last twelve closed months are always "
        "compared: otherwise the check would pass although one of them differs.",
    )


@dg.asset(
    key_prefix=PREFIX, kinds={"connectwise"}, deps=[asset_key("connectwise_push")], check_specs=[BILLED_AS_PUSHED]
)
def reconciliation(
    context: dg.AssetExecutionContext, config: ReconcileConfig, access: Access
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Whether ConnectWise's invoices have what was pushed. Only read, and only where the API member may read them."""
    months = last_months(datetime.now(UTC))
    if config.first:
        months = list(min(configured_month("first", config.first), months[0]).until(months[-1]))
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        found = reconcile(run, months)
    for sentence in found.unreadable:
        context.log.warning(sentence)
    if found.by_quantity:
        context.log.warning(wording.BY_QUANTITY)
    yield dg.MaterializeResult(metadata=_details(found))
    yield _check(found)


def _details(found: Reconciliation) -> Details:
    """The sums and, as tables, the months and the lines that differ."""
    lines = found.lines
    return {
        "summary": wording.summary(found),
        "source": found.source.value if found.source else "none",
        "lines": len(lines),
        "differing": len(found.differing),
        "seats_in_the_ledger": int(sum(line.invoiced_seats if line.seats is None else line.seats for line in lines)),
        "seats_on_invoices": int(sum(line.invoiced_seats for line in lines)),
        **{reason.value: found.reasons.get(reason, 0) for reason in Reason},
        "months": table(*wording.by_month(found)),
        "differences": table(*wording.differences(found)),
    }


def _check(found: Reconciliation) -> dg.AssetCheckResult:
    """Whether the lines are billed as they were pushed; if not, whose are not, and by how much."""
    customers = [
        ((line.company or line.agreement).name, f"({line.month}, {plain(line.difference or Decimal(0)):+} seats)")
        for line in found.differing
    ]
    more = f" and {len(customers) - _MOST_NAMED} more" if len(customers) > _MOST_NAMED else ""
    named = ", ".join(f"{escaped(name)} {seats}" for name, seats in customers[:_MOST_NAMED])
    return dg.AssetCheckResult(
        check_name=BILLED_AS_PUSHED.name,
        passed=not found.differing,
        severity=dg.AssetCheckSeverity.WARN,
        description=in_the_ui(f"{wording.summary(found)} {named}{more}. reconciliation says what to do about each.")
        if found.differing
        else None,
        metadata={
            "lines": len(found.differing),
            "money_at_stake": amounts(found.worth) if found.differing else "none",
            "customers": names([f"{name} {seats}" for name, seats in customers]),
        },
    )
