"""The facts that the rule decides on, as they were read. Nothing here decides anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.window import Window
from cw_pipeline.vocabulary import LicenseType, Month, Plan

BILLABLE, DO_NOT_BILL = "Billable", "DoNotBill"
"""Values of a line's `billCustomer`."""
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Usage:
    """One row of a month's usage report."""

    organization_id: str
    organization_name: str
    plan: Plan
    license_type: LicenseType
    managed: bool
    seats: int


@dataclass(frozen=True)
class Terms:
    """How an agreement is billed. The mapping keeps the terms that a person accepted."""

    cycle: str | None
    """Its billing cycle's `billingOptions`, such as `Monthly`; None where it has no billing cycle."""
    period_type: str | None
    """Which period an invoice covers: `Current`, `Future`, `Both` or `Undefined`."""
    parent_agreement_id: int | None
    """Of a child agreement, the one that it is invoiced with."""
    prorates: bool


@dataclass(frozen=True)
class CompanyMapping:
    """The company and agreement to which an organization's seats are billed, from `bill_from` on."""

    organization_id: str
    organization_name: str
    company_id: int
    agreement_id: int
    bill_from: Month
    terms: Terms | None = field(default=None, kw_only=True)
    """How the agreement was billed when it was mapped; None where that was not recorded."""
    company_name: str = field(default="", kw_only=True, compare=False)
    """As it was imported."""
    trial_months: int = field(default=0, kw_only=True)
    """For how many months from `bill_from` on lines bill nobody."""

    @property
    def first_paid(self) -> Month:
        """The first month that somebody pays for."""
        return self.bill_from.plus(self.trial_months)

    def is_trial(self, month: Month) -> bool:
        """Whether `month` is a trial month: its lines are written, and billed to nobody."""
        return self.bill_from <= month < self.first_paid


@dataclass(frozen=True)
class Agreement:
    """A ConnectWise agreement as it is now."""

    id: int
    name: str
    company_id: int
    company_name: str
    company_deleted: bool
    active: bool
    """Whether its status is Active, it is not cancelled, and its billing starts some day."""
    end_date: date | None
    """Its last day; None where it has no end."""
    bill_start_date: date | None
    next_invoice_date: date | None
    never_invoiced: bool = False
    """Whether its next invoice date means never: it does not show what was invoiced before."""
    terms: Terms = Terms(cycle="Monthly", period_type=None, parent_agreement_id=None, prorates=False)


@dataclass(frozen=True)
class Line:
    """An addition that is ours, that has the id of one of ours, or that people keep by hand."""

    addition_id: int
    agreement_id: int
    product_id: int
    serial_number: str
    quantity: Decimal
    effective_date: date | None
    cancelled_date: date | None
    """The last day that is billed."""
    shown_serial_number: str | None = None
    """The one that ConnectWise shows: another or none if a person changed it or ConnectWise does not store it."""
    bill_customer: str = BILLABLE
    less_included: Decimal = Decimal(0)
    """How much of the quantity the agreement's price includes, so that no invoice bills it."""

    @property
    def window(self) -> Window | None:
        """The days on which it is billed; None where it lacks its first or last day."""
        if self.effective_date is None or self.cancelled_date is None:
            return None
        return Window(self.effective_date, self.cancelled_date)

    @property
    def shows_another(self) -> bool:
        """Whether ConnectWise shows the serial number of another line of ours on it."""
        shown = self.shown_serial_number
        return shown not in (None, self.serial_number) and Identity.parse(shown) is not None


@dataclass(frozen=True)
class Written:
    """What the ledger accounts for on one addition."""

    agreement_id: int
    serial_number: str
    quantities: frozenset[Decimal]
    """The quantity that was written last and, while a write is not settled, the one that it intends."""
    effective_date: date
    cancelled_date: date | None
    """None if it has none, or if only its quantity is accounted for."""
    credited: Decimal = Decimal(0)
    """How much of what was invoiced a person recorded as credited."""
    found: bool = False
    """Whether it was found in ConnectWise, not written by this warehouse."""
    rebuilt: bool = False
    """Whether a rebuild found it, so that it may be what was written before the warehouse was lost or restored."""
    known_since: datetime = _ALWAYS
    """When it was first written or found; lines that were found together share the moment."""
    invoiced: bool = False
    """Whether it was seen to be invoiced."""
    accepted: bool = False
    """Whether a person accepted what it billed."""
    trial: bool = False
    """Whether it was written for a trial month, as `DoNotBill`."""


