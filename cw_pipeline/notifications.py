"""Messages to people, sent through apprise."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from cw_pipeline.https.logs import without_paths_in_logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

# It would log parts of addresses, which are secrets. A filter, because configuring logging resets `disabled`.
logging.getLogger("apprise").addFilter(lambda _record: False)


@dataclass(frozen=True)
class Address:
    """An address for alerts.

    Attributes:
        name: Its position in the setting and its service; the address itself is a secret.
        service: What sends to it; None if the address cannot be used.
    """

    name: str
    service: Apprise | None

    def send(self, title: str, lines: Sequence[str]) -> bool:
        """Send a message; whether that succeeded."""
        if self.service is None:
            return False
        with without_paths_in_logs():
            return bool(
                self.service.notify(
                    body="\n".join(lines), title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
                )
            )


def addresses(setting: SecretStr) -> list[Address]:
    """The addresses in the setting: as apprise defines them, separated by spaces."""
    asset = AppriseAsset(app_id="cw_pipeline", app_desc="NordPass seats to ConnectWise PSA")
    text = setting.get_secret_value()
    # One by one, because apprise silently drops what it does not recognize.
    return [_address(number, address, asset) for number, address in enumerate(text.split() or [text], start=1)]


def _address(number: int, address: str, asset: AppriseAsset) -> Address:
    service = Apprise(asset=asset)
    if not service.add(address):
        return Address(f"address {number} (cannot be used)", None)
    return Address(f"address {number} ({service[0].service_name})", service)


def complaint(failed: Sequence[str], total: int) -> str:
    """Which of `total` addresses failed, and what to do."""
    return (
        f"{len(failed)} of {total} addresses in CW_PIPELINE_NOTIFY failed: {', '.join(failed)}. Write addresses as "
        "apprise's documentation says, separated by spaces, and check that their services can be reached from "
        "here. `cw-pipeline notify` tries them."
    )
