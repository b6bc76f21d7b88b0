"""Shortens waits in processes that a test starts.

The daemon looks after backfills each second, and not each 30. On a Celery worker, a push does not wait a minute for
what a killed one may have left under way, and a run that will be tried again waits for the file that `HURRIED_UNTIL`
names, and not ten minutes.

Python imports this module when it starts with this folder on its path.
"""

# ruff: noqa: INP001 - Python looks for it in folders, not in packages

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

if "dagster._daemon" in sys.orig_argv:
    from dagster._daemon import controller

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

ON_A_WORKER = "dagster_celery.app" in "".join(sys.orig_argv)

if ON_A_WORKER:
    from cw_pipeline.sync import open_intents

    open_intents.UNDER_WAY_SECONDS = 0

if ON_A_WORKER and "HURRIED_UNTIL" in os.environ:
    from dagster._core.execution.plan.active import ActiveExecution

    def wait_for_the_file(self: ActiveExecution) -> None:
        """Let what waits to be tried again be ready once the file is there."""
        while self._waiting_to_retry and not Path(os.environ["HURRIED_UNTIL"]).exists():
            time.sleep(0.3)
        self._waiting_to_retry = dict.fromkeys(self._waiting_to_retry, 0.0)

    ActiveExecution.sleep_til_ready = wait_for_the_file
