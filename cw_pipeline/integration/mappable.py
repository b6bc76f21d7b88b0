"""What may be mapped to each other, and what a person has to know first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.integration import bill_from as first_months
from cw_pipeline.integration import terms
from cw_pipeline.integration.errors import MappingRefused, WarningsNotAccepted
from cw_pipeline.integration.reconcile import name_and_id
from cw_pipeline.warehouse.tables import Company, CompanyMapping

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.months import Month
    from cw_pipeline.warehouse.tables import Agreement, Organization


def why_not(company: Company, agreement: Agreement, organization: Organization, *, used: bool) -> str | None:
    """Why these three cannot be mapped to each other; None where they can.

    ``used`` says whether a usage report has the organization: then it is billed even if it is gone by now.
    """
    the_agreement = f"the agreement {name_and_id(agreement)}"
    the_organization = f"the organization {name_and_id(organization)}"
    gone = "was not found by the last import: it is deleted, or"
    refusals = (
        (
            company.gone_at is not None,
            f"the company {name_and_id(company)} {gone} not of the chosen types and statuses: import with those",
        ),
        (agreement.company_id != company.id, f"{the_agreement} belongs to another company ({agreement.company_id})"),
        (agreement.gone_at is not None, f"{the_agreement} {gone} its company is not imported any more"),
        (agreement.status != "Active", f"{the_agreement} is {agreement.status}, and only Active ones are billed"),
        (
            organization.gone_at is not None and not used,
            f"NordPass no longer lists {the_organization}, and no usage report has it",
        ),
        (
            not organization.msp_managed,
            f"{the_organization} is not MSP-managed: NordPass does not bill its seats through the MSP",
        ),
    )
    return next((refusal for refused, refusal in refusals if refused), None) or terms.why_not_billable(agreement)


def require_mappable(
    session: Session,
    company: Company,
    agreement: Agreement,
    organization: Organization,
    *,
    bill_from: Month | None,
    accept_warnings: bool,
    first_month: Month,
    now: datetime,
) -> str | None:
    """Make sure that these three may be mapped to each other.

    What is mapped to each other already, and could not be any more, may still get another first month: then nothing
    else changes, and the answer is a sentence that says so.

    Raises:
        MappingRefused: If they cannot, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and ``accept_warnings`` is not set.
    """
    current = session.get(CompanyMapping, company.id)
    refusal = why_not(company, agreement, organization, used=first_months.has_usage(session, organization.id))
    if (
        refusal is not None
        and current is not None
        and _sets_only_its_month(current, agreement, organization, bill_from)
    ):
        only_its_month = f"Only the first month that is billed was set, because {refusal}."
        refusal = None
    else:
        only_its_month = None
    holder = session.scalars(select(CompanyMapping).where(CompanyMapping.organization_id == organization.id)).first()
    if holder is not None and holder.company_id != company.id:
        other = session.get_one(Company, holder.company_id)
        refusal = f"the company {name_and_id(other)} has it; unmap that one first"
    refusal = first_months.why_not_from(bill_from, first_month, now) or refusal
    if refusal is not None:
        msg = f"{name_and_id(company)} was not mapped to {name_and_id(organization)}: {refusal}."
        raise MappingRefused(msg)
    warnings = () if only_its_month else terms.to_accept(agreement, current)
    if warnings and not accept_warnings:
        raise WarningsNotAccepted(warnings)
    return only_its_month


def _sets_only_its_month(
    current: CompanyMapping, agreement: Agreement, organization: Organization, bill_from: Month | None
) -> bool:
    stays = (current.agreement_id, current.organization_id) == (agreement.id, organization.id)
    return stays and bill_from is not None and not (str(bill_from) == current.bill_from and current.bill_from_chosen)
