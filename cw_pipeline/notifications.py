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

# It would write the parts of addresses, which are secrets, into logs. Not `disabled`: configuring logging undoes that.
logging.getLogger("apprise").addFilter(lambda _record: False)


@dataclass(frozen=True)
class Address:
    """One address of the setting.

    Attributes:
        name: Its place in the setting and its service: the address itself is a secret.
        service: What sends to it; None if it cannot be used.
    """

    name: str
    service: Apprise | None

    def takes(self, title: str, lines: Sequence[str]) -> bool:
        """Send a message; whether the address took it."""
        if self.service is None:
            return False
        with without_paths_in_logs():
            return bool(
                self.service.notify(
                    body="\n".join(lines), title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
                )
            )


def addresses(setting: SecretStr) -> list[Address]:
    """The addresses in the setting, which are written as apprise's documentation says, with blanks between them."""
    asset = AppriseAsset(app_id="cw_pipeline", app_desc="NordPass seats to ConnectWise PSA")
    text = setting.get_secret_value()
    found: list[Address] = []
    # One by one, because apprise leaves out what it does not take for an address.
    for number, address in enumerate(text.split() or [text], start=1):
        service = Apprise(asset=asset)
        if service.add(address):
            found.append(Address(f"address {number} ({service[0].service_name})", service))
        else:
            found.append(Address(f"address {number} (cannot be used)", None))
    return found


def complaint(failed: Sequence[str], total: int) -> str:
    """How many of `total` addresses failed, which, and what to do."""
    return (
        f"{len(failed)} of {total} addresses in CW_PIPELINE_NOTIFY failed: {', '.join(failed)}. Write addresses as "
        "apprise's documentation says, with blanks between them, and check that their services can be reached from "
        "here. `cw-pipeline notify` tries them."
    )
