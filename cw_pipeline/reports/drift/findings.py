"""What drift finds: the kinds of difference, and a finding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import CompanyMapping


class Kind(StrEnum):
    """What differs from what was written, mapped or imported."""

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
    """One difference between ConnectWise and what was written, mapped or imported.

    Attributes:
        month: The billing month of a line; None for a company, an agreement, or a line of no mapped organization.
        organization_id: Who is billed there; None for a line of no mapped organization.
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

    @classmethod
    def of_mapping(cls, kind: Kind, mapping: CompanyMapping, expected: str, found: str, what_to_do: str) -> Finding:
        """A finding about the mapped company or agreement."""
        whose = (mapping.organization_id, mapping.organization_name)
        return cls(kind, None, *whose, mapping.agreement_id, None, expected, found, what_to_do)

    @property
    def place(self) -> tuple[str, str, int, int]:
        """What findings are sorted by: month, organization, agreement, line."""
        return (str(self.month), self.organization_id or "", self.agreement_id, self.addition_id or 0)
