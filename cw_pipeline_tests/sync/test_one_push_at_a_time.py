from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sync import push
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import LockHeld, LockLost
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline_tests.sync.msp import MAPPED, MARCH, Msp, set_up
from cw_pipeline_tests.warehouse.processes import break_lock_connections

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def on_postgres(msp: Msp, postgres_database_url: str) -> Iterator[Msp]:
    """The same MSP with a warehouse on PostgreSQL, which writes one line at a time."""
    warehouse = Warehouse(postgres_database_url)
    set_up(warehouse)
    yield replace(msp, run=replace(msp.run, warehouse=warehouse, concurrency=1))
    warehouse.close()


def test_a_push_that_does_not_get_the_lock_says_so_and_writes_nothing(
    msp: Msp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "LOCK_WAIT_SECONDS", 0)
    told: list[str] = []
    waiting = replace(msp, run=replace(msp.run, say=told.append))
    waiting.fetch()
    waiting.preview()
    told.clear()
    engine = msp.run.warehouse.engine
    with push_lock(engine, msp.run.psa, wait_seconds=0, on_wait=print), pytest.raises(LockHeld):
        waiting.push()
    assert [sentence.partition(":")[0] for sentence in told] == ["Another push is at work"]
    assert msp.written() == 0


def test_a_push_that_waits_for_another_writes_only_what_that_one_left(msp: Msp) -> None:
    msp.fetch()
    msp.preview()
    held = msp.sandbox.faults.add(FaultKind.SLOW, method="POST")

    def let_the_first_go_on(_sentence: str) -> None:
        msp.sandbox.faults.release(held)

    second = replace(msp, run=replace(msp.run, say=let_the_first_go_on, run_id="second"))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(msp.push, MARCH)
        assert msp.sandbox.faults.wait_for_hit(held)
        (pushed,) = second.push()
        assert first.result()[0].push.succeeded
    assert pushed.push.requests_written == 0
    assert [msp.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)


def test_a_push_that_lost_its_lock_writes_nothing_more(on_postgres: Msp, postgres_database_url: str) -> None:
    msp = on_postgres
    msp.fetch()
    msp.preview()
    held = msp.sandbox.faults.add(FaultKind.SLOW, method="POST")
    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(msp.push, MARCH)
        assert msp.sandbox.faults.wait_for_hit(held)
        break_lock_connections(postgres_database_url)
        msp.sandbox.faults.release(held)
        with pytest.raises(LockLost):
            pushing.result()
    assert msp.written() == 1
    (again,) = msp.push()
    assert again.push.succeeded
    assert [msp.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)
    assert msp.written() == len(MAPPED)
