"""How often a push troubles the database: by the batch of writes, never by the line."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.orm import Session

from cw_pipeline.sync.writes import BATCH
from cw_pipeline_tests.support.fake_msp import PLACES

if TYPE_CHECKING:
    from collections.abc import Generator

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
