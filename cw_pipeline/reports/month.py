"""A month's lines with the names of what they are about, what they are worth, and what changed against last month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine, seats_at_stake
from cw_pipeline.reports.listings import imported_names
from cw_pipeline.reports.worth import Money, prices
from cw_pipeline.warehouse.ledger import carried_seats
from cw_pipeline.warehouse.usage import seats_used

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_NOT_TOUCHED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM})


@dataclass(frozen=True)
class MonthLine:
    """A line of a preview or of a push.

    Attributes:
        line: As the rule made it, or as it came out.
        company: The company's name, as it was imported; its id where it was not; empty where there is none.
        agreement: The same of the agreement.
        worth: What `seats` are worth; empty where their plan's product has no price.
        left: What lines carry for the month that are left as they are, because the organization is not billed for it.
    """

    line: PreviewLine
    company: str
    agreement: str
    worth: Money
    left: Decimal = Decimal(0)

    @property
    def seats(self) -> Decimal:
        """The seats that wait for somebody; of a line for which nobody is needed, those used."""
        return seats_at_stake(self.line.seats, self.line.to_credit)

    @property
    def attention(self) -> list[str]:
        """Why it needs a person and what to do: the reason if it is held or has failed, and its warning."""
        reason = self.line.reason if self.line.outcome in HELD | FAILED else None
        return [text for text in (reason, self.line.warning) if text]


@dataclass(frozen=True)
class Change:
    """An organization whose seats differ from last month's; its company is empty where it has no line with one."""

    company: str
    organization: str
    before: int
    after: int


@dataclass(frozen=True)
class MonthLines:
    """A month's preview or push.

    Attributes:
        preview: It.
        lines: Its lines, by company and organization.
        changes: The organizations whose seats changed against the month before, those that changed most first; None
            where there is no usage of that month.
    """

    preview: Preview
    lines: Sequence[MonthLine]
    changes: Sequence[Change] | None

    @property
    def last_month(self) -> Month:
        """The month before."""
        return self.preview.month.plus(-1)


def month_lines(session: Session, psa: str, preview: Preview) -> MonthLines:
    """The lines of a month's preview, or of its push, as people read them."""
    carried = carried_seats(session, psa, [preview.month])
    companies, agreements = imported_names(session)
    seat_prices = prices(session)
    lines = [
        MonthLine(
            line=line,
            company=_name(companies, line.company_id),
            agreement=_name(agreements, line.agreement_id),
            worth=seat_prices.worth(line.organization_id, line.plan, seats_at_stake(line.seats, line.to_credit)),
            left=carried.get((preview.month, as_marked(line.organization_id)), Decimal(0))
            if line.outcome in _NOT_TOUCHED
            else Decimal(0),
        )
        for line in preview.lines
    ]
    lines.sort(key=lambda one: (one.company.casefold(), one.line.organization_name.casefold(), one.line.also))
    of_organizations = {one.line.organization_id: one.company for one in lines}
    before, after = (seats_used(session, month) for month in (preview.month.plus(-1), preview.month))
    return MonthLines(preview, lines, _changes(before, after, of_organizations) if before else None)


def _name(names: Mapping[int, str], record_id: int | None) -> str:
    return "" if record_id is None else names.get(record_id) or str(record_id)


def _changes(
    before: Mapping[str, tuple[str, int]], after: Mapping[str, tuple[str, int]], companies: Mapping[str, str]
) -> list[Change]:
    nothing = ("", 0)
    changes = [
        Change(
            companies.get(one, ""),
            (after.get(one) or before[one])[0],
            before.get(one, nothing)[1],
            after.get(one, nothing)[1],
        )
        for one in before.keys() | after.keys()
    ]
    changed = [one for one in changes if one.before != one.after]
    return sorted(changed, key=lambda one: (-abs(one.after - one.before), one.organization.casefold()))
