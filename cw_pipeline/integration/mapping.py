"""Mapping a company and one of its agreements to an organization, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from cw_pipeline.billing.months import Month
from cw_pipeline.billing.terms import in_words
from cw_pipeline.integration import bill_from as first_months
from cw_pipeline.integration import terms
from cw_pipeline.integration.access import act, connected_integration, psa_of
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import UnknownChoice
from cw_pipeline.integration.mappable import require_mappable
from cw_pipeline.integration.reconcile import name_and_id
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping, Organization
from cw_pipeline.warehouse.terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse

ImportedT = TypeVar("ImportedT", Company, Agreement, Organization)


@dataclass(frozen=True)
class Mapped:
    """A mapping.

    Attributes:
        bill_from: The first month that is billed.
        bill_from_chosen: Whether a person named it, and so said that earlier usage is not to be billed.
        changed: Whether it is new or was otherwise before.
        left_out: Seats by month that are before ``bill_from``, could be billed and never were.
        warnings: What may go wrong with billing the agreement, and what is left out, a sentence each.
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
    first_month: Month,
    now: datetime,
) -> Mapped:
    """Map a company and one of its agreements to an organization; a mapped company is mapped anew.

    Each is given by id or by exact name. An agreement that may be billed otherwise than monthly, or otherwise than was
    accepted before, has to be accepted as such.

    Args:
        warehouse: Where the mapping is kept.
        company: An imported company.
        agreement: One of its agreements.
        organization: A NordPass organization, also one that is gone but was used.
        bill_from: The first month that is billed; whoever names it says that earlier usage is not to be billed. By
            default the last closed month or, where the organization stays, the month it was.
        accept_warnings: Whether a person knows what may happen.
        first_month: The first month that is ever synced.
        now: When this is done.

    Raises:
        UnknownChoice: If one does not exist, or the name fits several.
        MappingRefused: If they cannot be mapped to each other, or another company has the organization.
        WarningsNotAccepted: If there is something to know first, and ``accept_warnings`` is not set.
        NotConnected: If nothing is connected.
    """
    with act(warehouse) as session:
        psa = psa_of(connected_integration(session))
        the_company, the_agreement = company_and_agreement(session, company, agreement)
        the_organization = listed_or_gone("organization", organization, session.scalars(select(Organization)).all())
        only_its_month = require_mappable(
            session,
            the_company,
            the_agreement,
            the_organization,
            bill_from=bill_from,
            accept_warnings=accept_warnings,
            first_month=first_month,
            now=now,
        )
        before = snapshot(session.get(CompanyMapping, the_company.id))
        mapping = store_mapping(
            session,
            the_company.id,
            the_agreement,
            the_organization.id,
            bill_from=bill_from,
            accept_terms=only_its_month is None,
            first_month=first_month,
            now=now,
        )
        record(session, Deed.MAP_COMPANY, str(the_company.id), before=before, after=snapshot(mapping))
        first = Month.parse(mapping.bill_from)
        left_out = first_months.left_out(session, psa, the_organization.id, first, first_month)
        about_left_out = first_months.about_left_out(
            name_and_id(the_organization), left_out, first, chosen=mapping.bill_from_chosen
        )
        return Mapped(
            company_id=the_company.id,
            company_name=the_company.name,
            agreement_id=the_agreement.id,
            agreement_name=the_agreement.name,
            organization_id=the_organization.id,
            organization_name=the_organization.name,
            bill_from=first,
            bill_from_chosen=mapping.bill_from_chosen,
            changed=snapshot(mapping) != before,
            left_out=left_out,
            warnings=tuple(filter(None, (only_its_month, *terms.warnings(the_agreement), about_left_out))),
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
    the_company = listed_or_gone("company", company, session.scalars(select(Company)).all())
    return the_company, _agreement_of(session, the_company, agreement)


def snapshot(mapping: CompanyMapping | None) -> dict[str, int | str | bool] | None:
    """A mapping as the audit keeps it."""
    if mapping is None:
        return None
    accepted = terms_of(mapping)
    return {
        "agreement_id": mapping.agreement_id,
        "organization_id": mapping.organization_id,
        "bill_from": mapping.bill_from,
        "bill_from_chosen": mapping.bill_from_chosen,
        "terms": in_words(accepted) if accepted else "not recorded",
    }


def store_mapping(
    session: Session,
    company_id: int,
    agreement: Agreement,
    organization_id: str,
    *,
    bill_from: Month | None,
    accept_terms: bool,
    first_month: Month,
    now: datetime,
) -> CompanyMapping:
    """Store a mapping that may be made.

    A mapping that bills as it did keeps its time: its months need no new sync.
    """
    mapping = session.get(CompanyMapping, company_id)
    stays = mapping is not None and mapping.organization_id == organization_id
    if mapping is None:
        mapping = CompanyMapping(company_id=company_id)
        session.add(mapping)
    before = _what_is_billed(mapping)
    if bill_from is not None or not stays:
        mapping.bill_from = str(bill_from or first_months.unless_named(first_month, now))
        mapping.bill_from_chosen = bill_from is not None
    mapping.agreement_id, mapping.organization_id = agreement.id, organization_id
    if accept_terms:
        terms.accept(mapping, terms_of(agreement))
    *what, on_terms = _what_is_billed(mapping)
    if what != before[:3] or before[3] not in (None, on_terms):
        mapping.mapped_at, mapping.looked_through_at = now, None
    return mapping


def _what_is_billed(mapping: CompanyMapping) -> list[object]:
    return [mapping.agreement_id, mapping.organization_id, mapping.bill_from, terms_of(mapping)]


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


def listed_or_gone(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The one that is meant by id or exact name among those that are listed or, if it is none of them, that are gone.

    Raises:
        UnknownChoice: If there is none, or the name fits several.
    """
    text = str(asked).strip()
    listed = [one for one in records if one.gone_at is None]
    gone = [one for one in records if one.gone_at is not None and text in {str(one.id), one.name.strip()}]
    found = any(text in {str(one.id), one.name.strip()} for one in listed)
    return the_one(what, asked, listed if found or not gone else gone)


def the_one(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
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
