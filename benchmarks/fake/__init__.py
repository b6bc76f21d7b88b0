"""A ConnectWise PSA for measuring: as small and fast as it can be, in a process of its own.

It knows only what a month's sync, an import and drift ask for, and checks nothing. What ConnectWise PSA is like is
simulated by `cw_pipeline.sandbox`.
"""

from benchmarks.fake.process import Counts, Fake, Site
from benchmarks.fake.server import FAILED, LOST, REFUSED, Behaviour

__all__ = ["FAILED", "LOST", "REFUSED", "Behaviour", "Counts", "Fake", "Site"]
