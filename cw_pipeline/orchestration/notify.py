# Apprise's methods are not fully annotated.
# pyright: reportUnknownMemberType=false
"""Sending a message to people, through whatever service their addresses name."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import tenacity
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pydantic import SecretStr

TRIES, SECONDS_BETWEEN = 3, 3
"""Dagster gives a sensor a minute, and does not evaluate it again for a run of which it failed to tell."""

# It would write the parts of addresses, which are secrets, into logs. Not `disabled`: configuring logging undoes that.
logging.getLogger("apprise").addFilter(lambda _record: False)
_URLLIB3 = logging.getLogger("urllib3")


class NotTold(Exception):
    """Somebody could not be told; the message never has an address, since that is a secret."""


def tell(addresses: SecretStr, *, title: str, lines: Sequence[str]) -> None:
    """Send a message to each of ``addresses``, which are written as apprise's documentation says.

    Raises:
        NotTold: If an address cannot be used, or a service does not take the message.
    """
    services = Apprise(asset=AppriseAsset(app_id="cw_pipeline", app_desc="NordPass seats to ConnectWise PSA"))
    if not services.add(addresses.get_secret_value()):
        msg = (
            "CW_PIPELINE_NOTIFY has an address that cannot be used. Write addresses as apprise's documentation says, "
            "with blanks between them."
        )
        raise NotTold(msg)
    waiting = list(services)

    def tell_those_who_wait() -> bool:
        body = "\n".join(lines)
        with _without_paths_in_logs():
            waiting[:] = [
                service
                for service in waiting
                if not Apprise(service).notify(
                    body=body, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
                )
            ]
        return not waiting

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_fixed(SECONDS_BETWEEN),
        retry=tenacity.retry_if_not_result(bool),
        retry_error_callback=lambda _state: False,
    )
    if not retrying(tell_those_who_wait):
        names = ", ".join(str(service.service_name) for service in waiting)
        msg = (
            f"{len(waiting)} of {len(services)} addresses in CW_PIPELINE_NOTIFY could not be told: {names}. "
            "Check that they are right and that their services can be reached from here."
        )
        raise NotTold(msg)


@contextmanager
def _without_paths_in_logs() -> Generator[None]:
    """Keep the paths that are asked for out of a log of everything: a web hook's is its secret."""
    before = _URLLIB3.level
    _URLLIB3.setLevel(logging.INFO)
    try:
        yield
    finally:
        _URLLIB3.setLevel(before)
