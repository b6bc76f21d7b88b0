"""Trial months of a mapping: asked for, kept, changed, refused, in the mapping file, and in `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.status import status
from cw_pipeline.setup.errors import MappingFileRefused, MappingRefused
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline_tests.setup.actions import FIRST, apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import mapped_at
from cw_pipeline_tests.support.rows import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.warehouse.database import Warehouse


def trial_months(msp: Warehouse) -> dict[int, int]:
    with msp.transaction() as session:
        return {row.company_id: row.trial_months for row in session.query(CompanyMappingRow)}


def test_new_trial_months_make_the_months_due_again(msp: Warehouse) -> None:
    later = NOW.replace(year=NOW.year + 1)
    mapped = map_company(msp, 1, 11, "org-acme", trial_months=2)
    assert (mapped.trial_months, mapped.changed) == (2, True)
    again = map_company(msp, 1, 11, "org-acme", now=later)
    assert (again.trial_months, again.changed) == (2, False)
    assert mapped_at(msp, 1) == NOW
    ended = map_company(msp, 1, 11, "org-acme", trial_months=0, now=later)
    assert (ended.trial_months, ended.changed) == (0, True)
    assert mapped_at(msp, 1) == later


@pytest.mark.parametrize("months", [-1, 1])
def test_another_first_month_has_no_trial_of_the_earlier_one(msp: Warehouse, months: int) -> None:
    first = Month.last_closed(NOW)
    map_company(msp, 1, 11, "org-acme", bill_from=first, trial_months=1)
    moved = map_company(msp, 1, 11, "org-acme", bill_from=first.plus(months))
    assert (moved.bill_from, moved.trial_months) == (first.plus(months), 0)


@pytest.mark.parametrize("number", [-1, 13])
def test_a_number_of_trial_months_that_cannot_be_is_refused(msp: Warehouse, number: int) -> None:
    with pytest.raises(MappingRefused, match=f"there can be 0 to 12 trial months, not {number}"):
        map_company(msp, 1, 11, "org-acme", trial_months=number)
    assert trial_months(msp) == {}


def test_status_names_a_mapping_with_trial_months_until_they_are_over(msp: Warehouse) -> None:
    first = Month.last_closed(NOW)
    map_company(msp, 1, 11, "org-acme", trial_months=1)
    (sentence,) = status(msp, first_month=FIRST, now=NOW).trial_months
    assert sentence == (
        f"Trial months: Acme (1) with Acme (org-acme) is billed to nobody from {first} to {first}, and billed from "
        f"{first.plus(1)} on."
    )
    assert status(msp, first_month=FIRST, now=first.plus(2).closes_at).trial_months == ()


def test_trial_months_have_a_column_where_a_mapping_has_any(msp: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "mappings.csv"
    map_company(msp, 1, 11, "org-acme", trial_months=2)
    export_mappings(msp, file)
    header, acme, *_ = file.read_text(encoding="utf-8-sig").splitlines()
    assert header.endswith(",bill_from,trial_months")
    assert acme.endswith(",2026-03,2")
    unmap_company(msp, 1)
    apply_mappings(msp, file)
    assert trial_months(msp) == {1: 2}
    file.write_text(file.read_text().replace(",2026-03,2", ",2026-03,"))
    assert apply_mappings(msp, file).unchanged > 0
    file.write_text(file.read_text().replace(",2026-03,", ",2026-03,13"))
    with pytest.raises(MappingFileRefused, match="there can be 0 to 12 trial months, not 13"):
        apply_mappings(msp, file)
    map_company(msp, 1, 11, "org-acme", trial_months=0)
    export_mappings(msp, file)
    assert file.read_text(encoding="utf-8-sig").splitlines()[0].endswith(",bill_from")
