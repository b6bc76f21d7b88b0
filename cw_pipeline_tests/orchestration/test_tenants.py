"""Two tenants of one deployment: each syncs its own months, and what breaks one neither delays nor hides the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from sqlalchemy import NullPool, create_engine, select, text

from cw_pipeline.connectwise import http
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.runs import local_instance
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.settings import Settings
from cw_pipeline.tenant_file import TenantUnusable
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline_tests.orchestration.monthly_runs import failure_of, our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.receivers import web_hook
from cw_pipeline_tests.support.tenants import definitions_of, serving, use_tenants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MONTH = str(LAST_CLOSED)
FOLLOWING = LAST_CLOSED.plus(1)
TICK = datetime(FOLLOWING.year, FOLLOWING.number, 1, 0, 30, tzinfo=UTC)


@dataclass
class Tenants:
    """A deployment of two tenants, each with a sandbox of its own and one month to sync."""

    home: Path
    database_url: str
    sandboxes: dict[str, Sandbox]
    mapped: dict[str, set[str]] = field(default_factory=dict)

    def lines(self, key: str) -> set[str]:
        """The serial numbers of the tenant's lines in its own ConnectWise."""
        return {line["serialNumber"] for line in our_lines(self.sandboxes[key])}

    def ledger(self, key: str) -> list[int]:
        """The additions in the tenant's ledger."""
        with serving(key), Access().warehouse() as warehouse, warehouse.transaction() as session:
            return [found for found in session.scalars(select(LedgerEntry.addition_id)) if found is not None]


@pytest.fixture(scope="module")
def two_sandboxes() -> Iterator[dict[str, Sandbox]]:
    with Sandbox() as acme, Sandbox() as globex:
        yield {"acme": acme, "globex": globex}


