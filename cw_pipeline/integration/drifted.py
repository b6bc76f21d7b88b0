"""What is not as it is known here, one record at a time: a line, a company, an agreement. Nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from cw_pipeline.billing import hold_reasons
from cw_pipeline.billing.facts import CompanyMapping, Written
from cw_pipeline.billing.invoiced import is_past, may_have_been_invoiced
from cw_pipeline.billing.months import Month
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.tables import EntryKind, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from cw_pipeline.billing.facts import Agreement
    from cw_pipeline.connectwise import models

_NOTHING = frozenset({Decimal(0)})


class Kind(StrEnum):
    """What is not as it is known here."""

    EDITED = "edited"
    """A line's quantity, product, serial number or, before it is invoiced, whether it is billed."""
    CANCELLED = "cancelled"
    """A line's first or last day."""
    DELETED = "deleted"
    """A line that carried seats is no longer shown, alone or with an agreement that is no longer the mapped one."""
    DUPLICATED = "duplicated"
    """A line that carries seats and a serial number of ours, but was not written by us."""
    COMPANY_GONE = "company_gone"
    """A mapped company is deleted, or no longer shown."""
    COMPANY_MERGED = "company_merged"
    """A mapped company is gone, and its agreement belongs to another one now."""
    COMPANY_RENAMED = "company_renamed"
    """A mapped company has another name than when it was imported."""
    AGREEMENT_MOVED = "agreement_moved"
    """A mapped agreement belongs to another company now."""
    AGREEMENT_NOT_BILLABLE = "agreement_not_billable"
    """A mapped agreement is gone, not active, or has ended."""


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


@dataclass(frozen=True)
class KnownLine:
    """A line that we wrote: its last entry in the ledger, and whose it is."""

    mapping: Mapping
    entry: LedgerEntry
    written: Written

    @property
    def month(self) -> Month:
        """The month whose seats it carries."""
        return Month.parse(self.entry.month)

    @property
    def carries_nothing(self) -> bool:
        """Whether it was set to 0, so that it does not matter what becomes of it."""
        return self.written.quantities == _NOTHING

    @property
    def quantity(self) -> str:
        """What it was set to."""
        return f"quantity {' or '.join(map(str, sorted(self.written.quantities))) or 'unknown'}"

    @property
    def sync(self) -> str:
        """The command that syncs its month."""
        return f"`cw-pipeline sync --month {self.month}`"

    def finding(self, kind: Kind, expected: str, found: str, what_to_do: str) -> Finding:
        """A finding about the line."""
        whose = (self.mapping.organization_id, self.mapping.organization_name)
        where = (self.written.agreement_id, self.entry.addition_id)
        return Finding(kind, self.month, *whose, *where, expected, found, what_to_do)


def drifted_line(
    known: KnownLine, addition: models.Addition | None, agreement: Agreement | None, today: date
) -> Iterator[Finding]:
    """How a line that we wrote is not as it was written; ``addition`` is None where it is no longer shown."""
    whose = (known.month, known.mapping.organization_id)
    if addition is None:
        if not known.carries_nothing:
            may_have_billed = may_have_been_invoiced(known.written, agreement, today)
            gone = hold_reasons.accept_what_is_gone(*whose, known.entry.serial_number)
            what_to_do = gone if may_have_billed else f"{known.sync} makes a new one."
            yield known.finding(Kind.DELETED, known.quantity, "no such line", what_to_do)
        return
    if known.carries_nothing and addition.quantity == 0:
        return
    # It may also have been invoiced in the days that a person gave it.
    begins = {known.written.effective_date, addition.effective_date or known.written.effective_date}
    invoiced = known.written.invoiced or agreement is None or any(is_past(day, agreement) for day in begins)
    edits = list(_edits(known, addition, invoiced=invoiced))
    if edits:
        expected, found, what_to_do = zip(*edits, strict=True)
        yield known.finding(Kind.EDITED, ", ".join(expected), ", ".join(found), " ".join(what_to_do))
    # A person accepted an absent first day as the month's, and has a say in the days of a line that we did not make.
    absent = known.month.first_day if known.entry.kind == EntryKind.ACCEPTED else None
    written = (known.written.effective_date, known.written.cancelled_date)
    shown = (addition.effective_date or absent, addition.cancelled_date)
    if known.written.cancelled_date is not None and shown != written:
        what_to_do = hold_reasons.accept_what_was_billed(*whose) if invoiced else "Set its days back."
        yield known.finding(Kind.CANCELLED, _days(*written), _days(*shown), what_to_do)


def _edits(known: KnownLine, addition: models.Addition, *, invoiced: bool) -> Iterator[tuple[str, str, str]]:
    """What was written, what is there instead, and what to do; a sync mends quantity and product until invoiced."""
    or_sync = "" if invoiced else f", or run {known.sync}"
    quantity = plain(addition.quantity)
    if known.written.quantities and quantity not in known.written.quantities:
        accept = hold_reasons.accept_what_was_billed(known.month, known.mapping.organization_id)
        yield known.quantity, f"quantity {quantity}", accept if invoiced else f"Set its quantity back{or_sync}."
    if addition.product.id != known.entry.product_id:
        yield f"product {known.entry.product_id}", f"product {addition.product.id}", f"Set its product back{or_sync}."
    if addition.serial_number != known.entry.serial_number:
        shown = addition.serial_number or "no serial number"
        yield known.entry.serial_number, shown, "Set its serial number back."
    if not invoiced and addition.bill_customer != "Billable":
        what_to_do = "Set it back to Billable before it is invoiced, or it is not billed."
        yield "Billable", addition.bill_customer, what_to_do


def _days(first: date | None, last: date | None) -> str:
    return f"{first or 'no first day'} to {last or 'no last day'}"


def duplicated_line(agreement_id: int, addition: models.Addition, original: KnownLine | None) -> Finding:
    """A line with a serial number of ours that we did not write; ``original`` is the one of that number that we did."""
    delete = f"delete it, or let {original.sync} leave the seats on one line" if original else "delete it"
    return Finding(
        kind=Kind.DUPLICATED,
        month=original.month if original else None,
        organization_id=original.mapping.organization_id if original else None,
        organization_name=original.mapping.organization_name if original else None,
        agreement_id=agreement_id,
        addition_id=addition.id,
        expected=f"only line {original.entry.addition_id}" if original else "no such line",
        found=f"quantity {plain(addition.quantity)} with the serial number {addition.serial_number}",
        what_to_do=(
            "If the warehouse was restored from a backup that is older than this line, leave it: a sync counts it. "
            f"Otherwise {delete}; if it was invoiced, issue the credit and clear its serial number."
        ),
    )


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


def drifted_agreement(mapping: Mapping, agreement: Agreement | None, today: date) -> Iterator[Finding]:
    """Why a mapped agreement can bill nothing more."""
    what_to_do = (
        "Renew it in ConnectWise, or set its lines that are not invoiced to 0 there and map the company to another "
        "agreement."
    )
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
    else:
        return
    yield mapping.finding(Kind.AGREEMENT_NOT_BILLABLE, "an active agreement", found, what_to_do)
