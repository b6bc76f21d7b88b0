from __future__ import annotations

import re
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import DatabaseUnreachable, LockHeld, LockLost
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.tables import LockHolderRow
from cw_pipeline_tests.support.pooler import needs_pgbouncer, on_every_way, pooled
from cw_pipeline_tests.support.processes import (
    HOLD_THE_LOCK,
    WAIT_FOR_THE_LOCK,
    another_process,
    break_lock_connections,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cw_pipeline_tests.support.pooler import PoolMode

A_WHILE = 30
"""More seconds than anything here takes: a test that waits so long has failed."""
AT_ONCE = 5
"""Seconds, also where the machine is busy."""


def test_a_free_lock_is_taken_without_waiting_and_again_after_release(warehouse: Warehouse) -> None:
    sentences: list[str] = []
    for _ in range(2):
        with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=sentences.append) as lock:
            lock.check()
    assert sentences == []


@on_every_way
def test_a_second_push_waits_and_learns_who_holds_the_lock(warehouse: Warehouse, warehouse_url: str) -> None:
    sentences: list[str] = []
    with another_process(HOLD_THE_LOCK, warehouse_url, "msp") as holder:
        assert holder.says() == "held"

        def end_the_holder(sentence: str) -> None:
            sentences.append(sentence)
            holder.go_on()

        with push_lock(warehouse.engine, "msp", wait_seconds=A_WHILE, on_wait=end_the_holder) as lock:
            lock.check()
    assert len(sentences) == 1
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.match(f"Another push is at work: process {holder.pid} on .+, {since}", sentences[0])


@on_every_way
def test_a_push_that_waited_in_vain_says_who_holds_the_lock(warehouse: Warehouse, warehouse_url: str) -> None:
    with another_process(HOLD_THE_LOCK, warehouse_url, "msp") as holder:
        assert holder.says() == "held"
        waiting = push_lock(warehouse.engine, "msp", wait_seconds=1, on_wait=lambda _: None)
        with pytest.raises(LockHeld, match=f"process {holder.pid} on .* Try again when it has ended"), waiting:
            pass


@on_every_way
def test_a_killed_holder_frees_the_lock_at_once(warehouse: Warehouse, warehouse_url: str) -> None:
    with another_process(HOLD_THE_LOCK, warehouse_url, "msp") as holder:
        assert holder.says() == "held"
        with push_lock(warehouse.engine, "msp", wait_seconds=AT_ONCE, on_wait=lambda _: holder.kill()) as lock:
            lock.check()


def holders(warehouse: Warehouse) -> list[datetime]:
    with warehouse.transaction() as session:
        return [holder.since for holder in session.query(LockHolderRow)]


def test_a_lock_that_was_let_go_names_nobody(warehouse: Warehouse) -> None:
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print):
        assert len(holders(warehouse)) == 1
    assert holders(warehouse) == []
    with pytest.raises(ZeroDivisionError), push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print):
        _ = 1 / 0
    assert holders(warehouse) == []


def test_while_a_holder_has_not_said_who_it_is_nobody_is_named(warehouse: Warehouse) -> None:
    sentences: list[str] = []
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print):
        with warehouse.transaction() as session:
            session.query(LockHolderRow).delete()
        with pytest.raises(LockHeld), push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=sentences.append):
            pass
    assert sentences == ["Another push is at work."]


def test_pushes_to_different_companies_do_not_wait_for_each_other(warehouse: Warehouse) -> None:
    sentences: list[str] = []
    with (
        push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=sentences.append),
        push_lock(warehouse.engine, "another", wait_seconds=0, on_wait=sentences.append) as lock,
    ):
        lock.check()
    assert sentences == []


def test_the_holder_may_write_while_it_holds_the_lock(warehouse: Warehouse) -> None:
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print), warehouse.transaction() as session:
        assert session.execute(text("DELETE FROM lock_holders WHERE psa = 'msp'")) is not None


def test_a_killed_waiter_does_not_get_in_the_way_of_the_next(warehouse: Warehouse, warehouse_url: str) -> None:
    with (
        another_process(HOLD_THE_LOCK, warehouse_url, "msp") as holder,
        another_process(WAIT_FOR_THE_LOCK, warehouse_url, "msp") as waiter,
    ):
        assert holder.says() == "held"
        waiter.go_on()
        assert f"process {holder.pid} on " in waiter.says()
        waiter.kill()

        def end_the_holder(_sentence: str) -> None:
            holder.go_on()

        with push_lock(warehouse.engine, "msp", wait_seconds=A_WHILE, on_wait=end_the_holder) as lock:
            lock.check()


def test_a_lock_whose_connection_broke_is_lost_for_good(postgres_database_url: str) -> None:
    warehouse = Warehouse(postgres_database_url)
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock:
        lock.check()
        break_lock_connections(postgres_database_url)
        for _ in range(3):
            with pytest.raises(LockLost, match="Nothing more is written"):
                lock.check()
    warehouse.close()


