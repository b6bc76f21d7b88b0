"""What is not as it is known here, and how mapped companies and agreements are not. Nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import CompanyMapping
from cw_pipeline.billing.holds import is_changed
from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording import hold_reasons
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from cw_pipeline.billing.facts import Agreement, Unread
    from cw_pipeline.connectwise import models

_ELSEWHERE = "set its lines that are not invoiced to 0 there and map the company to another agreement"


class Kind(StrEnum):
    """What is not as it is known here."""

    EDITED = "edited"
    """A line's quantity, product, serial number, or whether all of it is billed."""
    CANCELLED = "cancelled"
    """A line's first or last day."""
    DELETED = "deleted"
    """A line that carried seats is no longer shown, alone or with an agreement that is no longer the mapped one."""
    REPLACED = "replaced"
    """The id of a line that carried seats is another line's now."""
    DUPLICATED = "duplicated"
    """A line that carries seats and a serial number of ours, but was not written by this warehouse."""
    INVOICE_UNCLEAR = "invoice_unclear"
    """A line was invoiced, and its agreement's next invoice date was moved back or cleared: the invoice may be gone."""
    PERHAPS_WRITTEN_OFF = "perhaps_written_off"
    """A line's agreement is to be invoiced later than before, but nothing was invoiced."""
    COMPANY_GONE = "company_gone"
    """A mapped company is deleted, or no longer shown."""
    COMPANY_MERGED = "company_merged"
    """A mapped company is gone, and its agreement belongs to another one now."""
    COMPANY_RENAMED = "company_renamed"
    """A mapped company has another name than when it was imported."""
    AGREEMENT_MOVED = "agreement_moved"
    """A mapped agreement belongs to another company now."""
    AGREEMENT_NOT_BILLABLE = "agreement_not_billable"
    """A mapped agreement, or another one with an open line, is gone, not active, or has ended."""
    UNREADABLE = "unreadable"
    """A line of ours, or a mapped company's agreement, cannot be read, or the company itself."""
    AGREEMENT_CHANGED = "agreement_changed"
    """A mapped agreement is billed on other terms than were accepted, or on some that nobody may accept."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it is known here.

    Attributes:
        month: The billing month of a line; None for a company, an agreement, or a line of nobody's.
        organization_id: Who is billed there; None for a line of nobody's.
        addition_id: The line; None for a company or an agreement.
        expected: What was written, mapped or imported.
        found: What ConnectWise shows.
        what_to_do: A sentence.
    """

    kind: Kind
    month: Month | None
    organization_id: str | None
    organization_name: str | None
    agreement_id: int
    addition_id: int | None
    expected: str
    found: str
    what_to_do: str


@dataclass(frozen=True)
class Mapping(CompanyMapping):
    """A mapping, with the names that were imported."""

    company_name: str

    def finding(self, kind: Kind, expected: str, found: str, what_to_do: str) -> Finding:
        """A finding about the mapped company or agreement."""
        whose = (self.organization_id, self.organization_name)
        return Finding(kind, None, *whose, self.agreement_id, None, expected, found, what_to_do)


def drifted_company(mapping: Mapping, company: models.Company | None, agreement: Agreement | None) -> Iterator[Finding]:
    """How a mapped company is not what was imported: one finding at most."""
    expected = f"{mapping.company_name} ({mapping.company_id})"
    gone = company is None or company.deleted_flag
    if agreement is not None and agreement.company_id != mapping.company_id:
        found = f"agreement {agreement.id} belongs to {agreement.company_name} ({agreement.company_id})"
        what_to_do = hold_reasons.bill_the_new_owner(agreement, mapping)
        yield mapping.finding(Kind.COMPANY_MERGED if gone else Kind.AGREEMENT_MOVED, expected, found, what_to_do)
    elif gone:
        what_to_do = f"Restore it in ConnectWise, or {hold_reasons.to_another_company(mapping)}."
        yield mapping.finding(Kind.COMPANY_GONE, expected, "no such company", what_to_do)
    elif company is not None and company.name != mapping.company_name:
        found = f"{company.name} ({company.id})"
        yield mapping.finding(Kind.COMPANY_RENAMED, expected, found, "Run `cw-pipeline import` to take the new name.")


def unread_finding(one: Unread, mappings: Collection[Mapping]) -> Finding:
    """What cannot be read, with the mapped organization that it concerns."""
    identity = next(filter(None, map(Identity.parse, one.serial_numbers)), None) if one.addition_id else None
    whose = next(
        (
            mapping
            for mapping in mappings
            if (
                as_marked(mapping.organization_id) == identity.organization_id
                if identity
                else mapping.agreement_id == one.agreement_id
            )
        ),
        None,
    )
    return Finding(
        Kind.UNREADABLE,
        identity.month if identity else None,
        whose.organization_id if whose else None,
        whose.organization_name if whose else None,
        one.agreement_id,
        one.addition_id,
        "a record that can be read",
        f"{one.what}: {one.why}",
        "Look at it again later." if one.passes else hold_reasons.CORRECT_IT,
    )


def drifted_agreement(mapping: Mapping, agreement: Agreement | None, today: date) -> Iterator[Finding]:
    """Why a mapped agreement can bill nothing more, or bills on other terms than were accepted."""
    what_to_do = f"Renew it in ConnectWise, or {_ELSEWHERE}."
    if agreement is None:
        found = "no such agreement, or the API member's role does not show it"
        what_to_do = "Let the role show it, or map the company to another agreement."
    elif agreement.never_invoiced:
        found = "never invoiced next"
        what_to_do = hold_reasons.settle_never_invoiced(None)
    elif not agreement.active:
        found = "not active"
    elif agreement.end_date is not None and agreement.end_date < today:
        found = f"ended on {agreement.end_date}"
    elif is_changed(agreement, mapping):
        accepted = in_words(mapping.terms) if mapping.terms else "an agreement that can be billed"
        what_to_do = hold_reasons.accept_terms(agreement, mapping, _ELSEWHERE)
        yield mapping.finding(Kind.AGREEMENT_CHANGED, accepted, in_words(agreement.terms), what_to_do)
        return
    else:
        return
    yield mapping.finding(Kind.AGREEMENT_NOT_BILLABLE, "an active agreement", found, what_to_do)
