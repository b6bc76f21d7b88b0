"""Years of months in one warehouse: its size, what is read of it daily, a further month, and a re-sync of two years."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.fake import Behaviour, Fake
from benchmarks.harness import MEGABYTE, Row, Sizes, measured
from benchmarks.large import status_rows
from benchmarks.world import LAST_MONTH, Deployment, client, months_until, seats, set_up, store_usage, sync
from cw_pipeline.sync.due_months import unpushed_months
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.psa import psa_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cw_pipeline.vocabulary import Month

_RESYNCED = 24
_FILLED_AT_ONCE = 12


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """First a warehouse that has grown; then the months of it whose usage was corrected."""
    customers = sizes.agreements
    months = months_until(LAST_MONTH, sizes.months)
    with Fake(customers, folder) as fake:
        deployment = Deployment(folder / "years.db", fake.site, customers)
        set_up(deployment, months)
        for first in range(0, len(months) - 1, _FILLED_AT_ONCE):
            some = months[first : min(first + _FILLED_AT_ONCE, len(months) - 1)]
            _sync_once_invoiced(fake, deployment, some, before=some[0].plus(1))
        _sync_once_invoiced(fake, deployment, months[-2:-1], before=months[-1])
        fake.behave(Behaviour())
        which = f"{len(months)} months of {customers:,} agreements"
        last = measured(sync, deployment, months[-1:])
        milliseconds = 1_000 * last.processor / customers
        yield Row.at_most(f"processor time a line, first sync of the last of {which}", milliseconds, 2, "{:.2f} ms")
        size = deployment.database.stat().st_size
        a_line = size / (len(months) * customers)
        yield Row.noted(f"the warehouse (SQLite), {which}", f"{size / MEGABYTE:,.0f} MB, {a_line:,.0f} bytes a line")
        yield from status_rows(f"with {which}", deployment)
        due = measured(count_due, deployment)
        yield Row.at_most(f"which months are due, {which}", due.wall, 1, "{:.2f} s")
        yield from _resync(deployment, months[-_RESYNCED:])


def _sync_once_invoiced(fake: Fake, deployment: Deployment, months: list[Month], *, before: Month) -> None:
    """Sync `months` when all was invoiced until `before` begins."""
    fake.behave(Behaviour(next_invoice=f"{before.first_day}T00:00:00Z"))
    measured(sync, deployment, months)


def count_due(deployment: Deployment) -> int:
    """How many months the schedule would ask for."""
    with closing(Warehouse(deployment.url)) as warehouse, client(deployment) as connectwise:
        psa = psa_of(connectwise)
        with warehouse.transaction() as session:
            return len(unpushed_months(session, psa, LAST_MONTH.plus(-600), datetime(2026, 4, 1, tzinfo=UTC)))


def _resync(deployment: Deployment, months: list[Month]) -> Iterator[Row]:
    """One customer in a hundred used one seat more in each of `months` than was reported."""
    customers = deployment.customers
    store_usage(deployment, months, changed=True)
    cost = measured(sync, deployment, months)
    which = f"re-sync of {len(months)} months of {customers:,} agreements, one in a hundred changed"
    changed = len(months) * sum(seats(one) != seats(one, changed=True) for one in range(customers))
    requests = cost.result.requests
    yield Row.at_most(f"reads, {which}", requests.read, 1.02 * customers, "{:,.0f}")
    yield Row.exactly(f"writes, {which}", requests.written, changed)
    yield Row.at_most(f"memory, {which}", cost.peak / MEGABYTE, 400, "{:.0f} MB")
    milliseconds = 1_000 * cost.processor / (len(months) * customers)
    yield Row.at_most(f"processor time a line, {which}", milliseconds, 2, "{:.2f} ms")
