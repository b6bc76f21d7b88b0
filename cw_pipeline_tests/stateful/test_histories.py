"""Each seat is billed exactly once by the whole product: real client, real warehouse, against the sandbox's HTTPS."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from cw_pipeline_tests.stateful.fault_clock import FaultClock
from cw_pipeline_tests.stateful.fixture import Fixture
from cw_pipeline_tests.stateful.history import History

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

SOAKS = settings.get_current_profile_name() == "soak"
PROFILE = settings.get_profile("soak" if SOAKS else "bounded")


@pytest.mark.timeout(0)  # a soak takes as long as it was asked to, and a history that fails is made short
@pytest.mark.parametrize("warehouse_url", ["sqlite", "postgresql"] if SOAKS else ["sqlite"], indirect=True)
def test_any_history_ends_with_every_seat_billed_once_or_held(warehouse: Warehouse) -> None:
    moments, tally = FaultClock(warehouse), Counter[str]()

    class HistoryHere(History):
        def __init__(self) -> None:
            super().__init__(Fixture(warehouse, moments), tally)

    run_state_machine_as_test(HistoryHere, settings=PROFILE)
    told_apart = tally["compared"] * (1 if SOAKS else 2)  # of few histories, more may be held by chance
    assert told_apart > tally["held"] + tally["left out"], "what is held or left out proves little"
