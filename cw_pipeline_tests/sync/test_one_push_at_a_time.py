"""One push at a time, across processes and machines; a killed one gets in nobody's way."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sync import sync_run
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import LockHeld, LockLost
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline_tests.support.clients import open_client
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, set_up
from cw_pipeline_tests.support.fake_time import FakeTime
from cw_pipeline_tests.support.killed_push import running_push
from cw_pipeline_tests.support.pooler import on_every_way
from cw_pipeline_tests.support.processes import break_lock_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 10
"""Seconds, with all that is left to write, also where the machine is busy."""


@pytest.fixture
def on_postgres(msp: Msp, postgres_database_url: str) -> Iterator[Msp]:
    """The same MSP with a warehouse on PostgreSQL, which writes one line at a time."""
    warehouse = Warehouse(postgres_database_url)
    set_up(warehouse)
    yield replace(msp, run=replace(msp.run, warehouse=warehouse, concurrency=1))
    warehouse.close()


@pytest.fixture
def on_either(msp: Msp, warehouse: Warehouse) -> Msp:
    """The same MSP with a warehouse on either kind of database, whose usage of March was fetched."""
    set_up(warehouse)
    msp = replace(msp, run=replace(msp.run, warehouse=warehouse))
    msp.fetch()
    return msp


@on_every_way
def test_of_two_pushes_one_waits_and_says_for_whom(on_either: Msp, warehouse_url: str) -> None:
    faults, environment = on_either.sandbox.faults, on_either.sandbox.environment()
    held = faults.add(FaultKind.SLOW, method="POST")
    with running_push(warehouse_url, environment, machine="billing-1") as first:
        assert faults.wait_for_hit(held)
        with running_push(warehouse_url, environment, machine="billing-2") as second:
            since = rf"since {datetime.now(UTC):%Y-%m-%d} \d\d:\d\d:\d\d UTC"
            waits = f"Another push is at work: process {first.process.pid} on billing-1, {since}\\."
            assert re.fullmatch(waits, second.says())
            assert on_either.written() == 1
            faults.release(held)
            assert (first.exit_code(), second.exit_code()) == (0, 0)
    assert [on_either.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)
    assert on_either.written() == len(MAPPED)


@on_every_way
def test_a_waiting_push_goes_on_at_once_when_the_holder_is_killed(on_either: Msp, warehouse_url: str) -> None:
    faults, environment = on_either.sandbox.faults, on_either.sandbox.environment()
    held = faults.add(FaultKind.SLOW, method="POST")
    with running_push(warehouse_url, environment) as at_work:
        assert faults.wait_for_hit(held)
        with running_push(warehouse_url, environment) as waiting:
            assert "Another push is at work" in waiting.says()
            at_work.kill()
            killed = time.monotonic()
            assert waiting.exit_code() == 0
            assert time.monotonic() - killed < AT_ONCE
    faults.clear()
    assert [on_either.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)
    assert on_either.written() == len(MAPPED)


def test_a_push_without_the_lock_says_so_and_writes_nothing(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_run, "LOCK_WAIT_SECONDS", 0)
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
        assert first.result()[0].succeeded
    assert pushed.requests_written == 0
    assert [msp.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)


def test_a_write_waiting_to_be_retried_is_not_sent_without_the_lock(
    on_postgres: Msp, postgres_database_url: str
) -> None:
    class TimeToLoseTheLock(FakeTime):
        def sleep(self, seconds: float) -> None:
            break_lock_connections(postgres_database_url)
            super().sleep(seconds)

    on_postgres.fetch()
    on_postgres.sandbox.faults.add(FaultKind.STATUS, method="POST", status=429, headers={"Retry-After": "1"})
    with open_client(on_postgres.sandbox.environment(), time=TimeToLoseTheLock()) as client:
        msp = replace(on_postgres, run=replace(on_postgres.run, connectwise=client))
        with pytest.raises(LockLost):
            msp.push()
    assert on_postgres.written() == 1
    (again,) = on_postgres.push()
    assert again.succeeded
    assert [on_postgres.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)


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
    assert again.succeeded
    assert [msp.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)
    assert msp.written() == len(MAPPED)
