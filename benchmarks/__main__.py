"""Run the benchmarks: `python -m benchmarks [--agreements N] [--large N] [--months N] [GROUP …]`.

A whole run at the usual sizes is kept in `results.md`.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import dagster_runs, imports, large, month, pace, side_by_side, years
from benchmarks.harness import COLUMNS, Row, Sizes
from benchmarks.reasons import reasons_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RESULTS = Path(__file__).with_name("results.md")
GROUPS = {
    "month": (month, COLUMNS),
    "large": (large, COLUMNS),
    "imports": (imports, COLUMNS),
    "pace": (pace, COLUMNS),
    "years": (years, COLUMNS),
    "dagster": (dagster_runs, COLUMNS),
    "side_by_side": (side_by_side, side_by_side.COLUMNS),
}


def main() -> None:
    """Measure, print each row as soon as it is known, and keep a whole run."""
    usual = Sizes()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the product.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; none: all")
    parser.add_argument("--agreements", type=int, default=usual.agreements)
    parser.add_argument("--large", type=int, help="of the largest deployment; by default ten times as many")
    parser.add_argument("--months", type=int, default=usual.months)
    asked = parser.parse_args()
    sizes = Sizes(asked.agreements, asked.large or 10 * asked.agreements, asked.months)
    lines: list[str] = []
    for line in _document(asked.groups or list(GROUPS), sizes):
        print(line, flush=True)  # noqa: T201
        lines.append(line)
    if not asked.groups and sizes == usual:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _document(groups: Iterable[str], sizes: Sizes) -> Iterator[str]:
    """The tables of these groups, line by line in Markdown."""
    yield "# What the product costs\n"
    machine = f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}, SQLite"
    yield f"By `make bench`, {datetime.now(UTC):%Y-%m-%d}; {machine}; load {os.getloadavg()[0]:.0f} when it began."
    yield "A load beyond the number of processors makes times longer than the work takes, and processor time, too."
    over: list[str] = []
    for name in groups:
        group, columns = GROUPS[name]
        yield f"\n## {(group.__doc__ or name).strip()}\n"
        with TemporaryDirectory(prefix="cw-pipeline-bench-") as folder:
            yield from _table(columns, _noting(group.rows(sizes, Path(folder)), over))
    if over:
        yield "\n## What is over its limit, and why\n"
        yield from reasons_for(over)


def _noting(rows: Iterable[Sequence[str]], over: list[str]) -> Iterator[Sequence[str]]:
    """The rows; what is over its limit is added to `over`."""
    for row in rows:
        if isinstance(row, Row) and row.is_over:
            over.append(row.what)
        yield row


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in chain([columns, ["---"] * len(columns)], rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
