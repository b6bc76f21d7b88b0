"""Run the benchmarks: `python -m benchmarks [--agreements N] [--large N] [--months N] [GROUP …]`.

At the usual sizes each group takes its place in `results.md`, also when it is run by itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import dagster_runs, imports, large, month, pace, side_by_side, years
from benchmarks.document import with_section
from benchmarks.harness import COLUMNS, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RESULTS = Path(__file__).with_name("results.md")
_PROJECT = Path(__file__).parents[1]
GROUPS = {
    "month": (month, COLUMNS),
    "large": (large, COLUMNS),
    "imports": (imports, COLUMNS),
    "pace": (pace, COLUMNS),
    "years": (years, COLUMNS),
    "dagster": (dagster_runs, COLUMNS),
    "side_by_side": (side_by_side, side_by_side.COLUMNS),
}


def main() -> int:
    """Measure the groups, print each row as soon as it is known, and keep them; 1 if one of them failed."""
    usual = Sizes()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the product.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; none: all")
    parser.add_argument("--agreements", type=int, default=usual.agreements)
    parser.add_argument("--large", type=int, help="of the largest deployment; by default ten times as many")
    parser.add_argument("--months", type=int, default=usual.months)
    asked = parser.parse_args()
    if unknown := set(asked.groups) - GROUPS.keys():
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    sizes = Sizes(asked.agreements, asked.large or 10 * asked.agreements, asked.months)
    commit, failed = _commit(), list[str]()
    for name in asked.groups or GROUPS:
        lines: list[str] = []
        for line in _section(name, sizes, commit, failed):
            print(line, flush=True)  # noqa: T201
            lines.append(line)
        if sizes == usual:
            before = RESULTS.read_text(encoding="utf-8")
            document = with_section(before, "\n".join(lines), [_about(one) for one in GROUPS])
            RESULTS.write_text(document, encoding="utf-8")
    return bool(failed)


def _about(name: str) -> str:
    """A group's heading, and what has to be known about its rows."""
    return (GROUPS[name][0].__doc__ or name).strip()


def _section(name: str, sizes: Sizes, commit: str, failed: list[str]) -> Iterator[str]:
    """A group's section, line by line in Markdown; the name of one that breaks off is added to `failed`."""
    group, columns = GROUPS[name]
    machine = f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}, SQLite"
    yield f"\n## {_about(name)}\n"
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {commit}; {machine}; load {os.getloadavg()[0]:.1f} when it began.\n"
    try:
        with TemporaryDirectory(prefix="cw-pipeline-bench-") as folder:
            yield from _table(columns, group.rows(sizes, Path(folder)))
    except Exception as error:  # noqa: BLE001 - the other groups can be measured, whatever it is
        traceback.print_exc()
        failed.append(name)
        yield f"\n**This group failed here**, and has no rows for what follows: {' '.join(repr(error).split())}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in chain([columns, ["---"] * len(columns)], rows):
        yield f"| {' | '.join(cells)} |"


def _commit() -> str:
    """The commit that is measured, and whether anything differs from it."""
    measured = ("cw_pipeline", "benchmarks", ":!benchmarks/results.md")
    number, changed = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--", *measured)
    return f"commit {number}{' with changes' if changed else ''}"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_PROJECT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
