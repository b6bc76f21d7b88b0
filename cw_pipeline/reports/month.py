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
from cw_pipeline.warehouse.versions import last_version
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_NONE = Decimal(0)
_STUCK = HELD | FAILED
_NOT_TOUCHED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM})


@dataclass(frozen=True)
class MonthLine:
    """A line of a preview or of a push.

    Attributes:
        line: As the rule made it, or as it came out.
        company: To which its organization was mapped then; None for one that was not.
        agreement: On which it is billed, likewise.
        price: Of a seat on its plan; None if none is known.
        currency: The code of its agreement's currency; empty where it is unknown.
        billed: Seats that the organization's lines for the month carry, on any agreement and less credits, by the
            ledger; None while that is unknown.
        used_before: Seats that it used in the month before; None if it was not in its report, or there is none.
    """

    line: PreviewLine
    company: Named | None
    agreement: Named | None
    price: Decimal | None
    currency: str
    billed: Decimal | None = _NONE
    used_before: Decimal | None = None

    @property
    def organization(self) -> Named:
        """Whose it is."""
        return Named(self.line.organization_id, self.line.organization_name)

    @property
    def used(self) -> Decimal:
        """Seats in the usage report."""
        return _NONE if self.line.also else self.line.seats

    @property
    def owed(self) -> Decimal:
        """The seats that somebody has to pay for: not those of trials and trial months, say."""
        return _NONE if self.line.outcome in NOT_OWED or self.line.by_hand is not None else self.used

    @property
    def difference(self) -> Decimal | None:
        """How many seats more are owed than billed."""
        return None if self.billed is None else self.owed - self.billed

    @property
    def left(self) -> Decimal | None:
        """What lines carry that are left as they are, because the organization is not billed for the month."""
        return self.billed if self.line.outcome in _NOT_TOUCHED else _NONE

    @property
    def seats(self) -> Decimal:
        """The seats that wait for somebody; of a line for which nobody is needed, those used."""
        return seats_at_stake(self.line.seats, self.line.to_credit)

    @property
    def besides_by_hand(self) -> Decimal:
        """In a trial month, how many seats more were used than people bill by hand."""
        return self.line.seats - (self.line.by_hand or _NONE)

    @property
    def worth(self) -> Money:
        """What `seats` are worth; empty where no price is known."""
        return self._worth(self.seats)

    @property
    def worth_owed(self) -> Money:
        """What the seats owed are worth, likewise."""
        return self._worth(self.owed)

    @property
    def stuck(self) -> bool:
        """Whether it is held or has failed."""
        return self.line.outcome in _STUCK

    @property
    def attention(self) -> list[str]:
        """Why it needs a person and what to do: the reason if it is held or has failed, and its warning."""
        return [text for text in (self.line.reason if self.stuck else None, self.line.warning) if text]

    @property
    def label(self) -> str:
        """What became of it, and whether it has a warning nevertheless, in a few words."""
        return f"{self.outcome}, with a warning" if self.attention and not self.stuck else self.outcome

    @property
    def outcome(self) -> str:
        """What became of it, in a few words."""
        return f"{LABELS[self.line.outcome]}{', billed to nobody (trial month)' if self.line.bills_nobody else ''}"

    @property
    def what_to_do(self) -> str | None:
        """What to do about any line that is held or has failed like it; None of others."""
        return WAYS_OUT[self.line.outcome] if self.stuck else None

    def _worth(self, seats: Decimal) -> Money:
        return {} if self.price is None else {self.currency: seats * self.price}


@dataclass(frozen=True)
class MonthLines:
    """A month's preview or push.

    Attributes:
        preview: It.
        lines: Its lines, by company and organization, those without a company first.
        changes: What differs from the month before, the most seats first; None where that was neither pushed nor
            previewed.
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
        return [one for one in self.lines if one.line.bills_nobody and not one.line.also]

    @property
    def waiting(self) -> Sequence[MonthLine]:
        """The lines that need a person, those that are held or have failed first."""
        return sorted((one for one in self.lines if one.attention), key=lambda one: not one.stuck)

    @property
    def organizations(self) -> Sequence[MonthLine]:
        """The line of each organization's usage row or, where it has none, the first of its other lines."""
        rows = {one.organization.id for one in self.lines if not one.line.also}
        first: dict[int | str, MonthLine] = {}
        for one in self.lines:
            if not one.line.also or one.organization.id not in rows:
                first.setdefault(one.organization.id, one)
        return list(first.values())

    @property
    def new(self) -> Sequence[Change]:
        """The organizations that use seats and used none in the month before."""
        return [one for one in self.changes or () if one.is_new]

    @property
    def gone(self) -> Sequence[Change]:
        """The organizations that used seats in the month before and use none now."""
        return [one for one in self.changes or () if one.is_gone]


def month_lines(session: Session, psa: str, preview: Preview) -> MonthLines:
    """The lines of a month's preview, or of its push, as people read them."""
    names, seat_prices, billed = imported_names(session), prices(session), _billed(session, psa, preview.month)
    before = last_version(session, psa, preview.month.plus(-1))
    used_before = {one.organization_id: one.seats for one in before.preview.lines if not one.also} if before else {}
    lines = [
        MonthLine(
            line=line,
            company=names.company(line.company_id),
            agreement=names.agreement(line.agreement_id),
            price=seat_prices.of_plans.get(line.plan),
            currency=seat_prices.currency(line.organization_id),
            billed=_NONE if line.bills_nobody else billed.get(as_marked(line.organization_id), _NONE),
            used_before=used_before.get(line.organization_id),
        )
        for line in preview.lines
    ]
    found = changes(before.preview, preview, names, seat_prices) if before else None
    return MonthLines(preview, sorted(lines, key=_order), found)


def _billed(session: Session, psa: str, month: Month) -> Mapping[str, Decimal | None]:
    """What the lines for the month bill, by the organization that they are marked with; None where it is unknown."""
    billed: dict[str, Decimal | None] = {}
    for line in written_lines(session, psa, [month]).values():
        if identity := Identity.parse(line.serial_number):
            so_far = billed.get(identity.organization_id, _NONE)
            known = next(iter(line.quantities)) - line.credited if len(line.quantities) == 1 else None
            known = _NONE if line.trial else known
            billed[identity.organization_id] = None if so_far is None or known is None else so_far + known
    return billed


def _order(one: MonthLine) -> tuple[str, ...]:
    """By the company's name, unmapped organizations first, then by the organization's, its usage row first."""
    company = ("", "") if one.company is None else (one.company.name.casefold(), str(one.company.id))
    return (*company, one.organization.name.casefold(), str(one.organization.id), str(one.line.also))
