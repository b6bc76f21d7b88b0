"""A client of the control interface, for processes other than the sandbox's."""

from pathlib import Path
from typing import Any, Self, cast

import requests

from cw_pipeline.sandbox.wire import Record, dumps, loads

_TIMEOUT_SECONDS = 30


class ControlRefused(ValueError):
    """The sandbox refused an act: it names something that does not exist, or a value that is not possible."""


class SandboxControl:
    """Does what people do in either service, and switches faults, in a sandbox that runs in another process.

    Args:
        url: The sandbox's address.
        ca_bundle: The PEM file of its certificate authority.
    """

    def __init__(self, url: str, ca_bundle: Path) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_bundle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def act(self, name: str, /, **arguments: object) -> Any:  # noqa: ANN401 - any JSON
        """Perform one of the acts that `control_api` lists, and return its result as JSON.

        Raises:
            ControlRefused: The sandbox refused.
            requests.RequestException: It cannot be reached.
        """
        reply = self._session.post(f"{self._url}/sandbox/{name}", data=dumps(arguments), timeout=_TIMEOUT_SECONDS)
        document = loads(reply.content)
        if not reply.ok:
            raise ControlRefused(cast("Record", document)["error"])
        return document
