"""The modules that commands call, each imported when it is first used: `rooms.mapping.map_company(...)`.

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
    from cw_pipeline.orchestration.assets import months
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
        systems,
        undo,
    )
    from cw_pipeline.setup import by_hand as by_hand_choices
    from cw_pipeline.sync import reviewed
    from cw_pipeline.warehouse import connection_key, database, previews
    from cw_pipeline.wording import (
        cells,
        commands,
        differences,
        hold_reasons,
        reconciliation,
        seats,
        spreadsheets,
        ways_out,
    )
    from cw_pipeline.wording import changes as changes_in_words
    from cw_pipeline.wording import mappings as mapping_sentences

_PATHS = {
    "accept": "setup.accept",
    "approve": "setup.approve",
    "audit": "setup.audit",
    "by_hand": "reports.by_hand",
    "by_hand_choices": "setup.by_hand",
    "cells": "wording.cells",
    "changes": "reports.changes",
    "changes_in_words": "wording.changes",
    "commands": "wording.commands",
    "connection": "setup.connection",
    "connection_key": "warehouse.connection_key",
    "control": "sandbox.control",
    "database": "warehouse.database",
    "definitions": "definitions",
    "demonstration": "cli.demonstration",
    "differences": "wording.differences",
    "errors": "setup.errors",
    "find_drift": "reports.drift.find",
    "guards": "setup.guards",
    "health": "orchestration.health",
    "hold_reasons": "wording.hold_reasons",
    "imports": "setup.imports",
    "listings": "reports.listings",
    "lookup": "setup.lookup",
    "mapping": "setup.mapping",
    "mapping_file": "setup.mapping_file",
    "mapping_sentences": "wording.mappings",
    "metrics": "orchestration.metrics",
    "models": "nordpass.models",
    "months": "orchestration.assets.months",
    "month_report": "reports.month_report.report",
    "named_faults": "sandbox.named_faults",
    "notifications": "notifications",
    "systems": "setup.systems",
    "organizations": "setup.organizations",
    "previews": "warehouse.previews",
    "products": "setup.products",
    "rebuild": "setup.rebuild",
    "reconcile": "reports.reconcile.reconcile",
    "reconciliation": "wording.reconciliation",
    "release": "setup.release",
    "reviewed": "sync.reviewed",
    "report_files": "reports.month_report.files",
    "runs": "orchestration.runs",
    "sandbox": "sandbox.sandbox",
    "seats": "wording.seats",
    "settings": "settings",
    "setup_assets": "orchestration.assets.setup",
    "spreadsheets": "wording.spreadsheets",
    "status": "reports.status",
    "suggest": "setup.suggest",
    "tenant_file": "tenant_file",
    "undo": "setup.undo",
    "ways_out": "wording.ways_out",
}


def __getattr__(name: str) -> ModuleType:
    """Import the module that is called `name` here."""
    if name not in _PATHS:
        raise AttributeError(name)
    return import_module(f"cw_pipeline.{_PATHS[name]}")
