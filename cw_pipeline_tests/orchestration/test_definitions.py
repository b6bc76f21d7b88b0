"""What Dagster loads: without an environment, and without leaning on what is not finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.resources import named_systems
from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.settings import Systems
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.tables import Base
from cw_pipeline_tests.orchestration.job_runs import state

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox

PROJECT = Path(__file__).parents[2]
DG = Path(sys.executable).with_name("dg")


def program(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program in the project's folder, with this environment and nothing else."""
    return subprocess.run(
        list(command),
        cwd=PROJECT,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_dg_loads_the_project_with_an_empty_environment() -> None:
    checked = program(DG, "check", "defs")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.endswith("All definitions loaded successfully.\n")


def test_dg_lists_the_project_without_a_preview_warning() -> None:
    listed = program(DG, "list", "defs", "--json", PYTHONWARNINGS="always")
    assert listed.returncode == 0, listed.stderr
    assert "BetaWarning" not in listed.stderr
    assert "PreviewWarning" not in listed.stderr
    found = {
        kind: {one.get("name", one.get("asset_key")) for one in all_of}
        for kind, all_of in json.loads(listed.stdout).items()
    }
    assert "connectwise_push" in found["assets"]
    assert "sync_now" in found["jobs"]
    assert "monthly_sync_schedule" in found["schedules"]


def test_dg_launches_a_job(sandbox: Sandbox, tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    environment = {**sandbox.environment(), "CW_PIPELINE_HOME": str(tmp_path), "DAGSTER_HOME": str(home)}
    launched = program(DG, "launch", "--job", "connect", **environment)
    assert launched.returncode == 0, launched.stderr
    assert state() == State.CONNECTED


def test_the_assets_depend_on_each_other_in_one_direction() -> None:
    graph = defs.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "connection": set(),
        "connectwise/products": set(),
        "mapped_products": {"connectwise/products"},
        "connectwise/companies": set(),
        "imported_companies": {"connectwise/companies"},
        "connectwise/agreements": set(),
        "agreements": {"imported_companies", "connectwise/agreements"},
        "nordpass/organizations": set(),
        "organizations": {"nordpass/organizations"},
        "mapped_organizations": {"agreements", "organizations"},
        "nordpass/usage_reports": set(),
        "monthly_usage": {"nordpass/usage_reports"},
        "push_preview": {"monthly_usage", "mapped_organizations", "mapped_products"},
        "connectwise_push": {"push_preview"},
        "month_report": {"connectwise_push"},
        "connectwise/additions": {"connectwise_push"},
        "drift": {"connectwise_push", "connectwise/additions"},
        "closed_months": {"connectwise_push"},
        "connectwise/invoices": set(),
        "reconciliation": {"connectwise_push", "connectwise/invoices"},
    }


def test_the_catalog_has_groups_owners_versions_and_tables() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        if key.path[0] in {"connectwise", "nordpass"}:
            assert asset.group_name == ("3_sync" if key.path[1] == "additions" else "0_sources")
            continue
        assert asset.group_name in {"1_connect", "2_map", "3_sync", "4_watch"}
        assert asset.owners == ["team:billing"]
        assert asset.code_version
        assert asset.kinds
        assert asset.tags["started_by"] in {"person", "schedule"}
        if asset.group_name != "4_watch" and key.path[-1] != "month_report":
            (table,) = [one for one in Base.metadata.sorted_tables if one.name == asset.metadata["dagster/table_name"]]
            columns = asset.metadata["dagster/column_schema"].columns
            assert [column.name for column in columns] == table.columns.keys()
            keys = {column.name for column in table.columns if column.primary_key or column.foreign_keys}
            assert {column.name for column in columns if not column.description} <= keys


def test_the_resource_says_which_company_and_which_source_it_opens(sandbox: Sandbox) -> None:
    described = defs.get_repository_def().get_top_level_resources()["access"].description
    assert described is not None
    assert "ConnectWise: the company " in described
    assert named_systems(Systems()) == (
        f"ConnectWise: the company `{COMPANY_ID}` at `{sandbox.url}`. NordPass: the Provider API at "
        f"`{os.environ['NORDPASS_API_URL']}`."
    )
    exports = Systems(nordpass_api_url=None, nordpass_usage_dir=Path("/usage"))
    assert named_systems(exports).endswith("NordPass: the exports in `/usage`.")


def test_there_is_a_job_for_every_act() -> None:
    jobs = {job.name for job in defs.resolve_all_job_defs()} - {"__ASSET_JOB"}
    assert jobs == {
        "monthly_sync",
        "sync_now",
        "approve",
        "preview",
        "compare",
        "reconcile",
        "import_companies",
        "connect",
        "map_products",
        "map_companies",
        "lines_by_hand",
        "add_organization",
        "accept_lines",
        "release_lines",
        "undo",
        "rebuild",
        "disconnect",
        "daily_checks",
        "recent_usage",
    }


def test_every_config_field_says_what_it_is_for() -> None:
    for job in defs.resolve_all_job_defs():
        for node in job.nodes:
            schema = node.definition.config_schema
            assert schema is not None
            for name, field in getattr(schema.as_field().config_type, "fields", {}).items():
                assert field.description, f"{job.name}: {name}"


def test_months_are_closed_calendar_months_in_utc() -> None:
    for asset in ("monthly_usage", "push_preview", "connectwise_push", "month_report"):
        months = defs.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
        assert isinstance(months, dg.MonthlyPartitionsDefinition)
        assert months.get_partition_keys()[0] == "2025-01"
        assert months.timezone == "UTC"
        assert months.end_offset == 0
