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

    EDITED = "edited"  # a line's quantity, product, serial number, or whether all of it is billed
    CANCELLED = "cancelled"  # a line's first or last day
    DELETED = "deleted"  # a line that carried seats, perhaps with an agreement that is not mapped any more
    REPLACED = "replaced"  # the id of a line that carried seats is another line's now
    DUPLICATED = "duplicated"  # a line of ours that this warehouse did not write
    INVOICE_UNCLEAR = "invoice_unclear"  # the next invoice date of an invoiced line was moved back or cleared
    PERHAPS_WRITTEN_OFF = "perhaps_written_off"  # its agreement's next invoice moved on without an invoice
    COMPANY_GONE = "company_gone"  # a mapped company is deleted, or no longer shown
    COMPANY_MERGED = "company_merged"  # a mapped company is gone, and its agreement belongs to another one now
    COMPANY_RENAMED = "company_renamed"  # since it was imported
    AGREEMENT_MOVED = "agreement_moved"  # a mapped agreement belongs to another company now
    AGREEMENT_NOT_BILLABLE = "agreement_not_billable"  # one that is mapped or has an open line is gone or inactive
    UNREADABLE = "unreadable"  # a line of ours, or a mapped company or its agreement, cannot be read
    AGREEMENT_CHANGED = "agreement_changed"  # its terms are not the accepted ones, or cannot be accepted

    @property
    def in_words(self) -> str:
        """The kind as people read it."""
        return self.replace("_", " ")


@dataclass(frozen=True)
class Finding:
    """One difference between ConnectWise and what was written, mapped or imported.

    Attributes:
        month: The billing month of a line; None for a company, an agreement, or a line of no mapped organization.
        organization_id: None for a line of no mapped organization.
        addition_id: None for a company or an agreement.
        expected: What was written, mapped or imported.
        found: What ConnectWise shows.
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
        """A key for sorting: month, organization, agreement, line; those without a month last."""
        return (str(self.month), self.organization_id or "", self.agreement_id, self.addition_id or 0)
