"""What happens to the warehouse as a whole: it is lost, or restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cw_pipeline.sync.outdated_warehouse import RecordedPush
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.support.rows import Rows


@dataclass(frozen=True)
class Backup:
    """A copy of the warehouse, and what there was outside of it when it was made."""

    rows: Rows
    recorded: dict[Month, RecordedPush]
    """What Dagster's storage said."""
    known_pushes: frozenset[tuple[Month, str]]
    lines: dict[int, tuple[Any, ...]]
    """Our lines in ConnectWise, each as far as the ledger accounts for it."""


SET_UP = ("integration", "products", "product_mappings", "companies", "agreements", "organizations", "company_mappings")
"""What people enter again, as it was, after the warehouse was lost."""
