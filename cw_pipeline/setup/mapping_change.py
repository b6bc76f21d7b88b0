"""A change of one mapping: whether it can be made, what to warn of first, and storing it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import MappingRefused, WarningsNotAccepted, listed
from cw_pipeline.setup.mapping_session import MappingSession
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

_MOST_TRIAL_MONTHS = 12


@dataclass(frozen=True)
class MappingChange:
    """A company and one of its agreements, to be mapped to an organization.

    Attributes:
        current: The organization's mapping, if it has one.
        bill_from: The first month to bill, if a person named one.
        trial_months: For how many months nobody is billed, if a person said so.
    """

    transaction: MappingSession
    company: CompanyRow
    agreement: AgreementRow
    organization: OrganizationRow
    current: CompanyMappingRow | None
    bill_from: Month | None = None
    trial_months: int | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether the mapping is stored already, with the first month and trial months that were named."""
        current = self.current
        return (
            current is not None
            and self._is_in_place
            and self.bill_from in (None, current.bill_from)
            and self.trial_months in (None, current.trial_months)
        )

    @property
    def keeps_agreement(self) -> bool:
        """Whether the organization is mapped to this agreement already."""
        return self.current is not None and self.current.agreement_id == self.agreement.id

    @property
    def _keeps_company(self) -> bool:
        return self.current is not None and self.current.company_id == self.company.id

    @property
    def _is_in_place(self) -> bool:
        return self._keeps_company and self.keeps_agreement

    @property
    def _keeps_month(self) -> bool:
        """Whether the first month stays unless a person names one."""
        return self._keeps_company or self.keeps_agreement

    @property
    def _first_billed(self) -> Month:
        kept = self.current.bill_from if self.current and self._keeps_month else self.transaction.default_bill_from
        return self.bill_from or kept

    @cached_property
    def _why_not(self) -> str | None:
        """Why the company and the agreement cannot be mapped to the organization; None if they can."""
        return next(self._obstacles(), None)

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
        # The past months of an organization that NordPass deleted can still be billed.
        if organization.gone_at is not None and not _has_usage(self.transaction.session, organization.id):
            yield f"NordPass no longer lists {the_organization}, and no usage report has it"
        if not organization.msp_managed:
            yield f"{the_organization} is not MSP-managed: NordPass does not bill its seats through the MSP"
        if why_not := agreement_terms.why_not_billable(agreement):
            yield why_not

    @property
    def _only_month(self) -> bool:
        """Whether only the first month can change: the mapping is there, and could not be made any more."""
        return self._is_in_place and self._why_not is not None

    @property
    def refusal(self) -> str | None:
        """Why the mapping cannot be stored, whoever has the organization now; None if it can."""
        if not 0 <= (self.trial_months or 0) <= _MOST_TRIAL_MONTHS:
            return f"there can be 0 to {_MOST_TRIAL_MONTHS} trial months, not {self.trial_months}"
        return self.transaction.why_not(self.bill_from) or (None if self._only_month else self._why_not)

    def new_terms(self) -> tuple[str, ...]:
        """The warnings about the agreement's terms, unless they were accepted with the current mapping."""
        current, agreement = self.current, self.agreement
        if self._only_month:
            return ()
        if current is None or current.agreement_id != agreement.id:
            return agreement_terms.warnings(agreement)
        if current.terms is None or agreement.terms is None or current.terms == agreement.terms:
            return ()
        change = f"was {in_words(current.terms)} when it was mapped, and is {in_words(agreement.terms)} now."
        return (f"The agreement {name_and_id(agreement)} {change}", *agreement_terms.warnings(agreement))

    def about_abandoned_lines(self) -> list[str]:
        """A warning about lines that are left as they are once the mapping is stored; empty if there are none."""
        before = self.current.bill_from if self.current else None
        return self.transaction.about_abandoned_lines(self.organization, self._first_billed, before)

    def accepted_warnings(self, *, accept_warnings: bool) -> tuple[str, ...]:
        """The warnings about a change that is made alone, a sentence each.

        An organization of another company is only taken from it if the last import no longer found that company: it may
        be merged into this one.

        Raises:
            MappingRefused: If the mapping cannot be stored.
            WarningsNotAccepted: If there are warnings to accept, and `accept_warnings` is not set.
        """
        company, organization, current = self.company, self.organization, self.current
        refusal = self.refusal
        if current is not None and current.company_id != company.id and current.company.gone_at is None:
            unmap, holder = unmap_command(current.company_id, organization.id), name_and_id(current.company)
            taken = f"the company {holder} has it; unmap that one first, with {unmap}"
            refusal = self.transaction.why_not(self.bill_from) or taken
        if current is not None and self._only_month:
            month_was_chosen = current.bill_from_chosen and current.bill_from == self.bill_from
            if self.bill_from is None or month_was_chosen:
                refusal = self._why_not
        if refusal is not None:
            raise MappingRefused(f"{name_and_id(company)} was not mapped to {name_and_id(organization)}: {refusal}.")
        others = organizations_of(self.transaction.session, company.id)
        warnings = [beside(company, others)] if others and organization not in others else []
        warnings += self.about_abandoned_lines()
        to_accept = (*warnings, *self.new_terms())
        if to_accept and not accept_warnings:
            raise WarningsNotAccepted(to_accept)
        if self._only_month:
            warnings.append(f"Only the first month that is billed was set, because {self._why_not}.")
        return (*warnings, *agreement_terms.warnings(self.agreement))

    def store(self) -> CompanyMappingRow:
        """Store and log the mapping. One that bills as before keeps its time: its months need no new sync."""
        session, mapping, before = self.transaction.session, self.current, snapshot(self.current)
        bill_from, keeps_month, accepts_terms = self._first_billed, self._keeps_month, not self._only_month
        if mapping is None:
            mapping = CompanyMappingRow(organization_id=self.organization.id)
            session.add(mapping)
        billed_before, terms_before = _billed_as(mapping), mapping.terms
        if self.trial_months is not None or not keeps_month or mapping.bill_from != bill_from:
            mapping.trial_months = self.trial_months or 0
        if self.bill_from is not None or not keeps_month:
            mapping.bill_from = bill_from
            mapping.bill_from_chosen = self.bill_from is not None
        mapping.company_id, mapping.agreement_id = self.company.id, self.agreement.id
        if accepts_terms and self.agreement.terms is not None:
            mapping.terms = self.agreement.terms
        if billed_before != _billed_as(mapping) or terms_before not in (None, mapping.terms):
            mapping.mapped_at, mapping.looked_through_at = self.transaction.now, None
        session.flush()
        log_action(session, AuditAction.MAP_COMPANY, str(self.company.id), before=before, after=snapshot(mapping))
        return mapping


def _has_usage(session: Session, organization_id: str) -> bool:
    row = OrganizationUsageRow
    return session.scalar(select(row.report_id).where(row.organization_id == organization_id).limit(1)) is not None


def _billed_as(mapping: CompanyMappingRow) -> tuple[object, ...]:
    return mapping.company_id, mapping.agreement_id, mapping.bill_from, mapping.trial_months


def beside(company: CompanyRow, others: Sequence[OrganizationRow]) -> str:
    """The warning before a company that has `others` gets another organization."""
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
