from __future__ import annotations

import re
from contextlib import ExitStack, closing
from importlib.resources import files
from typing import TYPE_CHECKING

import alembic.command
import alembic.config
import pytest
import tenacity
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, inspect, select, text

from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.database import Warehouse, pending_migrations
from cw_pipeline.warehouse.errors import DatabaseUnreachable, SchemaUnusable
from cw_pipeline.warehouse.schema import revisions
from cw_pipeline.warehouse.tables import Base, CompanyMappingRow, LockHolderRow, PreviewLineRow
from cw_pipeline_tests.support.processes import OPEN_WHEN_TOLD, another_process
from cw_pipeline_tests.warehouse.examples import MOMENT

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

_AT = "'2026-04-01 00:30:00'"
_LINE = "INSERT INTO preview_lines (preview_id, position, organization_id, organization_name, plan, beside, outcome,"
BEFORE = (
    f"INSERT INTO usage_reports VALUES (1, '2026-03', {_AT}, {_AT}, 'f', 5)",
    (
        "INSERT INTO previews (id, psa, month, made_at, run_id, usage_report_id, mappings_fingerprint, ledger_position,"
        f" usage_seats, requests_read) VALUES (1, 'msp', '2026-03', {_AT}, 'r', 1, 'm', 0, 5, 1)"
    ),
    f"{_LINE} seats, reason, writes) VALUES (1, 0, 'o', 'O', 'Business', false, 'invoiced_edited', 5, 'why', '[]')",
    f"{_LINE} seats, reason, writes) VALUES (1, 1, 'p', 'P', 'Business', false, 'created', 5, 'why', '[]')",
    f"INSERT INTO companies (id, identifier, name, types, imported_at) VALUES (1, 'c', 'C', '[]', {_AT})",
    f"INSERT INTO agreements (id, company_id, name, status, imported_at) VALUES (10, 1, 'A', 'Active', {_AT})",
    (
        "INSERT INTO organizations (id, name, plan, license_type, status, msp_managed, fetched_at)"
        f" VALUES ('o', 'O', 'Business', 'Standard', 'Active', true, {_AT})"
    ),
    f"INSERT INTO company_mappings VALUES (1, 10, 'o', '2026-01', {_AT})",
)
"""What a warehouse of the first schema had."""


def test_a_fresh_database_gets_every_table(warehouse: Warehouse) -> None:
    assert set(inspect(warehouse.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_the_migrations_make_exactly_the_tables_that_the_code_describes(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_migration_is_named_by_its_revision() -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(files("cw_pipeline.warehouse") / "migrations"))
    assert revisions() == [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_opening_a_warehouse_again_keeps_what_is_in_it(warehouse: Warehouse, warehouse_url: str) -> None:
    with warehouse.transaction() as session:
        session.add(LockHolderRow(psa="t", holder="somebody", since=MOMENT))
    again = Warehouse(warehouse_url)
    with again.transaction() as session:
        assert session.get_one(LockHolderRow, "t").holder == "somebody"
    again.close()


def test_processes_that_open_a_new_warehouse_at_once_all_succeed(new_database_url: str) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(another_process(OPEN_WHEN_TOLD, new_database_url)) for _ in range(4)]
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
        session.add(LockHolderRow(psa="t", holder="somebody", since=MOMENT))
        session.flush()
        raise Stop

    with pytest.raises(Stop), warehouse.transaction() as session:
        add_and_stop(session)
    with warehouse.transaction() as session:
        assert session.get(LockHolderRow, "t") is None


def test_an_upgrade_from_the_first_schema_keeps_what_is_in_it(new_database_url: str) -> None:
    with closing(Warehouse(new_database_url)) as warehouse:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(files("cw_pipeline.warehouse") / "migrations"))
        with warehouse.engine.begin() as connection:
            for view in ("v_latest", "v_lines", "v_runs", "v_line_changes"):
                connection.execute(text(f"DROP VIEW {view}"))
            for table in reversed(Base.metadata.sorted_tables):
                table.drop(connection)
            connection.execute(text("DELETE FROM alembic_version"))
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "0001")
            for statement in BEFORE:
                connection.execute(text(statement))
    with closing(Warehouse(new_database_url)) as upgraded, upgraded.transaction() as session:
        assert session.scalars(select(PreviewLineRow.outcome).order_by(PreviewLineRow.position)).all() == [
            "invoice_unclear",
            "created",
        ]
        mapping = session.get_one(CompanyMappingRow, "o")
        assert (mapping.company_id, mapping.agreement_id) == (1, 10)
        assert (mapping.bill_from, mapping.bill_from_chosen) == (Month(2026, 1), False)
        assert (mapping.prorates, mapping.looked_through_at) == (None, None)
        keys = inspect(session.connection())
        assert keys.get_pk_constraint("company_mappings")["constrained_columns"] == ["organization_id"]
        assert keys.get_unique_constraints("company_mappings") == []


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def refusal(url: str) -> str:
    """The sentence with which the warehouse is refused; it has the same tables and rows afterwards."""
    engine = create_engine(url, poolclass=NullPool)
    before = inspect(engine).get_table_names()
    with pytest.raises(SchemaUnusable, match="Nothing was changed") as refused:
        Warehouse(url)
    with pytest.raises(SchemaUnusable, match="Nothing was changed"):
        pending_migrations(url)
    assert inspect(engine).get_table_names() == before
    return str(refused.value)


def test_a_schema_of_a_newer_version_is_refused(new_database_url: str) -> None:
    Warehouse(new_database_url).close()
    execute(new_database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert re.search(r"has the schema 9999, and cw-pipeline .* knows only 0001 to", refusal(new_database_url))


def test_a_warehouse_that_was_restored_in_part_is_refused(new_database_url: str) -> None:
    Warehouse(new_database_url).close()
    execute(new_database_url, "DROP TABLE alembic_version", "DROP TABLE lock_holders")
    assert "restored or migrated in part" in refusal(new_database_url)


def test_a_refused_schema_leaves_no_connection_open(postgres_database_url: str) -> None:
    Warehouse(postgres_database_url).close()
    execute(postgres_database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaUnusable) as refused:
        Warehouse(postgres_database_url)
    assert refused.tb  # and so what it opened is still referred to
    engine = create_engine(postgres_database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        # PostgreSQL's process ends a moment after its client.
        ended = tenacity.Retrying(stop=tenacity.stop_after_delay(10), retry=tenacity.retry_if_result(bool))
        assert ended(connection.scalar, text(others)) == 0


def test_a_migration_that_fails_leaves_the_schema_as_it_was(new_database_url: str) -> None:
    Warehouse(new_database_url).close()
    first, *others = revisions()
    assert pending_migrations(new_database_url) == []
    # The second migration finds its table already there.
    execute(new_database_url, f"UPDATE alembic_version SET version_num = '{first}'")
    with pytest.raises(DatabaseUnreachable):
        Warehouse(new_database_url)
    assert pending_migrations(new_database_url) == others


def test_what_is_pending_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    assert pending_migrations(f"sqlite:///{tmp_path}/warehouse.db") == revisions()
    assert list(tmp_path.iterdir()) == []
