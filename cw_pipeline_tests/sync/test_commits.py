"""How much a push troubles the database: commits by the batch of writes, statements for all lines, rows by the line."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.orm import Session

from cw_pipeline.sync.writes import BATCH
from cw_pipeline.warehouse.tables import Base
from cw_pipeline_tests.support.fake_msp import PLACES

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from cw_pipeline_tests.support.fake_msp import Msp

MANY = PLACES[: 2 * BATCH + 3]


def with_many(msp: Msp) -> Msp:
    """The MSP with two batches of companies and some more, which sends one write at a time."""
    for place in MANY:
        msp.map(place)
    msp.use(5, *MANY)
    return replace(msp, run=replace(msp.run, concurrency=1))


@contextmanager
def writes_at_commits(msp: Msp) -> Generator[list[int]]:
    """How many writes had been sent at each commit to the warehouse in the block."""
    written: list[int] = []

    def note(_session: Session) -> None:
        written.append(msp.run.connectwise.requests.written)

    event.listen(Session, "after_commit", note)
    yield written
    event.remove(Session, "after_commit", note)


def test_each_batch_of_writes_takes_one_commit_before_and_one_after(msp: Msp) -> None:
    msp = with_many(msp)
    with writes_at_commits(msp) as written:
        assert msp.sync().month.succeeded
    assert msp.written() > BATCH
    under_way = [count for count in written if 0 < count < msp.written()]
    assert under_way == [
        sent for sent in range(BATCH, msp.written(), BATCH) for _ in ("after one batch", "before the next")
    ]


def work_of_a_repeat(msp: Msp, places: Sequence[int]) -> Counter[str]:
    """How many statements a repeat takes once these companies are billed, and how many rows it loads."""
    for place in places:
        msp.map(place)
    msp.use(5, *places)
    assert msp.sync().month.succeeded
    work = Counter[str]()

    def load(_row: Base, _context: object) -> None:
        work["rows"] += 1

    def execute(*_args: object) -> None:
        work["statements"] += 1

    event.listen(Base, "load", load, propagate=True)
    event.listen(msp.run.warehouse.engine, "before_cursor_execute", execute)
    try:
        assert msp.sync().month.succeeded
    finally:
        event.remove(Base, "load", load)
        event.remove(msp.run.warehouse.engine, "before_cursor_execute", execute)
    return work


def test_twice_the_companies_take_no_more_statements_and_twice_the_rows(msp: Msp) -> None:
    fewer, more = work_of_a_repeat(msp, PLACES[:10]), work_of_a_repeat(msp, PLACES[:20])
    assert more["statements"] == fewer["statements"]
    assert more["rows"] < 2.1 * fewer["rows"]
