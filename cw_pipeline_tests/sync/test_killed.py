"""A push that is killed in the middle of a write: the next one settles it, and no seat is billed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline_tests.sync.msp import Msp, open_nordpass, set_up
from cw_pipeline_tests.sync.site import open_client, sync_run
from cw_pipeline_tests.warehouse.processes import another_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

PLACES = (3, 15)
KILLED_PUSH = ("-m", "cw_pipeline_tests.sync.killed_push")


@pytest.fixture
def msp(sandbox: Sandbox, warehouse: Warehouse) -> Iterator[Msp]:
    """Two companies mapped, on either kind of database."""
    environment = sandbox.environment()
    with open_client(environment) as client, open_nordpass(environment) as nordpass:
        msp = Msp(sandbox, sync_run(client, warehouse), nordpass)
        set_up(warehouse, PLACES)
        msp.use(5, *PLACES)
        yield msp


@pytest.fixture(params=["POST", "PATCH"])
def method(request: pytest.FixtureRequest, msp: Msp) -> str:
    """Whether the next push has lines to create, or quantities to set."""
    name: str = request.param
    if name == "PATCH":
        msp.sync()
        msp.use(8, *PLACES)
    msp.fetch()
    msp.preview()
    return name


def kill_before_the_request(msp: Msp, url: str) -> None:
    """Kill a push between the intent of its first write and the request."""
    with another_process(*KILLED_PUSH, url, "stop", **msp.sandbox.environment()) as push:
        assert push.says() == "at the request"
        push.kill()


def kill_after_the_request(msp: Msp, url: str, method: str) -> None:
    """Kill a push when ConnectWise has carried out its first write and has not answered yet."""
    held = msp.sandbox.faults.add(FaultKind.SLOW, method=method)
    with another_process(*KILLED_PUSH, url, **msp.sandbox.environment()) as push:
        assert msp.sandbox.faults.wait_for_hit(held, timeout=60)
        push.kill()
    msp.sandbox.faults.clear()


def open_intents(msp: Msp) -> list[str]:
    """The organizations' ledgers whose last entry is an intent."""
    return [entries[-1] for place in PLACES if (entries := msp.ledger(place)) and entries[-1] == "intent"]


def assert_the_next_push_makes_it_right(msp: Msp, method: str, *, settled_as: str) -> None:
    seats = 5 if method == "POST" else 8
    assert open_intents(msp) == ["intent"]
    (pushed,) = msp.push()
    assert pushed.push.succeeded
    assert [msp.quantities(place) for place in PLACES] == [[seats]] * 2
    assert open_intents(msp) == []
    settled = ["intent", settled_as, *(["intent", "confirmed"] if settled_as == "not_done" else [])]
    assert settled in [msp.ledger(place)[-len(settled) :] for place in PLACES]
    written = msp.written()
    assert msp.sync().outcomes(*PLACES) == ["unchanged"] * 2
    assert msp.written() == written


def test_a_push_killed_between_intent_and_request_is_made_right_by_the_next(
    msp: Msp, warehouse_url: str, method: str
) -> None:
    kill_before_the_request(msp, warehouse_url)
    assert_the_next_push_makes_it_right(msp, method, settled_as="not_done")


def test_a_push_killed_after_the_request_is_made_right_by_the_next_without_a_duplicate(
    msp: Msp, warehouse_url: str, method: str
) -> None:
    written = msp.written()
    kill_after_the_request(msp, warehouse_url, method)
    assert_the_next_push_makes_it_right(msp, method, settled_as="confirmed")
    assert msp.written() == written + 2
