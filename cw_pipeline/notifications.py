"""Messages to people, sent through apprise."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenacity
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.https.logs import without_paths_in_logs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

TRIES, SECONDS_BETWEEN = 3, 3
"""Dagster gives a sensor a minute, and does not evaluate it again for a run whose alert failed."""

# It would write the parts of addresses, which are secrets, into logs. Not `disabled`: configuring logging undoes that.
logging.getLogger("apprise").addFilter(lambda _record: False)


class NotDelivered(CwPipelineError):
    """An address did not get a message. The error never contains an address, since that is a secret."""


@dataclass(frozen=True)
class Delivery:
    """Which addresses took a message and which did not.

    Each is named by its place in the setting and its service, never by the address itself, which is a secret.
    """

    told: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def complaint(self) -> str:
        """How many addresses failed, which, and what to do."""
        return (
            f"{len(self.failed)} of {len(self.told) + len(self.failed)} addresses in CW_PIPELINE_NOTIFY failed: "
            f"{', '.join(self.failed)}. Write addresses as apprise's documentation says, with blanks between "
            "them, and check that their services can be reached from here. `cw-pipeline notify` tries them."
        )


def tell(addresses: SecretStr, *, title: str, lines: Sequence[str]) -> None:
    """Send a message to each of `addresses`.

    Raises:
        NotDelivered: If an address cannot be used, or a service does not take the message; the others get it.
    """
    delivery = send(addresses, title=title, lines=lines)
    if delivery.failed:
        raise NotDelivered(delivery.complaint)


def send(addresses: SecretStr, *, title: str, lines: Sequence[str]) -> Delivery:
    """Send a message to each of `addresses`, which are written as apprise's documentation says."""
    asset = AppriseAsset(app_id="cw_pipeline", app_desc="NordPass seats to ConnectWise PSA")
    text = addresses.get_secret_value()
    services: dict[str, Apprise] = {}
    unusable: list[str] = []
    # One by one, because apprise leaves out what it does not take for an address.
    for number, address in enumerate(text.split() or [text], start=1):
        service = Apprise(asset=asset)
        if service.add(address):
            services[f"address {number} ({service[0].service_name})"] = service
        else:
            unusable.append(f"address {number} (cannot be used)")
    told = _deliver(services, title, "\n".join(lines))
    failed = [name for name in services if name not in told]
    return Delivery(tuple(name for name in services if name in told), (*failed, *unusable))


def _deliver(services: Mapping[str, Apprise], title: str, body: str) -> set[str]:
    """The names of the services that took the message; each is tried up to `TRIES` times."""
    told: set[str] = set()

    def try_the_rest() -> bool:
        with without_paths_in_logs():
            for name, service in services.items():
                if name not in told and service.notify(
                    body=body, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
                ):
                    told.add(name)
        return len(told) == len(services)

    tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_fixed(SECONDS_BETWEEN),
        retry=tenacity.retry_if_not_result(bool),
        retry_error_callback=lambda _state: False,
    )(try_the_rest)
    return told