def test_a_push_that_lost_the_lock_keeps_the_new_holder_s_name(postgres_database_url: str) -> None:
    warehouse = Warehouse(postgres_database_url)
    with ExitStack() as lost:
        lost.enter_context(push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print))
        break_lock_connections(postgres_database_url)
        with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print):
            now = holders(warehouse)
            lost.close()
            assert holders(warehouse) == now
    warehouse.close()


@pytest.mark.parametrize("taken", [True, False], ids=["and taken by another", "and nobody has it"])
def test_a_lock_whose_file_was_deleted_is_lost(tmp_path: Path, *, taken: bool) -> None:
    warehouse = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock:
        lock.check()
        for file in tmp_path.glob("*.lock"):
            file.unlink()
        another = push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print)
        with another if taken else nullcontext():
            for _ in range(2):
                with pytest.raises(LockLost, match=r"\.lock was deleted.* Nothing more is written"):
                    lock.check()
    warehouse.close()


def test_waiting_for_a_deleted_lock_file_does_not_give_the_lock(tmp_path: Path) -> None:
    warehouse = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    with ExitStack() as first, ExitStack() as newcomer:
        first.enter_context(push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print))

        def replace_the_file(_sentence: str) -> None:
            for file in tmp_path.glob("*.lock"):
                file.unlink()
            newcomer.enter_context(push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print))
            first.close()

        waiting = push_lock(warehouse.engine, "msp", wait_seconds=A_WHILE, on_wait=replace_the_file)
        with pytest.raises(LockLost, match="was deleted"), waiting:
            pass
    warehouse.close()


@pytest.mark.parametrize("setting", ["statement_timeout", "idle_in_transaction_session_timeout"])
def test_a_database_time_limit_cuts_neither_wait_nor_push_short(postgres_database_url: str, setting: str) -> None:
    warehouse = Warehouse(postgres_database_url)
    with warehouse.transaction() as session:
        session.execute(text(f"ALTER DATABASE {warehouse.engine.url.database} SET {setting} = '500ms'"))
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock:
        waiting = push_lock(warehouse.engine, "msp", wait_seconds=1, on_wait=lambda _: None)
        with pytest.raises(LockHeld), waiting:
            pass
        lock.check()
    warehouse.close()


def test_a_lock_that_is_held_keeps_nothing_from_being_vacuumed(postgres_database_url: str) -> None:
    warehouse = Warehouse(postgres_database_url)
    with warehouse.transaction() as session:
        database = warehouse.engine.url.database
        session.execute(text(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'"))
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock, warehouse.transaction() as session:
        lock.check()
        holder = text(
            "SELECT state, backend_xid, backend_xmin FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert session.execute(holder).all() == [("idle in transaction", None, None)]
    warehouse.close()


@needs_pgbouncer
def test_a_released_lock_does_not_stay_in_a_shared_session(postgres_database_url: str) -> None:
    direct = Warehouse(postgres_database_url)
    with pooled(postgres_database_url, "transaction") as pooled_url:
        shared = Warehouse(pooled_url)
        with push_lock(shared.engine, "msp", wait_seconds=0, on_wait=print):
            pass
        with push_lock(direct.engine, "msp", wait_seconds=AT_ONCE, on_wait=lambda _: None) as lock:
            lock.check()
        shared.close()
    direct.close()


@needs_pgbouncer
def test_a_pooler_without_transactions_is_refused_with_advice(postgres_database_url: str) -> None:
    with (
        pooled(postgres_database_url, "statement") as pooled_url,
        pytest.raises(DatabaseUnreachable, match=r"PgBouncer.*pool_mode must be session or transaction"),
    ):
        Warehouse(pooled_url)


@needs_pgbouncer
@pytest.mark.parametrize("pool_mode", ["session", "transaction"])
def test_a_pooler_without_a_free_connection_is_reported(postgres_database_url: str, pool_mode: PoolMode) -> None:
    Warehouse(postgres_database_url).close()
    with pooled(postgres_database_url, pool_mode, pool_size=1) as pooled_url:
        warehouse = Warehouse(pooled_url)
        locked = push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print)
        with pytest.raises(DatabaseUnreachable, match=r"PgBouncer.* the pool not full"), locked:
            pytest.fail("a push began")
        warehouse.close()


def test_a_link_to_an_sqlite_warehouse_leads_to_the_same_lock(tmp_path: Path) -> None:
    warehouse = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    (tmp_path / "link.db").symlink_to(tmp_path / "warehouse.db")
    linked = Warehouse(f"sqlite:///{tmp_path / 'link.db'}")
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print):
        waiting = push_lock(linked.engine, "msp", wait_seconds=0, on_wait=lambda _: None)
        with pytest.raises(LockHeld), waiting:
            pass
    warehouse.close()
    linked.close()


def test_a_database_that_is_gone_is_told_in_a_sentence(postgres_database_url: str) -> None:
    warehouse = Warehouse(postgres_database_url)
    gone = create_engine(warehouse.engine.url.set(database="gone"))
    locked = push_lock(gone, "msp", wait_seconds=0, on_wait=print)
    with pytest.raises(DatabaseUnreachable, match="cannot be used"), locked:
        pass
    warehouse.close()
