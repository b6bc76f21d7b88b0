"""The facts that the rule decides on, as they were read; nothing here decides anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.vocabulary import LicenseType, Month, Plan

BILLABLE, DO_NOT_BILL = "Billable", "DoNotBill"
"""What a line's `billCustomer` may be."""
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
    """How an agreement is billed. Those that a person accepted are remembered with the mapping."""

    cycle: str | None
    """Its billing cycle's `billingOptions`, such as `Monthly`; None where it has no billing cycle."""
    period_type: str | None
    """Which period an invoice covers: `Current`, `Future`, `Both` or `Undefined`."""
    parent_agreement_id: int | None
    """The agreement with which it is invoiced, where it is a child."""
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
    """An addition that we own, one that has the id of such, or one that people keep by hand."""

    addition_id: int
    agreement_id: int
    product_id: int
    serial_number: str
    quantity: Decimal
    effective_date: date | None
    cancelled_date: date | None
    """The last day billed."""
    shown_serial_number: str | None = None
    """What ConnectWise shows: another one, or none, where a person changed it or ConnectWise does not keep it."""
    bill_customer: str = BILLABLE
    less_included: Decimal = Decimal(0)
    """How much of the quantity the agreement's price includes, so that no invoice has it."""

    @property
    def shows_another(self) -> bool:
        """Whether ConnectWise shows the serial number of another line of ours on it."""
        shown = self.shown_serial_number
        return shown not in (None, self.serial_number) and Identity.parse(shown) is not None


@dataclass(frozen=True)
class Written:
    """What the ledger accounts for of one addition."""

    agreement_id: int
    serial_number: str
    quantities: frozenset[Decimal]
    """The quantity last written and, while a write is not settled, the one that write intended."""
    effective_date: date
    cancelled_date: date | None
    """None where it has none, or where only its quantity is accounted for."""
    credited: Decimal = Decimal(0)
    """How much of an invoiced line was credited, as a person recorded."""
    found: bool = False
    """Whether it was found in ConnectWise, and not written by this warehouse."""
    rebuilt: bool = False
    """Whether a rebuild found it, so that it may be what was written before the warehouse was lost or restored."""
    known_since: datetime = _ALWAYS
    """When it was written or found first; lines that were found together have the same moment."""
    invoiced: bool = False
    """Whether it was seen to be invoiced."""
    accepted: bool = False
    """Whether a person accepted what it billed."""
    trial: bool = False
    """Whether it was written for a trial month, as `DoNotBill`."""


@dataclass(frozen=True)
class Unread:
    """What is in ConnectWise and cannot be read, so it is unknown what is billed there.

    Attributes:
        what: It, with its id, as a sentence begins.
        why: What is wrong with it.
        agreement_id: The agreement that it is, or is on.
        addition_id: The line that it is; None where it concerns whatever is on the agreement.
        serial_numbers: Those of the lines that it is known to concern.
        company_id: The company whose organizations it concerns, because its lines are unknown.
        passes: Whether it may pass without anybody correcting anything.
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
    """What has the id of a line of ours and is another line by now, by that id, with the serial number of ours."""
    today: date = date.max
    released: frozenset[tuple[Month, str]] = frozenset()
    """The months of organizations whose usage, or absence, in the month's report a person released as right."""
    by_hand: Mapping[tuple[int, int], Sequence[Line]] = field(default_factory=dict[tuple[int, int], Sequence[Line]])
    """By agreement and product, the lines that people keep by hand and that bill, but for those that are to be left."""
    unread: Sequence[Unread] = ()

    def counted(self, *lines: Line) -> Decimal:
        """What invoiced lines count for: their quantity, less what was credited of it."""
        credited = (self.ledger[line.addition_id].credited for line in lines if line.addition_id in self.ledger)
        return sum((line.quantity for line in lines), Decimal(0)) - sum(credited)

    def accounted(self, serial_number: str) -> Sequence[tuple[int, Written]]:
        """What the ledger accounts for under this serial number, each with its addition id."""
        return self._by_serial_number.get(serial_number, ())

    def is_trial(self, line: Line) -> bool:
        """Whether a line is to bill nobody: it was written so, or its month is a trial month of its organization."""
        written, identity = self.ledger.get(line.addition_id), Identity.parse(line.serial_number)
        mapping = self._by_mark.get(identity.organization_id) if identity else None
        of_a_trial = identity is not None and mapping is not None and mapping.is_trial(identity.month)
        return of_a_trial or (written is not None and written.trial)

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
