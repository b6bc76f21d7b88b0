"""With requests and a pool of threads; every request is sent again after 429, 5xx or a broken connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.scripts import CREDENTIALS, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fake import Site

_AGREEMENTS = "v4_6_release/apis/3.0/finance/agreements"
_THREADS = 4
_SECONDS = 60
_AGAIN = Retry(total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None)


def run(site: Site, tasks: Sequence[Task]) -> int:
    """Bring every line to its seats; how many failed."""
    company, public, private, client_id = CREDENTIALS
    with requests.Session() as session, ThreadPoolExecutor(_THREADS) as pool:
        session.trust_env = False
        session.auth = (f"{company}+{public}", private)
        session.headers["clientId"] = client_id
        session.verify = str(site.ca_bundle)
        session.mount("https://", HTTPAdapter(max_retries=_AGAIN, pool_maxsize=_THREADS))

        def fails(task: Task) -> bool:
            try:
                _sync(
                    session, f"{site.url}/v4_6_release/apis/3.0/finance/agreements/{task.agreement_id}/additions", task
                )
            except requests.RequestException:
                return True
            return False

        return sum(pool.map(fails, tasks))


def _sync(session: requests.Session, url: str, task: Task) -> None:
    listed = _sent(session, "GET", url, params={"pageSize": 1000})
    ours = [line for line in listed if line.get("serialNumber") == task.serial_number]
    if not ours:
        _sent(session, "POST", url, json=task.new_line())
    elif ours[0]["quantity"] != task.seats:
        change = [{"op": "replace", "path": "quantity", "value": task.seats}]
        _sent(session, "PATCH", f"{url}/{ours[0]['id']}", json=change)


def _sent(session: requests.Session, method: str, url: str, **request: Any) -> Any:  # noqa: ANN401 - JSON
    reply = session.request(method, url, timeout=_SECONDS, **request)
    reply.raise_for_status()
    return reply.json()
