"""Mapping a company and one of its agreements to an organization, one at a time; what may be mapped at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.access import act, connected_integration
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import MappingRefused, UnknownChoice, WarningsNotAccepted
from cw_pipeline.integration.reconcile import name_and_id
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping, Organization

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse

RecordT = TypeVar("RecordT", Company, Agreement, Organization)


@dataclass(frozen=True)
class Mapped:
    """A mapping.

    Attributes:
        bill_from: The first month that is billed.
        changed: Whether it is new or was otherwise before.
        warnings: What may go wrong with billing the agreement, a sentence each.
    """

    company_id: int
    company_name: str
    agreement_id: int
    agreement_name: str
    organization_id: str
    organization_name: str
    bill_from: Month
    changed: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Unmapped:
    """A mapping that was removed."""

    company_id: int
    company_name: str
    organization_id: str


def map_company(
    warehouse: Warehouse,
    company: int | str,
    agreement: int | str,
    organization: str,
    *,
    bill_from: Month | None = None,
    accept_warnings: bool = False,
    now: datetime,
) -> Mapped:
    """Map a company and one of its agreements to an organization; a mapped company is mapped anew.

    Each is given by id or by exact name. ``bill_from`` is by default the last closed month or, where only the agreement
    changes, the month it was. An agreement that may be billed otherwise than monthly has to be accepted as such.

    Raises:
        UnknownChoice: If one does not exist, or the name fits several.
        MappingRefused: If they cannot be mapped to each other, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and ``accept_warnings`` is not set.
        NotConnected: If nothing is connected.
    """
    with act(warehouse) as session:
        connected_integration(session)
        the_company, the_agreement = company_and_agreement(session, company, agreement)
        the_organization = the_one(
            "organization",
            organization,
            session.scalars(select(Organization).where(Organization.gone_at.is_(None))).all(),
        )
        require_mappable(session, the_company, the_agreement, the_organization, accept_warnings=accept_warnings)
        before = snapshot(session.get(CompanyMapping, the_company.id))
        mapping, changed = store_mapping(
            session, the_company.id, the_agreement.id, the_organization.id, bill_from=bill_from, now=now
        )
        record(session, Deed.MAP_COMPANY, str(the_company.id), before=before, after=snapshot(mapping))
    return Mapped(
        company_id=the_company.id,
        company_name=the_company.name,
        agreement_id=the_agreement.id,
        agreement_name=the_agreement.name,
        organization_id=the_organization.id,
        organization_name=the_organization.name,
        bill_from=Month.parse(mapping.bill_from),
        changed=changed,
        warnings=warnings(the_agreement),
    )


def unmap_company(warehouse: Warehouse, company: int | str) -> Unmapped:
    """Remove a company's mapping; its lines in ConnectWise stay as they are.

    Raises:
        UnknownChoice: If no mapped company is meant, or the name fits several.
        NotConnected: If nothing is connected.
    """
    with act(warehouse) as session:
        connected_integration(session)
        mapped = session.scalars(select(Company).join(CompanyMapping, CompanyMapping.company_id == Company.id)).all()
        the_company = the_one("mapped company", company, mapped)
        mapping = session.get_one(CompanyMapping, the_company.id)
        session.delete(mapping)
        record(session, Deed.UNMAP_COMPANY, str(the_company.id), before=snapshot(mapping))
    return Unmapped(the_company.id, the_company.name, mapping.organization_id)


def company_and_agreement(session: Session, company: int | str, agreement: int | str) -> tuple[Company, Agreement]:
    """The company and its agreement that are meant, each by id or exact name.

    Raises:
        UnknownChoice: If one does not exist, or the name fits several.
    """
    text = str(company).strip()
    companies = session.scalars(select(Company)).all()
    listed = [one for one in companies if one.gone_at is None]
    gone = [one for one in companies if one.gone_at is not None and text in {str(one.id), one.name.strip()}]
    found = any(text in {str(one.id), one.name.strip()} for one in listed)
    the_company = the_one("company", company, listed if found or not gone else gone)
    return the_company, _agreement_of(session, the_company, agreement)


def require_mappable(
    session: Session, company: Company, agreement: Agreement, organization: Organization, *, accept_warnings: bool
) -> None:
    """Make sure that these three may be mapped to each other.

    Raises:
        MappingRefused: If they cannot, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and ``accept_warnings`` is not set.
    """
    refusal = why_not(company, agreement, organization)
    holder = session.scalars(select(CompanyMapping).where(CompanyMapping.organization_id == organization.id)).first()
    if holder is not None and holder.company_id != company.id:
        other = session.get_one(Company, holder.company_id)
        refusal = f"the company {other.name} ({other.id}) has it; unmap that one first"
    if refusal is not None:
        msg = f"{company.name} ({company.id}) was not mapped to {organization.name} ({organization.id}): {refusal}."
        raise MappingRefused(msg)
    current = session.get(CompanyMapping, company.id)
    known = current is not None and current.agreement_id == agreement.id
    if warnings(agreement) and not accept_warnings and not known:
        raise WarningsNotAccepted(warnings(agreement))


def snapshot(mapping: CompanyMapping | None) -> dict[str, int | str] | None:
    """A mapping as the audit keeps it."""
    if mapping is None:
        return None
    return {
        "agreement_id": mapping.agreement_id,
        "organization_id": mapping.organization_id,
        "bill_from": mapping.bill_from,
    }


def why_not(company: Company, agreement: Agreement, organization: Organization) -> str | None:
    """Why these three cannot be mapped to each other; None where they can."""
    the_agreement = f"the agreement {agreement.name} ({agreement.id})"
    the_organization = f"the organization {organization.name} ({organization.id})"
    gone = "was not found by the last import: it is deleted, or"
    refusals = (
        (
            company.gone_at is not None,
            f"the company {company.name} ({company.id}) {gone} not of the chosen types and statuses: import with those",
        ),
        (agreement.company_id != company.id, f"{the_agreement} belongs to another company ({agreement.company_id})"),
        (agreement.gone_at is not None, f"{the_agreement} {gone} its company is not imported any more"),
        (agreement.status != "Active", f"{the_agreement} is {agreement.status}, and only Active ones are billed"),
        (organization.gone_at is not None, f"NordPass no longer lists {the_organization}"),
        (
            not organization.msp_managed,
            f"{the_organization} is not MSP-managed: NordPass does not bill its seats through the MSP",
        ),
    )
    return next((refusal for refused, refusal in refusals if refused), None)


def warnings(agreement: Agreement) -> tuple[str, ...]:
    """What may go wrong with billing an agreement that can be mapped."""
    found: list[str] = []
    if (agreement.billing_cycle or "").casefold() != "monthly":
        cycle = agreement.billing_cycle or "None"
        found.append(
            f"The agreement {agreement.name} ({agreement.id}) has the billing cycle {cycle}, not Monthly: ConnectWise "
            "may invoice a month's seats late, several months at once, or not at all."
        )
    if agreement.parent_agreement_id is not None:
        found.append(
            f"The agreement {agreement.name} ({agreement.id}) is a child of {agreement.parent_agreement_id}: it is "
            "invoiced with its parent, and its own next invoice date may not move."
        )
    return tuple(found)


def store_mapping(
    session: Session,
    company_id: int,
    agreement_id: int,
    organization_id: str,
    *,
    bill_from: Month | None,
    now: datetime,
) -> tuple[CompanyMapping, bool]:
    """Store a mapping that may be made, and say whether that changed anything.

    A mapping that stays as it was keeps its time: its months need no new sync.
    """
    mapping = session.get(CompanyMapping, company_id)
    if mapping is not None and mapping.organization_id == organization_id:
        first = str(bill_from) if bill_from else mapping.bill_from
    else:
        first = str(bill_from or Month.last_closed(now))
    wanted = (agreement_id, organization_id, first)
    if mapping is not None and (mapping.agreement_id, mapping.organization_id, mapping.bill_from) == wanted:
        return mapping, False
    if mapping is None:
        mapping = CompanyMapping(company_id=company_id)
        session.add(mapping)
    mapping.agreement_id, mapping.organization_id, mapping.bill_from = wanted
    mapping.mapped_at = now
    return mapping, True


def _agreement_of(session: Session, company: Company, asked: int | str) -> Agreement:
    """An agreement by name among the company's, or any by id, so that the refusal can say whose it is."""
    text = str(asked).strip()
    by_id = session.get(Agreement, int(text)) if is_number(text) else None
    if by_id is not None:
        return by_id
    own = session.scalars(
        select(Agreement).where(Agreement.company_id == company.id, Agreement.gone_at.is_(None))
    ).all()
    return the_one(f"agreement of {company.name}", asked, own)


def the_one(what: str, asked: int | str, records: Sequence[RecordT]) -> RecordT:
    """The record of this id or, if there is none, of exactly this name.

    Raises:
        UnknownChoice: If there is none, or the name fits several.
    """
    text = str(asked).strip()
    for one in records:
        if str(one.id) == text:
            return one
    fitting = [one for one in records if one.name.strip() == text]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnknownChoice(
            f"There are several with the name of the {what} {text}: name its id.", map(name_and_id, fitting)
        )
    raise UnknownChoice(
        f"There is no {what} {text}.", map(name_and_id, sorted(records, key=lambda one: one.name.casefold()))
    )


def is_number(text: str) -> bool:
    """Whether the text can be a ConnectWise id."""
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - what an INTEGER column can hold
