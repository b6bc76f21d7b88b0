"""The modules that commands call, each imported when it is first used: `lazy.mapping.map_company(...)`.

So `--help` and errors of usage do not wait for Dagster, SQLAlchemy and the sandbox, which take seconds to import.
"""
# ruff: noqa: F401
# pyright: reportUnusedImport=false

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from cw_pipeline import definitions, notifications, settings, tenant_file
    from cw_pipeline.cli import demonstration
    from cw_pipeline.nordpass import models
    from cw_pipeline.orchestration import health, metrics, runs
    from cw_pipeline.orchestration.assets import setup as setup_assets
    from cw_pipeline.reports import by_hand, changes, listings, status
    from cw_pipeline.reports.drift import find as find_drift
    from cw_pipeline.reports.month_report import files as report_files
    from cw_pipeline.reports.month_report import report as month_report
    from cw_pipeline.reports.reconcile import reconcile
    from cw_pipeline.sandbox import control, named_faults, sandbox
    from cw_pipeline.setup import (
        accept,
        approve,
        audit,
        clients,
        connection,
        errors,
        guards,
        imports,
        lookup,
        mapping,
        mapping_file,
        organizations,
        products,
        rebuild,
        release,
        suggest,
        undo,
    )
    from cw_pipeline.setup import by_hand as by_hand_choices
    from cw_pipeline.sync import reviewed
    from cw_pipeline.warehouse import database, psa
    from cw_pipeline.warehouse import runs as run_results
    from cw_pipeline.wording import cells, reconciliation

_NAMES = {
    "": "definitions notifications settings tenant_file",
    "cli": "demonstration",
    "nordpass": "models",
    "orchestration": "health metrics runs",
    "reports": "by_hand changes listings status",
    "reports.reconcile": "reconcile",
    "sandbox": "control named_faults sandbox",
    "setup": (
        "accept approve audit clients connection errors guards imports lookup mapping mapping_file organizations "
        "products rebuild release suggest undo"
    ),
    "sync": "reviewed",
    "warehouse": "database psa",
    "wording": "cells reconciliation",
}
"""The names of modules, by their package."""
_PATHS = {name: f"{package}.{name}".lstrip(".") for package, names in _NAMES.items() for name in names.split()} | {
    "by_hand_choices": "setup.by_hand",
    "find_drift": "reports.drift.find",
    "month_report": "reports.month_report.report",
    "report_files": "reports.month_report.files",
    "run_results": "warehouse.runs",
    "setup_assets": "orchestration.assets.setup",
}


def __getattr__(name: str) -> ModuleType:
    """Import the module that is called `name` here."""
    if name not in _PATHS:
        raise AttributeError(name)
    return import_module(f"cw_pipeline.{_PATHS[name]}")
