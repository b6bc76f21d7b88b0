"""A mapping that a person asks for: whether it can be made, what to know first, and storing it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.bill_from import about_left_lines
from cw_pipeline.setup.errors import MappingRefused, WarningsNotAccepted, listed
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import organizations_of
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    CompanyMappingRow,
    CompanyRow,
    OrganizationRow,
    OrganizationUsageRow,
)
from cw_pipeline.wording.commands import unmap_command
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.bill_from import SyncedMonths

_MOST_TRIAL_MONTHS = 12


@dataclass(frozen=True)
class WantedMapping:
    """A company and an agreement to map to an organization.

    Attributes:
        bill_from: The first month to bill, if a person named one.
        current: The organization's mapping, if it has one.
        used: Whether a usage report has the organization: then it can be mapped even after NordPass deleted it.
        trial_months: For how many months nobody is billed, if a person said so.
    """

    company: CompanyRow
    agreement: AgreementRow
    organization: OrganizationRow
    bill_from: Month | None
    current: CompanyMappingRow | None
    used: bool
    trial_months: int | None = None

    @property
    def is_in_place(self) -> bool:
        """Whether the three are mapped to each other already."""
        current = self.current
        return current is not None and (current.company_id, current.agreement_id) == (
            self.company.id,
            self.agreement.id,
        )

    @property
    def changes_nothing(self) -> bool:
        """Whether the mapping is stored already, with the first month if one was named."""
        current = self.current
        return (
            current is not None
            and self.is_in_place
            and self.bill_from in (None, current.bill_from)
            and self.trial_months in (None, current.trial_months)
        )

    @property
    def chooses_month(self) -> bool:
        """Whether a person names a first month other than the one that was named before, if any."""
        current = self.current
        was_chosen = current is not None and current.bill_from_chosen and current.bill_from == self.bill_from
        return self.bill_from is not None and not was_chosen

    @cached_property
    def why_not(self) -> str | None:
        """Why the three cannot be mapped to each other; None if they can."""
        return next(self._obstacles(), None) or agreement_terms.why_not_billable(self.agreement)

    def _obstacles(self) -> Iterator[str]:
        company, agreement, organization = self.company, self.agreement, self.organization
        the_agreement = f"the agreement {name_and_id(agreement)}"
        the_organization = f"the organization {name_and_id(organization)}"
        gone = "was not found by the last import: it is deleted, or"
        if company.gone_at is not None:
            yield f"the company {name_and_id(company)} {gone} not of the chosen types and statuses: import with those"
        if agreement.company_id != company.id:
            yield f"{the_agreement} belongs to another company ({agreement.company_id})"
        if agreement.gone_at is not None:
            yield f"{the_agreement} {gone} its company is not imported any more"
        if agreement.status != "Active":
            yield f"{the_agreement} is {agreement.status}, and only Active ones are billed"
        if organization.gone_at is not None and not self.used:
            yield f"NordPass no longer lists {the_organization}, and no usage report has it"
        if not organization.msp_managed:
            yield f"{the_organization} is not MSP-managed: NordPass does not bill its seats through the MSP"

    @property
    def only_month(self) -> bool:
        """Whether only the first month can change: the three are mapped, and could not be mapped any more."""
        return self.is_in_place and self.why_not is not None

    def refusal(self, months: SyncedMonths) -> str | None:
        """Why the mapping cannot be stored as asked; None if it can."""
        if not 0 <= (self.trial_months or 0) <= _MOST_TRIAL_MONTHS:
            return f"there can be 0 to {_MOST_TRIAL_MONTHS} trial months, not {self.trial_months}"
        return months.why_not(self.bill_from) or (None if self.only_month else self.why_not)

    def terms_to_accept(self) -> tuple[str, ...]:
        """What to know about the agreement's terms, unless they were accepted with the current mapping."""
        current, agreement = self.current, self.agreement
        if self.only_month:
            return ()
        if current is None or current.agreement_id != agreement.id:
            return agreement_terms.warnings(agreement)
        if current.terms is None or agreement.terms is None or current.terms == agreement.terms:
            return ()
        change = f"was {in_words(current.terms)} when it was mapped, and is {in_words(agreement.terms)} now."
        return (f"The agreement {name_and_id(agreement)} {change}", *agreement_terms.warnings(agreement))

    @property
    def keeps_month(self) -> bool:
        """Whether the first month stays unless a person names one: the organization keeps company or agreement."""
        current = self.current
        return current is not None and (
            current.company_id == self.company.id or current.agreement_id == self.agreement.id
        )

    def first_billed(self, months: SyncedMonths) -> Month:
        """The first month that is billed once the mapping is stored."""
        kept = self.current.bill_from if self.current is not None and self.keeps_month else months.default
        return self.bill_from or kept

    def about_left_lines(self, session: Session, psa: str, months: SyncedMonths) -> str | None:
        """What to know about lines that are left as they are once the mapping is stored; None if there are none."""
        before = self.current.bill_from if self.current else None
        return about_left_lines(session, psa, self.organization, self.first_billed(months), before)

    def store(self, session: Session, months: SyncedMonths) -> CompanyMappingRow:
        """Store and log the mapping. One that bills as before keeps its time: its months need no new sync."""
        mapping, before = self.current, snapshot(self.current)
        bill_from, keeps_month, accept_terms = self.first_billed(months), self.keeps_month, not self.only_month
        if mapping is None:
            mapping = CompanyMappingRow(organization_id=self.organization.id)
            session.add(mapping)
        place, terms = _place(mapping), mapping.terms
        if self.trial_months is not None or not keeps_month or mapping.bill_from != bill_from:
            mapping.trial_months = self.trial_months or 0
        if self.bill_from is not None or not keeps_month:
            mapping.bill_from = bill_from
            mapping.bill_from_chosen = self.bill_from is not None
        mapping.company_id, mapping.agreement_id = self.company.id, self.agreement.id
        if accept_terms and self.agreement.terms is not None:
            mapping.terms = self.agreement.terms
        if place != _place(mapping) or terms not in (None, mapping.terms):
            mapping.mapped_at, mapping.looked_through_at = months.now, None
        session.flush()
        log_action(session, AuditAction.MAP_COMPANY, str(self.company.id), before=before, after=snapshot(mapping))
        return mapping


