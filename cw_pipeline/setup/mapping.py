"""Mapping a company and one of its agreements to an organization, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup import bill_from as first_months
from cw_pipeline.setup import terms
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.choosing import company_and_agreement, listed_or_gone, the_one
from cw_pipeline.setup.errors import UnknownChoice
from cw_pipeline.setup.guards import connected_integration
from cw_pipeline.setup.left_behind import left_behind
from cw_pipeline.setup.mappable import beside_others, require_mappable
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.connection_key import psa_of
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, OrganizationRow
from cw_pipeline.warehouse.terms import terms_of
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.tables import AgreementRow


@dataclass(frozen=True)
class Mapped:
    """A mapping.

    Attributes:
        bill_from: The first month that is billed.
        bill_from_chosen: Whether a person named it, and so said that earlier usage is not to be billed.
        changed: Whether it is new or was otherwise before.
        left_out: Seats by month that are before `bill_from`, could be billed and never were.
        warnings: What else the company is billed for, what may go wrong with billing the agreement, and what is left
            out, a sentence each.
    """

    company_id: int
    company_name: str
    agreement_id: int
    agreement_name: str
    organization_id: str
    organization_name: str
    bill_from: Month
    bill_from_chosen: bool
    changed: bool
    left_out: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Unmapped:
    """A mapping that was removed.

    Attributes:
        left_behind: The lines of the organization that go on being billed, in a sentence; None where none is known.
    """

    company_id: int
    company_name: str
    organization_id: str
    organization_name: str
    left_behind: str | None


def map_company(
    warehouse: Warehouse,
    company: int | str,
    agreement: int | str,
    organization: str,
    *,
    bill_from: Month | None = None,
    accept_warnings: bool = False,
    first_month: Month,
    now: datetime,
) -> Mapped:
    """Map a company and one of its agreements to an organization; one that the company has is mapped anew.

    Each is given by id or by exact name. What has to be accepted: an agreement that may be billed otherwise than
    monthly, or otherwise than was accepted before; and that the company has other organizations, which stay.

    Args:
        warehouse: Where the mapping is kept.
        company: An imported company.
        agreement: One of its agreements.
        organization: A NordPass organization, also one that is gone but was used.
        bill_from: The first month that is billed; whoever names it says that earlier usage is not to be billed. By
            default the last closed month or, where the organization keeps its company or agreement, the month it was.
        accept_warnings: Whether a person knows what may happen.
        first_month: The first month that is ever synced.
        now: When this is done.

    Raises:
        UnknownChoice: If one does not exist, or the name fits several.
        MappingRefused: If they cannot be mapped to each other, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and `accept_warnings` is not set.
        NotConnected: If nothing is connected.
    """
    with setup_transaction(warehouse) as session:
        psa = psa_of(connected_integration(session))
        the_company, the_agreement = company_and_agreement(session, company, agreement)
        the_organization = listed_or_gone("organization", organization, session.scalars(select(OrganizationRow)).all())
        return _map_company(
            session,
            psa,
            the_company,
            the_agreement,
            the_organization,
            bill_from=bill_from,
            accept_warnings=accept_warnings,
            first_month=first_month,
            now=now,
        )


def _map_company(
    session: Session,
    psa: str,
    company: CompanyRow,
    agreement: AgreementRow,
    organization: OrganizationRow,
    *,
    bill_from: Month | None,
    accept_warnings: bool,
    first_month: Month,
    now: datetime,
) -> Mapped:
    only_its_month = require_mappable(
        session,
        company,
        agreement,
        organization,
        bill_from=bill_from,
        accept_warnings=accept_warnings,
        first_month=first_month,
        now=now,
    )
    before = snapshot(session.get(CompanyMappingRow, organization.id))
    others = beside_others(session, company, organization)
    mapping = store_mapping(
        session,
        company.id,
        agreement,
        organization.id,
        bill_from=bill_from,
        accept_terms=only_its_month is None,
        first_month=first_month,
        now=now,
    )
    log_action(session, AuditAction.MAP_COMPANY, str(company.id), before=before, after=snapshot(mapping))
    left_out = first_months.left_out(session, psa, organization.id, mapping.bill_from, first_month)
    about_left_out = first_months.about_left_out(
        name_and_id(organization), left_out, mapping.bill_from, chosen=mapping.bill_from_chosen
    )
    warnings = (only_its_month, others, *agreement_terms.warnings(agreement), about_left_out)
    return Mapped(
        company_id=company.id,
        company_name=company.name,
        agreement_id=agreement.id,
        agreement_name=agreement.name,
        organization_id=organization.id,
        organization_name=organization.name,
        bill_from=mapping.bill_from,
        bill_from_chosen=mapping.bill_from_chosen,
        changed=snapshot(mapping) != before,
        left_out=left_out,
        warnings=tuple(filter(None, warnings)),
    )


def unmap_company(warehouse: Warehouse, company: int | str, organization: str | None = None) -> Unmapped:
    """Remove a company's mapping to an organization; its lines in ConnectWise stay as they are.

    Raises:
        UnknownChoice: If no mapped company, or none of its organizations, is meant; or if it has several and
            `organization` names none; or if a name fits several.
        NotConnected: If nothing is connected.
    """
    with setup_transaction(warehouse) as session:
        psa = psa_of(connected_integration(session))
        mapped = session.scalars(
            select(CompanyRow).where(CompanyRow.id.in_(select(CompanyMappingRow.company_id)))
        ).all()
        the_company = the_one("mapped company", company, mapped)
        the_organization = _organization_of(session, the_company, organization)
        mapping = session.get_one(CompanyMappingRow, the_organization.id)
        session.delete(mapping)
        log_action(session, AuditAction.UNMAP_COMPANY, str(the_company.id), before=snapshot(mapping))
        return Unmapped(
            company_id=the_company.id,
            company_name=the_company.name,
            organization_id=the_organization.id,
            organization_name=the_organization.name,
            left_behind=left_behind(session, psa).get(as_marked(the_organization.id)),
        )


def snapshot(mapping: CompanyMappingRow | None) -> dict[str, int | str | bool] | None:
    """A mapping as the audit keeps it."""
    if mapping is None:
        return None
    accepted = terms_of(mapping)
    return {
        "company_id": mapping.company_id,
        "agreement_id": mapping.agreement_id,
        "organization_id": mapping.organization_id,
        "bill_from": str(mapping.bill_from),
        "bill_from_chosen": mapping.bill_from_chosen,
        "terms": in_words(accepted) if accepted else "not recorded",
    }


def store_mapping(
    session: Session,
    company_id: int,
    agreement: AgreementRow,
    organization_id: str,
    *,
    bill_from: Month | None,
    accept_terms: bool,
    first_month: Month,
    now: datetime,
) -> CompanyMappingRow:
    """Store a mapping that may be made.

    A mapping that bills as it did keeps its time: its months need no new sync.
    """
    mapping = session.get(CompanyMappingRow, organization_id)
    keeps_its_place = mapping is not None and (mapping.company_id == company_id or mapping.agreement_id == agreement.id)
    if mapping is None:
        mapping = CompanyMappingRow(organization_id=organization_id)
        session.add(mapping)
    before = _what_is_billed(mapping)
    if bill_from is not None or not keeps_its_place:
        mapping.bill_from = bill_from or first_months.unless_named(first_month, now)
        mapping.bill_from_chosen = bill_from is not None
    mapping.company_id, mapping.agreement_id = company_id, agreement.id
    if accept_terms:
        terms.accept(mapping, terms_of(agreement))
    *what, on_terms = _what_is_billed(mapping)
    if what != before[:3] or before[3] not in (None, on_terms):
        mapping.mapped_at, mapping.looked_through_at = now, None
    return mapping


def _what_is_billed(mapping: CompanyMappingRow) -> list[object]:
    return [mapping.company_id, mapping.agreement_id, mapping.bill_from, terms_of(mapping)]


def _organization_of(session: Session, company: CompanyRow, asked: str | None) -> OrganizationRow:
    """The organization of a mapped company that is meant; it need not be named where there is one."""
    own = session.scalars(
        select(OrganizationRow)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
        .where(CompanyMappingRow.company_id == company.id)
        .order_by(OrganizationRow.name, OrganizationRow.id)
    ).all()
    if asked is not None:
        return the_one(f"organization of {company.name}", asked, own)
    if len(own) == 1:
        return own[0]
    raise UnknownChoice(
        f"{name_and_id(company)} has several organizations, and nothing was unmapped: name one, with --organization on "
        "the command line, with organization in the Launchpad.",
        map(name_and_id, own),
    )
