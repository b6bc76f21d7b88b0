"""How the rooms' errors end a run: with their own sentence, and without a second try that cannot help."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.integration.errors import IntegrationError
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline.settings import NotSetUp
from cw_pipeline.sync.workplace import SyncError
from cw_pipeline.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Generator

KNOWN_ERRORS = (ConnectWiseError, NordPassError, IntegrationError, NotSetUp, SyncError, WarehouseError)
"""Everything that the rooms raise on purpose, with a sentence that says what to do."""


@contextmanager
def failing_the_run() -> Generator[None]:
    """Turn a known error of the block into a failure of the step that shows its sentence."""
    try:
        yield
    except KNOWN_ERRORS as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
