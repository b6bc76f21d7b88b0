"""The asset `reconciliation`: our invoiced lines beside ConnectWise's invoices, when a person asks for it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg

from cw_pipeline.orchestration.failures import configured_month
from cw_pipeline.orchestration.launchpad import JobConfig
from cw_pipeline.orchestration.metadata import Details, names, table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PREFIX, PUSH_KEY, asset_key
from cw_pipeline.reports.reconcile.lines import Reason
from cw_pipeline.reports.reconcile.reconcile import Reconciliation, last_months, reconcile
from cw_pipeline.vocabulary import at_most, plain
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
"""Customers that the check's description names; its metadata has all."""


class ReconcileConfig(JobConfig):
    """How far to look back."""

    first: str = ""
    """The first month in which seats were used, as 2026-03. The last twelve closed months are always compared:
    otherwise the check would pass although one of them differs."""


@dg.asset(key_prefix=PREFIX, kinds={"connectwise"}, deps=[PUSH_KEY], check_specs=[BILLED_AS_PUSHED])
def reconciliation(
    context: dg.AssetExecutionContext, config: ReconcileConfig, access: Access
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Whether ConnectWise's invoices have what was pushed. Only read, and only where the API member may read them."""
    months = last_months(datetime.now(UTC))
    if first := configured_month("first", config.first):
        months = list(min(first, months[0]).until(months[-1]))
    with access.sync_run(context) as run:
        compared = reconcile(run, months)
    for sentence in compared.unreadable:
        context.log.warning(sentence)
    if compared.by_quantity:
        context.log.warning(wording.BY_QUANTITY)
    yield dg.MaterializeResult(metadata=_details(compared))
    yield _check(compared)


def _details(compared: Reconciliation) -> Details:
    """The sums and, as tables, the months and the lines that differ."""
    lines = compared.lines
    return {
        "summary": wording.summary(compared),
        "source": compared.source.value if compared.source else "none",
        "lines": len(lines),
        "differing": len(compared.differing),
        "seats_in_the_ledger": int(sum(line.invoiced_seats if line.seats is None else line.seats for line in lines)),
        "seats_on_invoices": int(sum(line.invoiced_seats for line in lines)),
        **{reason.value: compared.reasons.get(reason, 0) for reason in Reason},
        "months": table(*wording.by_month(compared)),
        "differences": table(*wording.differences(compared)),
    }


def _check(compared: Reconciliation) -> dg.AssetCheckResult:
    """Whether the lines are billed as they were pushed; if not, whose are not, and by how much."""
    differing = compared.differing
    customers = [
        ((line.company or line.agreement).name, f"({line.month}, {plain(line.difference or Decimal(0)):+} seats)")
        for line in differing
    ]
    named = ", ".join(at_most([f"{escaped(name)} {seats}" for name, seats in customers], _MOST_NAMED))
    description = f"{wording.summary(compared)} {named}. reconciliation says what to do about each."
    return dg.AssetCheckResult(
        passed=not differing,
        severity=dg.AssetCheckSeverity.WARN,
        description=in_the_ui(description) if differing else None,
        metadata={
            "lines": len(differing),
            "money_at_stake": amounts(compared.worth) if differing else "none",
            "customers": names([f"{name} {seats}" for name, seats in customers]),
        },
    )
