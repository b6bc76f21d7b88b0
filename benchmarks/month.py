"""One month: what a first sync and a repeat ask for, and what each line costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fake import Behaviour, Fake
from benchmarks.harness import Cost, Row, Sizes, measured
from benchmarks.world import LAST_MONTH, Deployment, Synced, set_up, sync
from cw_pipeline.sync.writer import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONCURRENCY = 4


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Reads, processor time and commits of one month, at half, once and twice the usual size."""
    first: dict[int, Cost[Synced]] = {}
    repeat: dict[int, Cost[Synced]] = {}
    half, usual, twice = sizes.agreements // 2, sizes.agreements, 2 * sizes.agreements
    for customers in (half, usual, twice):
        with Fake(customers, folder) as fake:
            deployment = Deployment(folder / f"month-{customers}.db", fake.site, customers)
            set_up(deployment, [LAST_MONTH])
            first[customers] = measured(sync, deployment, [LAST_MONTH])
            repeat[customers] = measured(sync, deployment, [LAST_MONTH])
            if customers == usual:
                yield from _requests(customers, repeat[customers], "each list on one page")
                fake.behave(Behaviour(empty_last_page=True))
                ending_empty = measured(sync, deployment, [LAST_MONTH])
                yield from _requests(customers, ending_empty, "each list ends with an empty page")
    batches = (twice - usual) / (_CONCURRENCY * BATCH)
    commits = (first[twice].result.commits - first[usual].result.commits) / batches
    yield Row.at_most("commits for each further batch of writes", commits, 2, "{:.2f}")
    for what, costs in (("first sync", first), ("repeat", repeat)):
        per_line = {customers: 1_000 * cost.processor / customers for customers, cost in costs.items()}
        for customers, milliseconds in per_line.items():
            yield Row.at_most(
                f"processor time a line, {what} of {customers:,} agreements", milliseconds, 2, "{:.2f} ms"
            )
        growth = per_line[twice] / per_line[half]
        yield Row.at_most(
            f"processor time a line of a {what}, at four times the agreements", growth, 1.1, "{:.2f} times"
        )


def _requests(customers: int, repeat: Cost[Synced], lists: str) -> Iterator[Row]:
    read, written = repeat.result.requests.read, repeat.result.requests.written
    yield Row.at_most(f"reads of a repeat of {customers:,} agreements, {lists}", read, 1.02 * customers, "{:,.0f}")
    yield Row.exactly(f"writes of a repeat, {lists}", written, 0)
