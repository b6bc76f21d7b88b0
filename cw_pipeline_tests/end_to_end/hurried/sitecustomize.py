"""Lets Dagster's daemon look after backfills each second, and not each 30, which no setting changes.

Python imports this module when it starts with this folder on its path.
"""

# ruff: noqa: INP001 - Python looks for it in folders, not in packages

from __future__ import annotations

import sys

if "dagster._daemon" in sys.orig_argv:
    from dagster._daemon import controller

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
