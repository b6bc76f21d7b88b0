"""What may be mapped to each other, and what a person has to know first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup import bill_from as first_months
from cw_pipeline.setup import terms
from cw_pipeline.setup.errors import MappingRefused, WarningsNotAccepted, listed
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, OrganizationRow
from cw_pipeline.wording.commands import unmap_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.tables import AgreementRow


def why_not(company: CompanyRow, agreement: AgreementRow, organization: OrganizationRow, *, used: bool) -> str | None:
    """Why these three cannot be mapped to each other; None where they can.

    `used` says whether a usage report has the organization: then it is billed even if it is gone by now.
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
    return next((refusal for refused, refusal in refusals if refused), None) or agreement_terms.why_not_billable(
        agreement
    )


def require_mappable(
    session: Session,
    company: CompanyRow,
    agreement: AgreementRow,
    organization: OrganizationRow,
    *,
    bill_from: Month | None,
    accept_warnings: bool,
    first_month: Month,
    now: datetime,
) -> str | None:
    """Make sure that these three may be mapped to each other.

    What is mapped to each other already, and could not be any more, may still get another first month: then nothing
    else changes, and the answer is a sentence that says so. No organization of the company is displaced, and one of
    another company only if the last import no longer found that one: it may be merged into this one.

    Raises:
        MappingRefused: If they cannot, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and `accept_warnings` is not set.
    """
    current = session.get(CompanyMappingRow, organization.id)
    refusal = why_not(company, agreement, organization, used=first_months.has_usage(session, organization.id))
    if refusal is not None and current is not None and _sets_only_its_month(current, company, agreement, bill_from):
        only_its_month = f"Only the first month that is billed was set, because {refusal}."
        refusal = None
    else:
        only_its_month = None
    holder = session.get_one(CompanyRow, current.company_id) if current else company
    if holder is not company and holder.gone_at is None:
        unmap = unmap_command(holder.id, organization.id)
        refusal = f"the company {name_and_id(holder)} has it; unmap that one first, with {unmap}"
    refusal = first_months.why_not_from(bill_from, first_month, now) or refusal
    if refusal is not None:
        msg = f"{name_and_id(company)} was not mapped to {name_and_id(organization)}: {refusal}."
        raise MappingRefused(msg)
    others = beside_others(session, company, organization)
    warnings = () if only_its_month else (*filter(None, [others]), *terms.to_accept(agreement, current))
    if warnings and not accept_warnings:
        raise WarningsNotAccepted(warnings)
    return only_its_month


def beside_others(session: Session, company: CompanyRow, organization: OrganizationRow) -> str | None:
    """What to know before the company gets the organization beside others; None where it has it, or has no other."""
    own = session.scalars(
        select(OrganizationRow)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
        .where(CompanyMappingRow.company_id == company.id)
        .order_by(OrganizationRow.name, OrganizationRow.id)
    ).all()
    return None if not own or organization.id in {one.id for one in own} else beside(company, own)


def beside(company: CompanyRow, others: Sequence[OrganizationRow]) -> str:
    """What to know about a company that has these organizations before it gets another one."""
    return (
        f"The company {name_and_id(company)} is billed for {listed(list(map(name_and_id, others)))} already. That stays"
        ": each organization is billed on its own agreement. "
        f"{unmap_command(company.id, others[0].id)} removes {'one' if len(others) > 1 else 'it'}."
    )


def _sets_only_its_month(
    current: CompanyMappingRow, company: CompanyRow, agreement: AgreementRow, bill_from: Month | None
) -> bool:
    stays = (current.company_id, current.agreement_id) == (company.id, agreement.id)
    return stays and bill_from is not None and not (bill_from == current.bill_from and current.bill_from_chosen)
