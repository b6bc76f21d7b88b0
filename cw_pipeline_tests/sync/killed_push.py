"""A push of March in a process of its own, to be killed; with the site's environment.

``killed_push DATABASE_URL`` goes through. ``killed_push DATABASE_URL stop`` says "at the request" where it would send
its first write, and goes no further.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn
from unittest.mock import patch

from cw_pipeline.billing.months import Month
from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.sync.push import push_months
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.sync.site import open_client, sync_run

if TYPE_CHECKING:
    from collections.abc import Mapping


def _go_no_further(*_arguments: object) -> NoReturn:
    print("at the request", flush=True)  # noqa: T201 - what the test waits for
    sys.stdin.readline()
    raise SystemExit


def main(url: str, environment: Mapping[str, str], *, stop: bool) -> None:
    """Push March, one write at a time."""
    writes = ("create_addition", "set_quantity") if stop else ()
    with ExitStack() as stack:
        for write in writes:
            stack.enter_context(patch.object(ConnectWiseClient, write, _go_no_further))
        client = stack.enter_context(open_client(environment))
        place = replace(sync_run(client, Warehouse(url), "killed run"), concurrency=1)
        list(push_months(place, [Month(2026, 3)]))


if __name__ == "__main__":
    main(sys.argv[1], os.environ, stop="stop" in sys.argv)
