"""Makes the report from the warehouse."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.billing.preview import PreviewLine, seats_at_stake
from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.listings import imported_names
from cw_pipeline.reports.month_report.report import Customer, MonthlyReport, MonthSeats, Waiting
from cw_pipeline.reports.worth import Prices
from cw_pipeline.reports.worth import prices as seat_prices
from cw_pipeline.warehouse.connection_key import connected_psa
from cw_pipeline.warehouse.ledger import written_lines
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.previews import latest_push, pushed_lines
from cw_pipeline.warehouse.tables import PushLineRow, PushRow
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_MONTHS = 12


class NothingToReport(CwPipelineError):
    """The month was never pushed."""

    exit_code = USAGE_ERROR


def month_report(session: Session, month: Month) -> MonthlyReport:
    """The report of `month`.

    Raises:
        NothingToReport: If the month was never pushed.
    """
    psa = connected_psa(session)
    push = latest_push(session, psa, month)
    if push is None:
        msg = f"{month} was never pushed, so there is nothing to report. Run `cw-pipeline sync --month {month}` first."
        raise NothingToReport(msg)
    push_before = latest_push(session, psa, month.plus(-1))
    lines, lines_before = pushed_lines(session, push), pushed_lines(session, push_before) if push_before else ()
    before = {line.organization_id: line for line in lines_before if not line.also}
    companies, agreements = imported_names(session)
    billed, prices = _billed(session, psa, month), seat_prices(session)
    customers = [
        Customer(
            company=_named(line.company_id, companies),
            agreement=_named(line.agreement_id, agreements),
            organization=Named(line.organization_id, line.organization_name),
            plan=line.plan,
            outcome=line.outcome,
            reason=line.reason,
            used=Decimal(0) if line.also else line.seats,
            billed=billed.get(as_marked(line.organization_id), Decimal(0)),
            used_before=before[line.organization_id].seats if line.organization_id in before else None,
            price=prices.of_plans.get(line.plan),
            currency=prices.currencies.get(line.organization_id, prices.usual),
        )
        for line in _one_of_each(lines)
    ]
    used = {one.organization.id for one in customers if one.used}
    gone = [line for line in before.values() if line.seats and line.organization_id not in used]
    return MonthlyReport(
        month=month,
        pushed_at=push.pushed_at,
        run_id=push.run_id,
        customers=sorted(customers, key=lambda one: _order(one.company, one.organization)),
        waiting=sorted(_waiting(lines, companies, prices), key=lambda one: _order(one.company, one.organization)),
        year=_year(session, psa, month),
        gone=[(Named(line.organization_id, line.organization_name), line.seats) for line in gone],
    )


def _one_of_each(lines: Iterable[PreviewLine]) -> Iterable[PreviewLine]:
    """The line of each organization's usage row or, where it has none, the first of its other lines."""
    first: dict[str, PreviewLine] = {}
    for line in sorted(lines, key=lambda line: line.also):
        first.setdefault(line.organization_id, line)
    return first.values()


def _billed(session: Session, psa: str, month: Month) -> Mapping[str, Decimal | None]:
    """What the lines for the month carry, by the organization that they are marked with; None where it is unknown."""
    billed: dict[str, Decimal | None] = {}
    for line in written_lines(session, psa, [month]).values():
        if identity := Identity.parse(line.serial_number):
            so_far = billed.get(identity.organization_id, Decimal(0))
            known = next(iter(line.quantities)) - line.credited if len(line.quantities) == 1 else None
            billed[identity.organization_id] = None if so_far is None or known is None else so_far + known
    return billed


def _waiting(lines: Iterable[PreviewLine], companies: Mapping[int, str], prices: Prices) -> Iterator[Waiting]:
    for line in lines:
        stuck = line.outcome in HELD | FAILED
        if stuck or line.warning:
            seats, price = seats_at_stake(line.seats, line.to_credit), prices.of_plans.get(line.plan)
            yield Waiting(
                company=_named(line.company_id, companies),
                organization=Named(line.organization_id, line.organization_name),
                outcome=line.outcome,
                seats=seats,
                worth=None if price is None else seats * price,
                currency=prices.currencies.get(line.organization_id, prices.usual),
                reason=line.reason if stuck else line.warning or "",
                what_to_do=WAYS_OUT[line.outcome] if stuck else None,
            )


def _year(session: Session, psa: str, last: Month) -> list[MonthSeats]:
    """The months up to `last`, the first one first, each as it was pushed last."""
    months = list(last.plus(1 - _MONTHS).until(last))
    latest = select(func.max(PushRow.id)).where(PushRow.psa == psa, PushRow.month.in_(months)).group_by(PushRow.month)
    line_of_row = and_(PushLineRow.push_id == PushRow.id, ~PushLineRow.also)
    rows = session.execute(
        select(PushRow.month, PushLineRow.outcome, func.sum(PushLineRow.seats))
        .outerjoin(PushLineRow, line_of_row)
        .where(PushRow.id.in_(latest))
        .group_by(PushRow.month, PushLineRow.outcome)
    )
    pushed: defaultdict[Month, dict[Outcome, Decimal]] = defaultdict(dict)
    for of_month, outcome, seats in rows.tuples():
        pushed[of_month][outcome] = seats
    return [_month_seats(month, pushed.get(month)) for month in months]


def _month_seats(month: Month, by_outcome: Mapping[Outcome, Decimal] | None) -> MonthSeats:
    def seats(outcomes: Collection[Outcome]) -> Decimal:
        return sum((number for outcome, number in (by_outcome or {}).items() if outcome in outcomes), Decimal(0))

    return MonthSeats(
        month,
        pushed=by_outcome is not None,
        billed=seats(RIGHT),
        waiting=seats(HELD | FAILED),
        not_billed=seats(NOT_BILLED),
    )


def _named(record_id: int | None, names: Mapping[int, str]) -> Named | None:
    """A record by its id and name; its id is its name where it was not imported."""
    return None if record_id is None else Named(record_id, names.get(record_id, str(record_id)))


def _order(company: Named | None, organization: Named) -> tuple[str, ...]:
    """By the company's name, unmapped organizations first, then by the organization's."""
    mapped = ("", "") if company is None else (company.name.casefold(), str(company.id))
    return (*mapped, organization.name.casefold(), str(organization.id))
