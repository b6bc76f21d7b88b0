"""What the rooms raise on purpose, for those who turn errors into a failed run or an exit code."""

from __future__ import annotations

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline.settings import NotSetUp
from cw_pipeline.setup.errors import IntegrationError
from cw_pipeline.sync.run import SyncError
from cw_pipeline.warehouse.errors import WarehouseError

KNOWN_ERRORS = (ConnectWiseError, NordPassError, IntegrationError, NotSetUp, SyncError, WarehouseError)
"""Each with a sentence that says what to do. Any other exception is a fault of the program."""
