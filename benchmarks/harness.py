"""Measuring: work in a process of its own, and rows that stand beside their limits."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from resource import RUSAGE_SELF, getrusage
from time import monotonic
from typing import TYPE_CHECKING, Generic, NamedTuple, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
DoneT = TypeVar("DoneT")
DoneT_co = TypeVar("DoneT_co", covariant=True)

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """How large the measured deployments are.

    Attributes:
        agreements: Of a usual MSP.
        large: Of the largest.
        months: Of the history that has grown.
    """

    agreements: int = 2_000
    large: int = 20_000
    months: int = 36


class Row(NamedTuple):
    """One measurement beside its limit, as people read it; `verdict` is empty where there is no limit."""

    what: str
    measured: str
    limit: str
    verdict: str

    @classmethod
    def at_most(cls, what: str, value: float, limit: float, form: str) -> Row:
        """A value that is in order up to `limit`; `form` says how both are written, such as `{:.1f} s`."""
        return cls(what, form.format(value), f"≤ {form.format(limit)}", _verdict(ok=value <= limit))

    @classmethod
    def exactly(cls, what: str, value: object, expected: object) -> Row:
        """A value that has to be as expected."""
        return cls(what, str(value), str(expected), _verdict(ok=value == expected))

    @classmethod
    def noted(cls, what: str, measured: str) -> Row:
        """A value without a limit."""
        return cls(what, measured, "", "")


COLUMNS = ("", "measured", "limit", "")


def _verdict(*, ok: bool) -> str:
    return "ok" if ok else "**over**"


@dataclass(frozen=True)
class Cost(Generic[DoneT_co]):
    """What some work came to, and what it took.

    Attributes:
        result: What it returned.
        wall: Seconds until it was done.
        processor: Seconds of processor time of its process, imports left out.
        peak: The most memory that its process had, in bytes.
    """

    result: DoneT_co
    wall: float
    processor: float
    peak: int


def measured(work: Callable[P, DoneT], *args: P.args, **kwargs: P.kwargs) -> Cost[DoneT]:
    """Do `work`, a function of a module, in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_cost, work, *args, **kwargs).result()


def _cost(work: Callable[P, DoneT], *args: P.args, **kwargs: P.kwargs) -> Cost[DoneT]:
    began, used_before = monotonic(), processor_time(RUSAGE_SELF)
    result = work(*args, **kwargs)
    wall, used = monotonic() - began, processor_time(RUSAGE_SELF) - used_before
    return Cost(result, wall, used, getrusage(RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT)


def processor_time(of: int) -> float:
    """The seconds of processor time of this process (RUSAGE_SELF), or of those that it waited for (RUSAGE_CHILDREN)."""
    usage = getrusage(of)
    return usage.ru_utime + usage.ru_stime
