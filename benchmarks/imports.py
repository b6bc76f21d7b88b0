"""The import of the largest deployment: companies and their agreements, into an empty warehouse and again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.fake import Behaviour, Fake
from benchmarks.harness import Row, Sizes, measured
from benchmarks.world import Deployment, client, connect
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.warehouse.database import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USUAL = 20_000
"""The number of companies that the limits are for."""


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Requests and time of an import of every company, and of one that changes nothing."""
    number, share = sizes.large, sizes.large / _USUAL
    what = f"import of {number:,} companies and {number:,} agreements"
    with Fake(number, folder) as fake:
        deployment = Deployment(folder / "import.db", fake.site, number)
        connect(deployment)
        for lists, behaviour in (
            ("", Behaviour()),
            (", again, ending with empty pages", Behaviour(empty_last_page=True)),
        ):
            fake.behave(behaviour)
            cost = measured(import_all, deployment)
            yield Row.at_most(f"requests, {what}{lists}", fake.counts().all, max(10, 60 * share), "{:.0f}")
            yield Row.at_most(f"time, {what}{lists}", cost.wall, max(1, 20 * share), "{:.1f} s")
            yield Row.exactly(f"imported{lists}", cost.result, (number, number))


def import_all(deployment: Deployment) -> tuple[int, int]:
    """Import every company and agreement; how many there are."""
    with closing(Warehouse(deployment.url)) as warehouse, client(deployment) as connectwise:
        companies = import_companies(connectwise, warehouse, ["Client"], [])
        agreements = import_agreements(connectwise, warehouse)
        return companies.total, agreements.total
