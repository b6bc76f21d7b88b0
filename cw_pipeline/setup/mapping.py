"""Mapping a company and one of its agreements to an organization, one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.setup.audit import setup_transaction
from cw_pipeline.setup.errors import UnknownChoice, listed
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.lookup import company_and_agreement, find, find_listed
from cw_pipeline.setup.mapping_change import MappingChange, remove_mapping, snapshot
from cw_pipeline.setup.mapping_session import mapping_session, unbilled_usage_warning
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
        bill_from_chosen: Whether a person named that month, which says that earlier usage is not to be billed.
        trial_months: For how many months from then on nobody is billed.
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
    left_out: Mapping[str, int]
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

    All three are given by id or exact name. An organization that is gone must be in a usage report.

    A person who names the first month, `bill_from`, says that earlier usage is not to be billed. By default it is the
    last closed month or, if the organization keeps its company or agreement, the month before the change. In the first
    `trial_months` lines bill nobody: by default in none or, if the organization keeps its company or agreement, and its
    first month, in as many as before. `first_month` is the first month that is ever synced.

    There is a warning if the agreement is not billed monthly or not on the terms that were accepted, if the company has
    other organizations, which stay, and if lines of months before `bill_from` are left as they are.

    Raises:
        UnknownChoice: If one does not exist, or several have the name.
        MappingRefused: If they cannot be mapped to each other, or another company has the organization.
        WarningsNotAccepted: If there are warnings, and `accept_warnings` is not set.
    """
    with mapping_session(warehouse, first_month, now) as transaction:
        session = transaction.session
        company_row, agreement_row = company_and_agreement(session, company, agreement)
        organization_row = find_listed("organization", organization, session.scalars(select(OrganizationRow)).all())
        current = session.get(CompanyMappingRow, organization_row.id)
        change = MappingChange(
            transaction, company_row, agreement_row, organization_row, current, bill_from, trial_months
        )
        warnings = change.accepted_warnings(accept_warnings=accept_warnings)
        before = snapshot(current)
        mapping = change.store()
        left_out = transaction.unbilled_usage().get(mapping.organization_id, {})
        return Mapped(
            **names_and_ids(change),
            bill_from=mapping.bill_from,
            bill_from_chosen=mapping.bill_from_chosen,
            trial_months=mapping.trial_months,
            changed=snapshot(mapping) != before,
            left_out=left_out,
            warnings=(*warnings, unbilled_usage_warning(mapping, left_out)) if left_out else warnings,
        )


def names_and_ids(mapping: CompanyMappingRow | MappingChange) -> dict[str, Any]:
    """The id and name of a mapping's company, agreement and organization."""
    company, agreement, organization = mapping.company, mapping.agreement, mapping.organization
    return {
        "company_id": company.id,
        "company_name": company.name,
        "agreement_id": agreement.id,
        "agreement_name": agreement.name,
        "organization_id": organization.id,
        "organization_name": organization.name,
    }


def unmap_company(warehouse: Warehouse, company: int | str, organization: str | None = None) -> Unmapped:
    """Remove a company's mapping to an organization; its lines in ConnectWise stay.

    Raises:
        UnknownChoice: If there is no such mapped company or organization of it, several have the name, or the company
            has several organizations and `organization` names none.
    """
    with setup_transaction(warehouse) as session:
        psa = psa_of(require_connected(session))
        is_mapped = CompanyRow.id.in_(select(CompanyMappingRow.company_id))
        company_row = find("mapped company", company, session.scalars(select(CompanyRow).where(is_mapped)).all())
        organizations = organizations_of(session, company_row.id)
        if organization is None and len(organizations) > 1:
            raise UnknownChoice(
                f"{name_and_id(company_row)} has several organizations, and nothing was unmapped: name one, with "
                "--organization on the command line, with organization in the Launchpad.",
                map(name_and_id, organizations),
            )
        mapped = (
            organizations[0]
            if organization is None
            else find(f"organization of {company_row.name}", organization, organizations)
        )
        remove_mapping(session, session.get_one(CompanyMappingRow, mapped.id))
        lines = left_behind(session, psa).get(as_marked(mapped.id))
        return Unmapped(company_row.id, company_row.name, mapped.id, mapped.name, lines)


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
            f"invoiced are billed as they are: {listed(of_organization)}. Set those to 0 in ConnectWise that are not "
            "to be."
        )
        for organization_id, of_organization in lines.items()
    }
