"""Several tenants' warehouses in one database: what one has, does or breaks is nothing to another."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, make_url, select, text

from cw_pipeline.warehouse.database import Warehouse, pending_migrations
from cw_pipeline.warehouse.errors import DatabaseUnreachable, LockHeld, SchemaUnusable
from cw_pipeline.warehouse.lock import lock_setup, migration_lock, push_lock
from cw_pipeline.warehouse.schema import revisions
from cw_pipeline.warehouse.tables import Base, LockHolderRow
from cw_pipeline_tests.support.pooler import needs_pgbouncer, pooled
from cw_pipeline_tests.warehouse.examples import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANTS = ("acme", "user")  # the latter is a word of SQL


@pytest.fixture(params=["direct", pytest.param("transaction", marks=needs_pgbouncer)])
def database_url(request: pytest.FixtureRequest, postgres_database_url: str) -> Iterator[str]:
    """A PostgreSQL database, also through a pooler that gives each transaction any connection."""
    if request.param == "direct":
        yield postgres_database_url
        return
    with pooled(postgres_database_url, request.param, pool_size=8) as url:
        yield url


@pytest.fixture
def warehouses(database_url: str) -> Iterator[list[Warehouse]]:
    """Those of two tenants, and the one that is for no tenant."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Warehouse(database_url, tenant=key))) for key in (*TENANTS, None)]


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_each_tenant_has_every_table_in_its_own_schema(warehouses: list[Warehouse]) -> None:
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(:schema)"
    for warehouse, schema in zip(warehouses, ("acme", '"user"', "public"), strict=True):
        with warehouse.engine.connect() as connection:
            found = set(connection.scalars(text(tables), {"schema": schema}))
            assert found == {*Base.metadata.tables, "alembic_version"}
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        assert warehouse.revision == revisions()[-1]


def test_no_tenant_sees_rows_of_another(warehouses: list[Warehouse]) -> None:
    for number, warehouse in enumerate(warehouses):
        for row in range(5):  # through a pooler on connections that another tenant's transactions had before
            with warehouse.transaction() as session:
                session.add(LockHolderRow(psa=str(row), holder=str(number), since=MOMENT))
    for number, warehouse in enumerate(warehouses):
        with warehouse.transaction() as session:
            assert session.scalars(select(LockHolderRow.holder)).all() == [str(number)] * 5


def test_a_failed_migration_of_one_tenant_stops_no_other(warehouses: list[Warehouse], database_url: str) -> None:
    execute(database_url, "DROP TABLE acme.alembic_version")
    with pytest.raises(SchemaUnusable, match="migrated in part"):
        Warehouse(database_url, tenant="acme")
    execute(database_url, "UPDATE \"user\".alembic_version SET version_num = '0001'")
    with pytest.raises(DatabaseUnreachable):  # the second migration finds its table already there
        Warehouse(database_url, tenant="user")
    assert pending_migrations(database_url, tenant="user") == revisions()[1:]
    Warehouse(database_url).close()
    Warehouse(database_url, tenant="third").close()
    assert len(warehouses) == 3


def test_no_tenant_waits_for_another_that_migrates_or_is_set_up(warehouses: list[Warehouse], database_url: str) -> None:
    acme, user, alone = warehouses
    with migration_lock(acme.engine), acme.transaction() as setup:
        lock_setup(setup)
        with pytest.raises(LockHeld), migration_lock(acme.engine, wait_seconds=0):
            pass
        for other in (user, alone):
            with migration_lock(other.engine, wait_seconds=0), other.transaction() as session:
                session.execute(text("SET LOCAL lock_timeout = '1s'"))
                lock_setup(session)
        Warehouse(database_url, tenant="third").close()


def test_tenants_with_the_same_company_push_one_at_a_time(warehouses: list[Warehouse]) -> None:
    acme, user, _ = warehouses
    sentences: list[str] = []
    with (
        push_lock(acme.engine, "site|company", wait_seconds=0, on_wait=sentences.append),
        push_lock(user.engine, "site|another", wait_seconds=0, on_wait=sentences.append),
        pytest.raises(LockHeld),
        push_lock(user.engine, "site|company", wait_seconds=0, on_wait=sentences.append),
    ):
        pass
    assert sentences == ["Another push is at work."]


def test_pending_migrations_of_a_new_tenant_are_told_only(database_url: str) -> None:
    assert pending_migrations(database_url, tenant="acme") == revisions()
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regnamespace('acme')")) is None


def test_a_user_who_may_create_no_schema_uses_an_existing_one(postgres_database_url: str) -> None:
    execute(
        postgres_database_url,
        "DROP ROLE IF EXISTS of_acme",
        "CREATE ROLE of_acme LOGIN",
        "CREATE SCHEMA acme AUTHORIZATION of_acme",
    )
    url = make_url(postgres_database_url).set(username="of_acme").render_as_string(hide_password=False)
    Warehouse(url, tenant="acme").close()
    with pytest.raises(DatabaseUnreachable, match="permission denied for database"):
        Warehouse(url, tenant="globex")


def test_on_sqlite_each_tenant_has_a_file_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warehouse.db"
    for key in ("acme", None):
        assert pending_migrations(url, tenant=key) == revisions()
        Warehouse(url, tenant=key).close()
        assert pending_migrations(url, tenant=key) == []
    files = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.db")}
    assert files == {"warehouse.db", "tenants/acme/warehouse.db"}
