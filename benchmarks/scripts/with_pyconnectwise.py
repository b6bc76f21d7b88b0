"""With pyconnectwise, one agreement after the other; what fails is noted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from pyconnectwise.clients.manage_client import ConnectWiseManageAPIClient
from pyconnectwise.exceptions import ConnectWiseException

from benchmarks.scripts import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fake import Site
    from benchmarks.scripts import Task


def run(site: Site, tasks: Sequence[Task]) -> int:
    """Bring every line to its seats; how many failed."""
    os.environ |= {"REQUESTS_CA_BUNDLE": str(site.ca_bundle), "NO_PROXY": "127.0.0.1"}
    company, public, private, client_id = CREDENTIALS
    client = ConnectWiseManageAPIClient(company, urlsplit(site.url).netloc, client_id, public, private)
    failed = 0
    for task in tasks:
        try:
            _sync(client, task)
        except (ConnectWiseException, requests.RequestException, ValueError):
            failed += 1
    return failed


def _sync(client: ConnectWiseManageAPIClient, task: Task) -> None:
    additions = client.finance.agreements.id(task.agreement_id).additions
    ours = [line for line in additions.paginated(1, 1000).all() if line.serial_number == task.serial_number]
    if not ours:
        additions.post(task.new_line())
    elif ours[0].quantity != task.seats and ours[0].id is not None:
        additions.id(ours[0].id).patch([{"op": "replace", "path": "quantity", "value": task.seats}])
