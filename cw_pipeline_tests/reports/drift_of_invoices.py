"""What has drifted of the one company, which of its months are due, and what it was billed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.due_months import unpushed_months
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, Msp, agreement_id

if TYPE_CHECKING:
    from cw_pipeline.reports.drift.findings import Finding

ONE = MAPPED[0]
AGREEMENT = agreement_id(ONE)
ACCEPT = f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}`"


def edit_line(msp: Msp, **fields: object) -> None:
    (line,) = msp.lines(ONE)
    msp.sandbox.connectwise.edit_addition(line["agreementId"], line["id"], **fields)


def drift(msp: Msp, today: date = TODAY) -> list[Finding]:
    """What has drifted, which is the same when it is looked at again."""
    findings = find_drift(msp.run, today)
    assert find_drift(msp.run, today) == findings
    return findings


def the_finding(msp: Msp) -> tuple[str, str, str]:
    """The kind of the one finding, what was found, and what to do."""
    (finding,) = drift(msp)
    assert finding.organization_id == organization_id(ONE)
    return finding.kind.value, finding.found, finding.what_to_do


def due(msp: Msp) -> list[str]:
    """The months that have to be pushed."""
    now = datetime(2026, 4, 1, 12, tzinfo=UTC)
    with msp.run.warehouse.transaction() as session:
        return [str(month) for month in unpushed_months(session, msp.run.psa, FEBRUARY, now)]


def billed(msp: Msp) -> Decimal:
    """What the invoices have of the one company's March."""
    ours = {line["id"] for line in msp.lines(ONE)}
    lines = [line for invoice in msp.sandbox.connectwise.invoices() for line in invoice["lines"]]
    return sum((Decimal(line["quantity"]) for line in lines if line["addition_id"] in ours), Decimal(0))