@pytest.fixture
def tenants(
    two_sandboxes: dict[str, Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, new_database_url: str
) -> Tenants:
    for sandbox in two_sandboxes.values():
        sandbox.journal.clear()
        sandbox.faults.clear()
    use_tenants(monkeypatch, tmp_path, two_sandboxes, CW_PIPELINE_DATABASE_URL=new_database_url)
    deployment = Tenants(tmp_path, new_database_url, two_sandboxes)
    for companies, key in ((2, "acme"), (3, "globex")):
        with serving(key):
            deployment.mapped[key] = activate(LAST_CLOSED, companies=companies).organization_ids
    return deployment


def tick(defs: dg.Definitions, when: datetime = TICK) -> list[dg.RunRequest]:
    """The runs that a tick of the monthly schedule requests."""
    context = dg.build_schedule_context(
        scheduled_execution_time=when,
        resources={"access": Access()},
        repository_def=defs.get_repository_def(),
    )
    return list(defs.resolve_schedule_def("monthly_sync_schedule").evaluate_tick(context).run_requests or [])


def sync(defs: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """What the tick of the last closed month requests, carried out."""
    (request,) = tick(defs)
    assert request.partition_key == MONTH
    return defs.resolve_job_def("monthly_sync").execute_in_process(
        instance=instance, partition_key=MONTH, raise_on_error=False
    )


def test_each_tenant_syncs_its_own_months_and_sees_nothing_of_the_other(
    tenants: Tenants, instance: dg.DagsterInstance
) -> None:
    for key, other in (("acme", "globex"), ("globex", "acme")):
        asked_before = len(tenants.sandboxes[other].journal.entries())
        with definitions_of(key) as defs:
            done = sync(defs, instance)
            assert done.success
            assert done.dagster_run.tags["tenant"] == key
            assert tick(defs) == []
        assert len(tenants.sandboxes[other].journal.entries()) == asked_before
        assert {line.split(":")[-1] for line in tenants.lines(key)} <= tenants.mapped[key]
        assert len(tenants.ledger(key)) == len(tenants.lines(key)) > 0
        assert instance.get_materialized_partitions(dg.AssetKey([key, "connectwise_push"])) == {MONTH}
    assert tenants.mapped["acme"] != tenants.mapped["globex"]
    assert instance.get_materialized_partitions(dg.AssetKey("connectwise_push")) == set()


def forget_the_key(_tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("ACME_CONNECTWISE_PRIVATE_KEY")
    return "ACME_CONNECTWISE_PRIVATE_KEY is not set"


def lose_connectwise(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(http, "MAX_ATTEMPTS", 1)
    tenants.sandboxes["acme"].faults.add(FaultKind.RESET_BEFORE, times=None)
    return f"{MONTH}: "


def migrate_in_part(tenants: Tenants, _monkeypatch: pytest.MonkeyPatch) -> str:
    engine = create_engine(tenants.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE acme.alembic_version"))
    return "migrated in part"


@pytest.mark.parametrize("new_database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("break_it", [forget_the_key, lose_connectwise, migrate_in_part])
def test_what_breaks_one_tenant_fails_its_run_and_no_other(
    tenants: Tenants,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Tenants, pytest.MonkeyPatch], str],
) -> None:
    sentence = break_it(tenants, monkeypatch)
    with definitions_of("acme") as defs:
        failed = sync(defs, instance)
        assert not failed.success
        assert sentence in failure_of(failed)
    with definitions_of("globex") as defs:
        assert sync(defs, instance).success
    assert instance.get_materialized_partitions(dg.AssetKey(["globex", "connectwise_push"])) == {MONTH}


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_an_alert_goes_to_the_tenants_own_addresses_and_names_it(
    tenants: Tenants, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_hook() as of_all, web_hook() as of_acme:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", of_all.address)
        monkeypatch.setenv("ACME_CW_PIPELINE_NOTIFY", of_acme.address)
        for key in tenants.sandboxes:
            monkeypatch.delenv(f"{key.upper()}_CONNECTWISE_CLIENT_ID")
            with definitions_of(key) as defs:
                sensor = defs.resolve_sensor_def("messages")
                cursor = sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).cursor
                sync(defs, instance)
                sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
        titles = [[message["title"] for message in hook.messages] for hook in (of_acme, of_all)]
        assert titles == [
            [f"cw_pipeline acme: {MONTH} not synced"],
            [f"cw_pipeline globex: {MONTH} not synced"],
        ]
        assert f"or run `cw-pipeline --tenant acme sync --month {MONTH}`" in of_acme.messages[0]["message"]


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_health_and_metrics_are_those_of_one_tenant(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tenants.home / "dagster"))
    for key in ("acme", "globex"):
        with definitions_of(key) as defs, local_instance(tenants.home) as instance:
            health = import_module("cw_pipeline.orchestration.health")
            metrics = import_module("cw_pipeline.orchestration.metrics")
            assert health.collect(Settings(), now=TICK).daily_checks.last_run is None
            defs.resolve_job_def("daily_checks").execute_in_process(instance=instance, raise_on_error=False)
            found = health.collect(Settings(), now=TICK)
            assert found.daily_checks.last_run is not None
            assert f'cw_pipeline_months_due{{tenant="{key}"}} 1.0' in str(metrics.Metrics(found))


def test_assets_pool_and_tag_of_a_tenant_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_tenants(monkeypatch, tmp_path, {"acme": None})
    with definitions_of("acme") as defs:
        graph = defs.resolve_asset_graph()
        keys = graph.get_all_asset_keys()
        assert {key.path[0] for key in keys} == {"acme"}
        assert len(keys) == 20
        assert all(graph.get(key).tags["tenant"] == "acme" for key in keys)
        push = graph.get(dg.AssetKey(["acme", "connectwise_push"]))
        assert push.parent_keys == {dg.AssetKey(["acme", "push_preview"])}
        assert {check.asset_key.path[0] for check in graph.asset_check_keys} == {"acme"}
        (step,) = defs.resolve_job_def("sync_now").nodes
        assert step.definition.pools == {"acme/connectwise_push"}


def test_first_month_and_schedule_are_those_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = use_tenants(monkeypatch, tmp_path, {"acme": None})
    (folder / "acme.yaml").write_text("schedule: {day: 4, hour: 5, minute: 0}\nfirst_month: 2025-09\n")
    with definitions_of("acme") as defs:
        assert defs.resolve_schedule_def("monthly_sync_schedule").cron_schedule == "0 5 4 * *"
        months = defs.resolve_asset_graph().get(dg.AssetKey(["acme", "monthly_usage"])).partitions_def
        assert months is not None
        assert months.get_partition_keys()[0] == "2025-09"


def test_a_process_serves_one_tenant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from cw_pipeline import tenants  # noqa: PLC0415

    use_tenants(monkeypatch, tmp_path, {"acme": None, "globex": None})
    with definitions_of("acme"), pytest.raises(TenantUnusable, match="This process serves acme"):
        tenants.globex  # noqa: B018
