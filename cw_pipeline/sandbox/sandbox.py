"""The sandbox: both services behind one HTTPS server, with their keys and, optionally, a folder that keeps them."""

from datetime import UTC, date, datetime
from pathlib import Path
from threading import RLock
from typing import Self, cast

from starlette.applications import Starlette
from starlette.routing import Mount

from cw_pipeline.sandbox.connectwise.api import CLIENT_ID, COMPANY_ID, PRIVATE_KEY, PUBLIC_KEY, ConnectWiseApi
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.control_api import control_app
from cw_pipeline.sandbox.faults import Faults
from cw_pipeline.sandbox.front import Front
from cw_pipeline.sandbox.journal import Journal
from cw_pipeline.sandbox.keys import keys_in, temporary_keys
from cw_pipeline.sandbox.nordpass.api import MSP_ID, NordPassApi
from cw_pipeline.sandbox.nordpass.state import NordPass
from cw_pipeline.sandbox.server import HttpsServer
from cw_pipeline.sandbox.wire import Record, dumps, loads

_STATE_FILE = "state.json"


class Sandbox:
    """A local ConnectWise PSA and NordPass, served over HTTPS from a background thread of this process.

    `connectwise`, `nordpass`, `journal` and `faults` are the live state, which may be used while the server runs. Two
    fresh sandboxes of the same day hold the same data.

    Args:
        home: Keeps keys and state, so that a later sandbox continues where this one stopped; None: nothing is kept.
        port: 0 takes a free one.
        today: The sandbox's calendar day, on which the status of agreements depends; None: today, in UTC.
        reads_invoices: Whether, in a fresh sandbox, the API member has the rights to read invoices.
    """

    def __init__(
        self, *, home: Path | None = None, port: int = 0, today: date | None = None, reads_invoices: bool = False
    ) -> None:
        self._lock = RLock()
        self._fixed_day = today
        self._keys = keys_in(home) if home else temporary_keys()
        self._state_file = home / _STATE_FILE if home else None
        saved = self._saved()
        self.connectwise = ConnectWise(
            lock=self._lock, today=self._today, changed=self._save, saved=saved.get("connectwise")
        )
        self.nordpass = NordPass(lock=self._lock, today=self._today, changed=self._save, saved=saved.get("nordpass"))
        self.journal = Journal(self._lock)
        self.faults = Faults(self._lock)
        services = Starlette(
            routes=[
                Mount("/sandbox", control_app(self.connectwise, self.nordpass, self.journal, self.faults)),
                Mount("/nordpass", NordPassApi(self.nordpass, self._keys.load_nordpass_public_key()).app()),
                Mount("/", ConnectWiseApi(self.connectwise).app()),
            ]
        )
        self._server = HttpsServer(Front(services, self.journal, self.faults), self._keys, port)
        if reads_invoices and not saved:
            self.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when requests are answered. A stopped sandbox starts again at the same address."""
        self._server.start()

    def stop(self) -> None:
        """Release held answers, and close the server."""
        self.faults.clear()
        self._server.stop()

    @property
    def url(self) -> str:
        """The address of the simulated ConnectWise PSA.

        Raises:
            RuntimeError: the sandbox was not started and has no port yet.
        """
        if not self._server.port:
            raise RuntimeError("the sandbox has no address yet; start it first")
        return f"https://localhost:{self._server.port}"

    @property
    def nordpass_url(self) -> str:
        """The address of the simulated NordPass."""
        return f"{self.url}/nordpass"

    @property
    def ca_bundle(self) -> Path:
        """The PEM file of the certificate authority that clients have to trust."""
        return self._keys.ca_bundle

    def environment(self) -> dict[str, str]:
        """The environment variables for clients of both services."""
        return {
            "CONNECTWISE_SITE_URL": self.url,
            "CONNECTWISE_COMPANY_ID": COMPANY_ID,
            "CONNECTWISE_PUBLIC_KEY": PUBLIC_KEY,
            "CONNECTWISE_PRIVATE_KEY": PRIVATE_KEY,
            "CONNECTWISE_CLIENT_ID": CLIENT_ID,
            "CONNECTWISE_CA_BUNDLE": str(self.ca_bundle),
            "NORDPASS_API_URL": self.nordpass_url,
            "NORDPASS_MSP_ID": MSP_ID,
            "NORDPASS_PRIVATE_KEY_FILE": str(self._keys.nordpass_private_key),
            "NORDPASS_CA_BUNDLE": str(self.ca_bundle),
        }

    def _today(self) -> date:
        return self._fixed_day or datetime.now(UTC).date()

    def _saved(self) -> Record:
        if self._state_file is None or not self._state_file.exists():
            return {}
        return cast("Record", loads(self._state_file.read_bytes()))

    def _save(self) -> None:
        if self._state_file is None:
            return
        state = {"connectwise": self.connectwise.snapshot(), "nordpass": self.nordpass.snapshot()}
        # Replaced as a whole, so that a killed sandbox leaves no half-written state.
        written = self._state_file.with_suffix(".new")
        written.write_bytes(dumps(state))
        written.replace(self._state_file)
