from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.tables import Base, LockHolder
from cw_pipeline_tests.warehouse.examples import MOMENT
from cw_pipeline_tests.warehouse.processes import OPEN_WHEN_TOLD, another_process

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def test_a_fresh_database_gets_every_table(warehouse: Warehouse) -> None:
    assert set(inspect(warehouse.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_the_migrations_make_exactly_the_tables_that_the_code_describes(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_a_warehouse_again_keeps_what_is_in_it(warehouse: Warehouse, warehouse_url: str) -> None:
    with warehouse.transaction() as session:
        session.add(LockHolder(psa="t", holder="somebody", since=MOMENT))
    again = Warehouse(warehouse_url)
    with again.transaction() as session:
        assert session.get_one(LockHolder, "t").holder == "somebody"
    again.close()


def test_processes_that_open_a_new_warehouse_at_once_all_succeed(new_database_url: str) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(another_process("-c", OPEN_WHEN_TOLD, new_database_url)) for _ in range(4)]
        assert [other.says() for other in others] == ["ready"] * 4
        for other in others:
            other.go_on()
        assert [other.says() for other in others] == ["opened"] * 4
    opened = Warehouse(new_database_url)
    with opened.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    opened.close()


def test_a_transaction_whose_block_raises_leaves_nothing(warehouse: Warehouse) -> None:
    class Stop(Exception): ...

    def add_and_stop(session: Session) -> None:
        session.add(LockHolder(psa="t", holder="somebody", since=MOMENT))
        session.flush()
        raise Stop

    with pytest.raises(Stop), warehouse.transaction() as session:
        add_and_stop(session)
    with warehouse.transaction() as session:
        assert session.get(LockHolder, "t") is None
