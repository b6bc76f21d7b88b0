"""The dead man's switch: pings a service that raises the alarm when the pings stop."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.https.failures import AttemptError, Failure
from cw_pipeline.https.logs import without_paths_in_logs
from cw_pipeline.https.safe_text import Hidden
from cw_pipeline.https.sending import Bounds, Server, ca_bundle_fault, repeat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

ATTEMPTS = 3
LONGEST_WAIT = 4.0  # seconds between two attempts; Dagster gives a sensor a minute for everything
_BOUNDS = Bounds(connect_seconds=5.0, read_seconds=5.0, body_seconds=5.0, body_bytes=64 * 1024)
_FINAL = frozenset({Failure.UNTRUSTED_CERTIFICATE, Failure.TOO_LARGE, Failure.REDIRECTED, Failure.REFUSED})
"""The failures that another attempt would only repeat."""


class NotPinged(CwPipelineError):
    """The ping failed. The error never contains the address, which is a secret."""


def ping(address: SecretStr, *, ca_bundle: Path | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Request `address` with GET, up to `ATTEMPTS` times.

    Args:
        address: `https://…`. No redirect is followed.
        ca_bundle: PEM file of the certificate authorities to trust instead of the public ones.
        sleep: Waits so many seconds.

    Raises:
        NotPinged: If the address cannot be used, or no attempt succeeded.
    """
    url = Hidden(address.get_secret_value())
    if not _is_https(url):
        raise NotPinged("CW_PIPELINE_HEARTBEAT_URL is not an address that begins with https://. Correct it.")
    if ca_bundle is not None and (fault := ca_bundle_fault(ca_bundle)):
        raise NotPinged(
            f"The file {ca_bundle} in CW_PIPELINE_HEARTBEAT_CA_BUNDLE cannot be used ({fault}). Correct it."
        )
    with without_paths_in_logs(), closing(Server(url, ca_bundle=ca_bundle, bounds=_BOUNDS)) as server:
        try:
            repeat(
                lambda: server.send_once("GET", url),
                again=lambda attempt: attempt.failure not in _FINAL,
                attempts=ATTEMPTS,
                longest_wait=LONGEST_WAIT,
                sleep=sleep,
            )
        except AttemptError as attempt:
            status = f" (HTTP {attempt.status})" if attempt.status else ""
            fault = f"The address in CW_PIPELINE_HEARTBEAT_URL was not reached: {attempt.failure}{status}."
        else:
            return
    # Outside the handler: the attempt's own chain holds the address.
    raise NotPinged(
        f"{fault} Check the address, the network and any proxy. Until a ping arrives, its service will report that "
        "none came."
    )


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
