"""Mapping a company and one of its agreements to an organization, one at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.setup.audit import setup_transaction
from cw_pipeline.setup.bill_from import SyncedMonths, about_left_out, left_out
from cw_pipeline.setup.errors import UnknownChoice, listed
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.lookup import company_and_agreement, find, find_listed
from cw_pipeline.setup.wanted_mapping import remove_mapping, require_mappable, snapshot, wanted_mapping
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.mappings import organizations_of
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, LedgerEntry, OrganizationRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class Mapped:
    """A mapping.

    Attributes:
        bill_from: The first month that is billed.
        trial_months: For how many months from then on nobody is billed.
        bill_from_chosen: Whether a person named that month, which says that earlier usage is not to be billed.
        changed: Whether it is new or changed.
        left_out: Seats by month that are before `bill_from`, could be billed and never were.
        warnings: What else the company is billed for, what may go wrong with the agreement, and which lines and usage
            are left out, a sentence each.
    """

    company_id: int
    company_name: str
    agreement_id: int
    agreement_name: str
    organization_id: str
    organization_name: str
    bill_from: Month
    bill_from_chosen: bool
    trial_months: int
    changed: bool
    left_out: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Unmapped:
    """A mapping that was removed.

    Attributes:
        left_behind: The lines of the organization that will still be billed, in a sentence; None if none is known.
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
    trial_months: int | None = None,
    accept_warnings: bool = False,
    first_month: Month,
    now: datetime,
) -> Mapped:
    """Map a company and one of its agreements to an organization; a mapping to that organization is replaced.

    Args:
        warehouse: Where the mapping is stored.
        company: Id or exact name of an imported company.
        agreement: Id or exact name of one of its agreements.
        organization: Id or exact name of a NordPass organization; one that is gone must be in a usage report.
        bill_from: The first month to bill; whoever names it says that earlier usage is not to be billed. By default the
            last closed month or, if the organization keeps its company or agreement, the month before the change.
        trial_months: For how many months from the first one on lines bill nobody. By default none or, if the
            organization keeps its company or agreement, and its first month, as many as before.
        accept_warnings: Map despite warnings: the agreement is not billed monthly or not on the terms that were
            accepted, the company has other organizations, which stay, or lines of months before `bill_from` are left
            as they are.
        first_month: The first month that is ever synced.
        now: When this is done.

    Raises:
        UnknownChoice: If one does not exist, or several have the name.
        MappingRefused: If they cannot be mapped to each other, or another company has the organization.
        WarningsNotAccepted: If there are warnings, and `accept_warnings` is not set.
        NotConnected: If nothing is connected.
    """
    months = SyncedMonths(first_month, now)
    with setup_transaction(warehouse) as session:
        psa = psa_of(require_connected(session))
        the_company, the_agreement = company_and_agreement(session, company, agreement)
        the_organization = find_listed("organization", organization, session.scalars(select(OrganizationRow)).all())
        wanted = wanted_mapping(
            session, the_company, the_agreement, the_organization, bill_from, trial_months=trial_months
        )
        warnings = require_mappable(session, psa, wanted, months, accept_warnings=accept_warnings)
        before = snapshot(wanted.current)
        mapping, seats = wanted.store(session, months), left_out(session, psa, first_month).get(the_organization.id, {})
        return Mapped(
            company_id=the_company.id,
            company_name=the_company.name,
            agreement_id=the_agreement.id,
            agreement_name=the_agreement.name,
            organization_id=the_organization.id,
            organization_name=the_organization.name,
            bill_from=mapping.bill_from,
            bill_from_chosen=mapping.bill_from_chosen,
            trial_months=mapping.trial_months,
            changed=snapshot(mapping) != before,
            left_out=seats,
            warnings=tuple(filter(None, (*warnings, about_left_out(mapping, seats)))),
        )


def unmap_company(warehouse: Warehouse, company: int | str, organization: str | None = None) -> Unmapped:
    """Remove a company's mapping to an organization; its lines in ConnectWise stay.

    Raises:
        UnknownChoice: If there is no such mapped company or organization of it, several have the name, or the company
            has several organizations and `organization` names none.
        NotConnected: If nothing is connected.
    """
    with setup_transaction(warehouse) as session:
        psa = psa_of(require_connected(session))
        is_mapped = CompanyRow.id.in_(select(CompanyMappingRow.company_id))
        the_company = find("mapped company", company, session.scalars(select(CompanyRow).where(is_mapped)).all())
        the_organization = _organization_of(session, the_company, organization)
        remove_mapping(session, session.get_one(CompanyMappingRow, the_organization.id))
        return Unmapped(
            company_id=the_company.id,
            company_name=the_company.name,
            organization_id=the_organization.id,
            organization_name=the_organization.name,
            left_behind=left_behind(session, psa).get(as_marked(the_organization.id)),
        )


def _organization_of(session: Session, company: CompanyRow, asked: str | None) -> OrganizationRow:
    """The organization of a mapped company that was asked for, or its only one."""
    own = organizations_of(session, company.id)
    if asked is not None:
        return find(f"organization of {company.name}", asked, own)
    if len(own) == 1:
        return own[0]
    raise UnknownChoice(
        f"{name_and_id(company)} has several organizations, and nothing was unmapped: name one, with --organization on "
        "the command line, with organization in the Launchpad.",
        map(name_and_id, own),
    )


def left_behind(session: Session, psa: str) -> dict[str, str]:
    """The lines that bill seats and are not known to be invoiced, in a sentence for each organization that has any.

    By the organization's id as the lines are marked with it.
    """
    months = session.scalars(select(LedgerEntry.month).where(LedgerEntry.psa == psa).distinct()).all()
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for number, written in ledger.written_lines(session, psa, months).items():
        identity = Identity.parse(written.serial_number)
        if identity is None or written.invoiced or written.trial or written.quantities == NOTHING:
            continue
        seats = " or ".join(map(str, sorted(written.quantities)))
        lines[identity.organization_id].append(
            f"line {number} of {seats} for {identity.month} on agreement {written.agreement_id}"
        )
    return {
        organization_id: (
            "While no company has the organization, nobody changes its lines, and those that are not known to be "
            f"invoiced are billed as they are: {listed(of_one)}. Set those to 0 in ConnectWise that are not to be."
        )
        for organization_id, of_one in lines.items()
    }
