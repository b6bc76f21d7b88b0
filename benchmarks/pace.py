"""Waiting: how near a sync comes to what ConnectWise's latency and its limit of requests allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fake import Behaviour, Fake
from benchmarks.harness import Row, Sizes, measured
from benchmarks.world import LAST_MONTH, Deployment, set_up, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LATENCY = 0.1  # seconds
_OWN_LIMIT = 900  # requests a minute that the product allows itself by default
_SITE_LIMIT = 300  # that the site allows, without saying so


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """The time of first syncs at several concurrencies, and where the site refuses more than so many requests."""
    for concurrency in (1, 4, 16):
        customers = concurrency * sizes.agreements // 20
        with Fake(customers, folder) as fake:
            deployment = _set_up(fake, folder / f"pace-{concurrency}.db", customers)
            fake.behave(Behaviour(latency=_LATENCY))
            cost = measured(sync, deployment, [LAST_MONTH], concurrency=concurrency)
            counts = fake.counts()
            ratio = cost.wall / (counts.all * _LATENCY / concurrency)
            what = f"time of {counts.reads:,} reads and {counts.writes:,} writes, {concurrency} at a time"
            yield Row.at_most(f"{what}, over requests * latency / {concurrency}", ratio, 1.15, "{:.2f}")
    with Fake(sizes.agreements // 5, folder) as fake:
        yield from _limited(fake, _set_up(fake, folder / "limited.db", sizes.agreements // 5))


def _limited(fake: Fake, deployment: Deployment) -> Iterator[Row]:
    """A sync at the product's own default limit, where the site's is lower."""
    fake.behave(Behaviour(requests_per_minute=_SITE_LIMIT))
    cost = measured(sync, deployment, [LAST_MONTH], limit=_OWN_LIMIT)
    counts = fake.counts()
    what = f"where the site takes {_SITE_LIMIT} requests a minute and the product would send {_OWN_LIMIT}"
    yield Row.at_most(f"refused with 429, {what}", 100 * counts.refused / counts.all, 1, "{:.1f} %")
    minutes = max(1, counts.all // _SITE_LIMIT)
    yield Row.at_most(f"minutes for {counts.all:,} requests, {what}", cost.wall / 60, 1.15 * minutes, "{:.1f}")
    yield Row.exactly(f"lines written, {what}", cost.result.outcomes["created"], deployment.customers)


def _set_up(fake: Fake, database: Path, customers: int) -> Deployment:
    fake.remove_lines()
    deployment = Deployment(database, fake.site, customers)
    set_up(deployment, [LAST_MONTH])
    return deployment