def _place(mapping: CompanyMappingRow) -> tuple[object, ...]:
    """Where, from when on, and after how many trial months an organization is billed."""
    return mapping.company_id, mapping.agreement_id, mapping.bill_from, mapping.trial_months


def wanted_mapping(
    session: Session,
    company: CompanyRow,
    agreement: AgreementRow,
    organization: OrganizationRow,
    bill_from: Month | None,
    *,
    trial_months: int | None = None,
) -> WantedMapping:
    """A wanted mapping, with what is stored about the organization now."""
    current = session.get(CompanyMappingRow, organization.id)
    used = organization.id in used_organizations(session)
    return WantedMapping(company, agreement, organization, bill_from, current, used, trial_months)


def used_organizations(session: Session) -> frozenset[str]:
    """The ids of the organizations that any usage report has."""
    return frozenset(session.scalars(select(OrganizationUsageRow.organization_id).distinct()))


def require_mappable(
    session: Session, psa: str, wanted: WantedMapping, months: SyncedMonths, *, accept_warnings: bool
) -> tuple[str, ...]:
    """What to know about the wanted mapping, a sentence each, if it can be stored.

    An organization of another company is only taken from it if the last import no longer found that company: it may be
    merged into this one.

    Raises:
        MappingRefused: If it cannot be stored.
        WarningsNotAccepted: If there is something to know, and `accept_warnings` is not set.
    """
    company, organization, current = wanted.company, wanted.organization, wanted.current
    refusal = wanted.refusal(months)
    if current is not None and current.company_id != company.id and current.company.gone_at is None:
        unmap, holder = unmap_command(current.company_id, organization.id), name_and_id(current.company)
        refusal = months.why_not(wanted.bill_from) or f"the company {holder} has it; unmap that one first, with {unmap}"
    if wanted.only_month and not wanted.chooses_month:
        refusal = wanted.why_not
    if refusal is not None:
        raise MappingRefused(f"{name_and_id(company)} was not mapped to {name_and_id(organization)}: {refusal}.")
    others = organizations_of(session, company.id)
    about = [beside(company, others)] if others and organization.id not in {one.id for one in others} else []
    about += filter(None, [wanted.about_left_lines(session, psa, months)])
    warnings = (*about, *wanted.terms_to_accept())
    if warnings and not accept_warnings:
        raise WarningsNotAccepted(warnings)
    if wanted.only_month:
        about.append(f"Only the first month that is billed was set, because {wanted.why_not}.")
    return (*about, *agreement_terms.warnings(wanted.agreement))


def beside(company: CompanyRow, others: Sequence[OrganizationRow]) -> str:
    """What to know about a company that has `others` before it gets another organization."""
    return (
        f"The company {name_and_id(company)} is billed for {listed(list(map(name_and_id, others)))} already. That stays"
        ": each organization is billed on its own agreement. "
        f"{unmap_command(company.id, others[0].id)} removes {'one' if len(others) > 1 else 'it'}."
    )


def remove_mapping(session: Session, mapping: CompanyMappingRow) -> None:
    """Remove and log a mapping."""
    session.delete(mapping)
    log_action(session, AuditAction.UNMAP_COMPANY, str(mapping.company_id), before=snapshot(mapping))


def snapshot(mapping: CompanyMappingRow | None) -> dict[str, int | str | bool] | None:
    """A mapping for the audit log."""
    if mapping is None:
        return None
    return {
        "company_id": mapping.company_id,
        "agreement_id": mapping.agreement_id,
        "organization_id": mapping.organization_id,
        "bill_from": str(mapping.bill_from),
        "bill_from_chosen": mapping.bill_from_chosen,
        "trial_months": mapping.trial_months,
        "terms": in_words(mapping.terms) if mapping.terms else "not recorded",
    }
