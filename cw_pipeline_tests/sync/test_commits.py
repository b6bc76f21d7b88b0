"""How much a push troubles the database: commits by the batch of writes, statements for all lines, rows by the line."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.orm import Session

from cw_pipeline.sync.writer import BATCH
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline_tests.support.fake_msp import PLACES
from cw_pipeline_tests.support.sql_work import counted_work

if TYPE_CHECKING:
    from collections import Counter
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
def noting_open_intents(msp: Msp) -> Generator[list[int]]:
    """How many writes were intended and not known to be done after each commit to the warehouse in the block."""
    counts: list[int] = []

    def note(_session: Session) -> None:
        with Session(msp.run.warehouse.engine, info={"unnoted": True}) as another, another.begin():
            counts.append(len(open_intents(another, msp.run.psa)))

    def unless_its_own(session: Session) -> None:
        if "unnoted" not in session.info:
            note(session)

    event.listen(Session, "after_commit", unless_its_own)
    yield counts
    event.remove(Session, "after_commit", unless_its_own)


def test_each_batch_of_writes_takes_two_commits(msp: Msp) -> None:
    msp = with_many(msp)
    with noting_open_intents(msp) as counts:
        assert msp.sync().month.succeeded
    last = msp.written() - 2 * BATCH
    assert 0 < last < BATCH
    assert [count for count, _ in groupby(counts)] == [0, BATCH, 2 * BATCH, BATCH, BATCH + last, last, 0]


def work_of_a_repeat(msp: Msp, places: Sequence[int]) -> Counter[str]:
    """What a repeat asks of the warehouse once these companies are billed."""
    for place in places:
        msp.map(place)
    msp.use(5, *places)
    assert msp.sync().month.succeeded
    with counted_work(msp.run.warehouse) as work:
        assert msp.sync().month.succeeded
    return work


def test_twice_the_companies_take_no_more_statements_and_twice_the_rows(msp: Msp) -> None:
    fewer, more = work_of_a_repeat(msp, PLACES[:10]), work_of_a_repeat(msp, PLACES[:20])
    assert more["statements"] == fewer["statements"]
    assert _rows(more) < 2.1 * _rows(fewer)


def _rows(work: Counter[str]) -> int:
    return work.total() - work["statements"]