@dataclass(frozen=True)
class Unread:
    """A record in ConnectWise that cannot be read, so that it is unknown what it bills.

    Attributes:
        what: The record with its id, as the beginning of a sentence.
        why: What is wrong with it.
        agreement_id: The agreement that it is, or is on.
        addition_id: The line that it is; None if it concerns whatever is on the agreement.
        serial_numbers: The serial numbers of the lines that it is known to concern.
        company_id: The company all of whose organizations it concerns, because its lines are unknown.
        passes: Whether it may become readable without anybody correcting anything.
    """

    what: str
    why: str
    agreement_id: int
    addition_id: int | None = None
    serial_numbers: frozenset[str] = frozenset()
    company_id: int | None = None
    passes: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything that a month's preview is decided on."""

    mappings: Mapping[str, CompanyMapping] = field(default_factory=dict[str, CompanyMapping])
    """By organization id."""
    products: Mapping[Plan, int] = field(default_factory=dict[Plan, int])
    """The catalog item id that each plan is confirmed to be billed as."""
    agreements: Mapping[int, Agreement] = field(default_factory=dict[int, Agreement])
    lines: Mapping[str, tuple[Line, ...]] = field(default_factory=dict[str, tuple[Line, ...]])
    """By serial number."""
    ledger: Mapping[int, Written] = field(default_factory=dict[int, Written])
    """By addition id."""
    strangers: Mapping[int, Line] = field(default_factory=dict[int, Line])
    """Lines that now have the id of a line of ours, by that id; each with the serial number of ours."""
    today: date = date.max
    released: frozenset[tuple[Month, str]] = frozenset()
    """The organizations, by month and id, whose usage in the report, or absence from it, a person released."""
    by_hand: Mapping[tuple[int, int], Sequence[Line]] = field(default_factory=dict[tuple[int, int], Sequence[Line]])
    """The lines kept by hand that bill something and that no person left, by agreement and product."""
    unread: Sequence[Unread] = ()

    def counted(self, *lines: Line) -> Decimal:
        """What invoiced lines count for: their quantity less what was credited."""
        credited = (self.ledger[line.addition_id].credited for line in lines if line.addition_id in self.ledger)
        return sum((line.quantity for line in lines), Decimal(0)) - sum(credited)

    def accounted(self, serial_number: str) -> Sequence[tuple[int, Written]]:
        """What the ledger accounts for under a serial number, with the addition ids."""
        return self._by_serial_number.get(serial_number, ())

    def is_trial(self, line: Line) -> bool:
        """Whether a line should bill nobody: it was written so, or its month is a trial month of its organization."""
        written, identity = self.ledger.get(line.addition_id), Identity.parse(line.serial_number)
        if written is not None and written.trial:
            return True
        mapping = self._by_mark.get(identity.organization_id) if identity else None
        return identity is not None and mapping is not None and mapping.is_trial(identity.month)

    @cached_property
    def _by_mark(self) -> Mapping[str, CompanyMapping]:
        return {as_marked(organization_id): mapping for organization_id, mapping in self.mappings.items()}

    @cached_property
    def _by_serial_number(self) -> Mapping[str, Sequence[tuple[int, Written]]]:
        by_serial_number: defaultdict[str, list[tuple[int, Written]]] = defaultdict(list)
        for number, written in self.ledger.items():
            by_serial_number[written.serial_number].append((number, written))
        return by_serial_number

    def lines_of(self, identity: Identity) -> tuple[Line, ...]:
        """Our lines that carry `identity`, on any agreement and product, by addition id."""
        return tuple(sorted(self.lines.get(identity.serial_number, ()), key=lambda line: line.addition_id))
