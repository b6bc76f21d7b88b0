"""An agreement of ConnectWise as the rule sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Agreement, Terms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from cw_pipeline.connectwise import models

_NEVER = 9000
"""People write a next invoice or a start of billing in this year or later to say that there is none."""


def agreement_facts(
    agreement: models.Agreement, company: models.Company | None, cycles: Mapping[int, str | None]
) -> Agreement:
    """The agreement as the rule sees it. A company that is not shown, such as a merged one, counts as deleted."""
    never_starts = _is_never(agreement.bill_start_date)
    return Agreement(
        id=agreement.id,
        name=agreement.name,
        company_id=agreement.company.id,
        company_name=agreement.company.name or "",
        company_deleted=company is None or company.deleted_flag,
        active=agreement.agreement_status == "Active" and not (agreement.cancelled_flag or never_starts),
        end_date=None if agreement.no_ending_date_flag else agreement.end_date,
        bill_start_date=None if never_starts else agreement.bill_start_date,
        next_invoice_date=next_invoice_of(agreement),
        never_invoiced=_is_never(agreement.next_invoice_date),
        terms=terms_shown(agreement, cycles),
    )


def terms_shown(agreement: models.Agreement, cycles: Mapping[int, str | None]) -> Terms:
    """How an agreement is billed. `cycles` are the `billingOptions` of each billing cycle, by its id."""
    return Terms(
        cycle=cycles.get(agreement.billing_cycle.id) if agreement.billing_cycle else None,
        period_type=agreement.period_type,
        parent_agreement_id=agreement.parent_agreement.id if agreement.parent_agreement else None,
        prorates=agreement.prorate_flag,
    )


def next_invoice_of(agreement: models.Agreement) -> date | None:
    """The agreement's next invoice date; None if it has none, or one that means never."""
    return None if _is_never(agreement.next_invoice_date) else agreement.next_invoice_date


def _is_never(day: date | None) -> bool:
    return day is not None and day.year >= _NEVER
