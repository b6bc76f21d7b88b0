"""The largest deployment: one month of it, drift, and `cw-pipeline status`.

A sync and drift read the lines of each agreement with a request of their own, since ConnectWise lists them in no other
way. What so many requests take with urllib3 alone is in a row for comparison.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN
from time import monotonic
from typing import TYPE_CHECKING

from urllib3 import PoolManager

from benchmarks.fake import Fake, Site
from benchmarks.fake.records import FIRST_AGREEMENT
from benchmarks.harness import MEGABYTE, Cost, Row, Sizes, measured, processor_time
from benchmarks.world import COMPANY_ID, LAST_MONTH, TODAY, Deployment, opened, set_up, sync
from cw_pipeline.reports.drift.find import find_drift

if TYPE_CHECKING:
    from collections.abc import Iterator

_USUAL = 20_000
"""The number of agreements that the limits in seconds are for."""
_MOST_MEMORY = 400
_IMPORTED = "import sys, cw_pipeline.cli.app as cli; cli.app(['status', '--json'], standalone_mode=False); "
_WITHOUT_DAGSTER = _IMPORTED + "sys.exit('dagster' in sys.modules)"


def rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Processor time, memory and requests of each."""
    number, share = sizes.large, sizes.large / _USUAL
    with Fake(number, folder) as fake:
        deployment = Deployment(folder / "large.db", fake.site, number)
        set_up(deployment, [LAST_MONTH])
        first = measured(sync, deployment, [LAST_MONTH])
        yield from _costs(f"first sync of {number:,} agreements", first, 40 * share)
        repeat = measured(sync, deployment, [LAST_MONTH])
        yield from _costs(f"repeat of {number:,} agreements", repeat, 40 * share)
        reads = repeat.result.requests.read
        yield Row.at_most(f"reads of a repeat of {number:,} agreements", reads, 1.02 * number, "{:,.0f}")
        drift = measured(find, deployment)
        yield from _costs(f"drift of {number:,} agreements", drift, 10 * share)
        yield Row.at_most(f"reads of drift of {number:,} agreements", drift.result[0], 1.02 * number, "{:,.0f}")
        yield Row.exactly("findings of drift where nothing has drifted", drift.result[1], 0)
        bare = measured(bare_reads, fake.site, number)
        yield Row.noted(f"processor time, {number:,} bare GET requests with urllib3", f"{bare.processor:.1f} s")
        yield from status_rows(f"with {number:,} agreements", deployment)


def find(deployment: Deployment) -> tuple[int, int]:
    """Look for drift; how many reads that took and what it found."""
    with opened(deployment) as run:
        findings = find_drift(run, TODAY)
        return run.connectwise.requests.read, len(findings)


def bare_reads(site: Site, number: int) -> None:
    """Read an agreement's lines so many times, and do nothing with them: what no program can do without."""
    url = f"{site.url}/v4_6_release/apis/3.0/finance/agreements/{FIRST_AGREEMENT}/additions"
    with PoolManager(ca_certs=str(site.ca_bundle)) as pool:
        for _ in range(number):
            pool.request("GET", url)


def status_rows(which: str, deployment: Deployment) -> Iterator[Row]:
    """What `cw-pipeline status` takes as a whole process, the best of three."""
    environment = {
        **os.environ,
        "CW_PIPELINE_DATABASE_URL": deployment.url,
        "CW_PIPELINE_HOME": str(deployment.database.parent),
        "CW_PIPELINE_FIRST_MONTH": str(LAST_MONTH),
        "CONNECTWISE_SITE_URL": deployment.site.url,
        "CONNECTWISE_COMPANY_ID": COMPANY_ID,
    }
    command = Path(sys.executable).with_name("cw-pipeline")
    times: list[tuple[float, float]] = []
    for _ in range(3):
        began, used = monotonic(), processor_time(RUSAGE_CHILDREN)
        subprocess.run([command, "status", "--json"], env=environment, check=True, capture_output=True)  # noqa: S603
        times.append((monotonic() - began, processor_time(RUSAGE_CHILDREN) - used))
    wall, processor = map(min, zip(*times, strict=True))
    yield Row.at_most(f"time, `cw-pipeline status` {which}", wall, 1, "{:.2f} s")
    yield Row.at_most(f"processor time, `cw-pipeline status` {which}", processor, 1, "{:.2f} s")
    script = [sys.executable, "-c", _WITHOUT_DAGSTER]
    imported = subprocess.run(script, env=environment, check=False, capture_output=True)  # noqa: S603
    yield Row.exactly("`dagster` is imported by it", bool(imported.returncode), expected=False)


def _costs(what: str, cost: Cost[object], seconds: float) -> Iterator[Row]:
    yield Row.at_most(f"processor time, {what}", cost.processor, seconds, "{:.1f} s")
    yield Row.at_most(f"memory, {what}", cost.peak / MEGABYTE, _MOST_MEMORY, "{:.0f} MB")
