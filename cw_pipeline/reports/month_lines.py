"""A month's lines as people read them: whose they are, what they are worth, what is billed, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_OWED, Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine, seats_at_stake
from cw_pipeline.reports.changes import Change, changes
from cw_pipeline.reports.listings import imported_names
from cw_pipeline.reports.worth import Money, prices
from cw_pipeline.warehouse.ledger import written_lines
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.previews import pushed_or_previewed
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_ZERO = Decimal(0)
_STUCK = HELD | FAILED
_NOT_TOUCHED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM})


@dataclass(frozen=True)
class MonthLine:
    """A line of a preview or push.

    Attributes:
        line: The line as the rule made it, or as it came out.
        company: The one to which its organization was mapped then; None if it was not mapped.
        price: The price of a seat on its plan; None if unknown.
        currency: The code of its agreement's currency; empty if unknown.
        billed: The seats on all of the organization's lines for the month, less credits, by the ledger; None if
            unknown.
        used_before: The seats used in the month before; None if there is no usage row of that.
    """

    line: PreviewLine
    company: Named | None
    agreement: Named | None
    price: Decimal | None
    currency: str
    billed: Decimal | None = _ZERO
    used_before: Decimal | None = None

    @property
    def organization(self) -> Named:
        """Whose line it is."""
        return Named(self.line.organization_id, self.line.organization_name)

    @property
    def used(self) -> Decimal:
        """Seats in the usage report."""
        return _ZERO if self.line.also else self.line.seats

    @property
    def owed(self) -> Decimal:
        """The used seats that somebody has to pay for: not those of trials and trial months, for example."""
        return _ZERO if self.line.outcome in NOT_OWED or self.line.by_hand is not None else self.used

    @property
    def difference(self) -> Decimal | None:
        """Seats owed less seats billed."""
        return None if self.billed is None else self.owed - self.billed

    @property
    def left(self) -> Decimal | None:
        """The seats on lines that stay as they are, because the organization is not billed for the month."""
        return self.billed if self.line.outcome in _NOT_TOUCHED else _ZERO

    @property
    def seats(self) -> Decimal:
        """The seats that wait for a person; of a line that needs nobody, its seats."""
        return seats_at_stake(self.line.seats, self.line.to_credit)

    @property
    def besides_by_hand(self) -> Decimal:
        """In a trial month, seats used less seats that people bill by hand."""
        return self.line.seats - (self.line.by_hand or _ZERO)

    @property
    def worth(self) -> Money:
        """What `seats` are worth; empty if no price is known."""
        return self._worth(self.seats)

    @property
    def worth_owed(self) -> Money:
        """What the seats owed are worth; empty if no price is known."""
        return self._worth(self.owed)

    def _worth(self, seats: Decimal) -> Money:
        return {} if self.price is None else {self.currency: seats * self.price}

    @property
    def stuck(self) -> bool:
        """Whether it is held or has failed."""
        return self.line.outcome in _STUCK

    @property
    def attention(self) -> list[str]:
        """Why it needs a person and what to do: the reason if it is held or has failed, and its warning."""
        return [text for text in (self.line.reason if self.stuck else None, self.line.warning) if text]

    @property
    def outcome(self) -> str:
        """The outcome in a few words."""
        return f"{LABELS[self.line.outcome]}{', billed to nobody (trial month)' if self.line.bills_nobody else ''}"

    @property
    def label(self) -> str:
        """The outcome, and whether there is a warning although the line is right."""
        return f"{self.outcome}, with a warning" if self.attention and not self.stuck else self.outcome

    @property
    def what_to_do(self) -> str | None:
        """What to do about a hold or failure of this kind; None for other lines."""
        return WAYS_OUT[self.line.outcome] if self.stuck else None


@dataclass(frozen=True)
class MonthLines:
    """A month's preview or push.

    Attributes:
        lines: By company and organization, those without a company first.
        changes: What differs from the month before, most seats first; None if that was neither pushed nor previewed.
    """

    preview: Preview
    lines: Sequence[MonthLine]
    changes: Sequence[Change] | None

    @property
    def month(self) -> Month:
        """The month."""
        return self.preview.month

    @property
    def last_month(self) -> Month:
        """The month before."""
        return self.month.plus(-1)

    @property
    def of_trial_months(self) -> Sequence[MonthLine]:
        """The usage rows that are billed to nobody because it is a trial month."""
        return [row for row in self.lines if row.line.bills_nobody and not row.line.also]

    @property
    def waiting(self) -> Sequence[MonthLine]:
        """The lines that need a person, held and failed ones first."""
        return sorted((row for row in self.lines if row.attention), key=lambda row: not row.stuck)

    @property
    def organizations(self) -> Sequence[MonthLine]:
        """The line of each organization's usage row or, if it has none, the first of its other lines."""
        first: dict[int | str, MonthLine] = {}
        for row in sorted(self.lines, key=lambda row: row.line.also):
            first.setdefault(row.organization.id, row)
        return [row for row in self.lines if first[row.organization.id] is row]


def month_lines(session: Session, psa: str, preview: Preview) -> MonthLines:
    """The lines of a month's preview or push, as people read them."""
    names, seat_prices, billed = imported_names(session), prices(session), _billed(session, psa, preview.month)
    before = pushed_or_previewed(session, psa, preview.month.plus(-1))
    used_before = {line.organization_id: line.seats for line in before.preview.lines if not line.also} if before else {}
    lines = [
        MonthLine(
            line=line,
            company=names.company(line.company_id),
            agreement=names.agreement(line.agreement_id),
            price=seat_prices.of_plans.get(line.plan),
            currency=seat_prices.currency(line.organization_id),
            billed=_ZERO if line.bills_nobody else billed.get(as_marked(line.organization_id), _ZERO),
            used_before=used_before.get(line.organization_id),
        )
        for line in preview.lines
    ]
    changed = changes(before.preview, preview, names, seat_prices) if before else None
    return MonthLines(preview, sorted(lines, key=_order), changed)


def _billed(session: Session, psa: str, month: Month) -> Mapping[str, Decimal | None]:
    """The seats on a month's lines that bill somebody, by the organization id in their serial numbers.

    None if the quantity of any of an organization's lines is unknown.
    """
    billed: dict[str, Decimal | None] = {}
    for line in written_lines(session, psa, [month]).values():
        if identity := Identity.parse(line.serial_number):
            so_far = billed.get(identity.organization_id, _ZERO)
            known = next(iter(line.quantities)) - line.credited if len(line.quantities) == 1 else None
            known = _ZERO if line.trial else known
            billed[identity.organization_id] = None if so_far is None or known is None else so_far + known
    return billed


def _order(row: MonthLine) -> tuple[str, ...]:
    """A key for sorting: by company, unmapped organizations first, then by organization, its usage row first."""
    company = (row.company.name.casefold(), str(row.company.id)) if row.company else ("", "")
    return (*company, row.organization.name.casefold(), str(row.organization.id), str(row.line.also))
