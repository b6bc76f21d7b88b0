"""The first month that is billed: which may be named, and the warning about usage that it leaves out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.setup.errors import MappingFileRefused, MappingRefused, WarningsNotAccepted
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.setup.organizations import MapTo
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.setup.actions import FIRST, add_organization, apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import keep_usage, mappings, write
from cw_pipeline_tests.setup.test_organizations import NEW
from cw_pipeline_tests.support.pushes import record
from cw_pipeline_tests.support.rows import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

LEFT_OUT = {"2025-12": 16, "2026-01": 17, "2026-02": 18}


@pytest.fixture
def used(msp: Warehouse) -> Warehouse:
    """Acme used 51 seats in three months before anybody mapped it, and some before any month is synced."""
    keep_usage(msp, {"org-acme": 99}, "2025-12")
    for month, seats in {"2024-12": 9, **LEFT_OUT, "2026-03": 19}.items():
        keep_usage(msp, {"org-acme": seats, "org-bolt": 2}, month)
    return msp


def test_earlier_usage_is_reported_with_the_option_that_bills_it(used: Warehouse) -> None:
    mapped = map_company(used, 1, 11, "org-acme")
    assert (mapped.left_out, mapped.bill_from_chosen) == (LEFT_OUT, False)
    (sentence,) = mapped.warnings
    assert sentence == (
        "51 seats of Acme (org-acme) in 2025-12, 2026-01, 2026-02 are billed to nobody, because 2026-03 is the first "
        "month that is billed. Map the company again with --bill-from 2025-12 to bill them, or with --bill-from "
        "2026-03 if they are not to be."
    )
    assert map_company(used, 1, 12, "org-acme").left_out == LEFT_OUT


@pytest.mark.parametrize("mapped_before", [False, True])
def test_naming_the_first_month_warns_once_of_what_it_leaves_out(
    mapped_before: bool,  # noqa: FBT001 - a parameter of the test
    used: Warehouse,
) -> None:
    if mapped_before:
        map_company(used, 1, 11, "org-acme")
    mapped = map_company(used, 1, 11, "org-acme", bill_from=Month(2026, 3))
    assert (mapped.bill_from_chosen, mapped.changed) == (True, True)
    assert mapped.warnings == (
        (
            "51 seats of Acme (org-acme) in 2025-12, 2026-01, 2026-02 are not billed: "
            "2026-03 was named as the first month."
        ),
    )
    assert map_company(used, 1, 11, "org-acme").bill_from_chosen
    mapped = map_company(used, 1, 11, "org-acme", bill_from=Month(2025, 12))
    assert (mapped.left_out, mapped.warnings) == ({}, ())


def test_a_chosen_first_month_is_the_organization_s_own(used: Warehouse) -> None:
    map_company(used, 1, 11, "org-acme", bill_from=Month(2026, 3))
    mapped = map_company(used, 1, 11, "org-bolt", accept_warnings=True)
    assert (mapped.bill_from_chosen, sum(mapped.left_out.values())) == (False, 6)


@pytest.mark.parametrize("fields", [{"license_type": "Trial"}, {"msp_managed": False}])
def test_usage_that_is_not_billed_by_rule_is_not_left_out(fields: dict[str, object], msp: Warehouse) -> None:
    keep_usage(msp, {"org-acme": 5}, "2026-01", **fields)
    assert map_company(msp, 1, 11, "org-acme").left_out == {}


def test_usage_that_has_a_line_is_not_left_out(used: Warehouse) -> None:
    map_company(used, 1, 11, "org-acme", bill_from=Month(2025, 12))
    record(used, "2026-01", NOW, kind=EntryKind.CONFIRMED)
    unmap_company(used, 1)
    mapped = map_company(used, 2, 21, "org-acme", accept_warnings=True)
    assert mapped.left_out.keys() == {"2025-12", "2026-02"}


LEFT_LINES = (
    "Lines of Acme (org-acme) carry seats for months before 2026-03, the first month that is to be billed: 5 in "
    "2026-01. They stay billed as they are in ConnectWise, and are no longer compared with usage or corrected. To keep "
    "them right, bill from 2026-01 on instead: what they carry counts, and is not billed again."
)


@pytest.fixture
def billed(msp: Warehouse) -> Warehouse:
    """Acme is billed from December on, and has a line of 5 for January."""
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2025, 12))
    record(msp, "2026-01", NOW, kind=EntryKind.CONFIRMED)
    return msp


@pytest.mark.parametrize("unmapped", [False, True])
def test_a_first_month_that_leaves_lines_behind_has_to_be_accepted(
    unmapped: bool,  # noqa: FBT001 - a parameter of the test
    billed: Warehouse,
    tmp_path: Path,
) -> None:
    if unmapped:
        unmap_company(billed, 1)
    before = mappings(billed)
    later = partial(map_company, billed, 1, 11, "org-acme", bill_from=Month(2026, 3))
    file = write(tmp_path / "m.csv", "1,,11,,org-acme,,2026-03")
    with pytest.raises(WarningsNotAccepted) as refused:
        later()
    assert refused.value.warnings == (LEFT_LINES,)
    with pytest.raises(WarningsNotAccepted) as refused:
        apply_mappings(billed, file)
    assert (refused.value.warnings, mappings(billed)) == ((f"Row 2: {LEFT_LINES}",), before)
    assert later(accept_warnings=True).warnings == (LEFT_LINES,)
    assert apply_mappings(billed, file).warnings == ()  # it is so already
    assert later().warnings == ()
    month = Month(2026, 4)
    assert map_company(billed, 1, 12, "org-acme", bill_from=month).warnings == ()


def test_a_first_month_that_leaves_no_seats_behind_is_not_asked_about(billed: Warehouse) -> None:
    map_it = partial(map_company, billed, 1, 11, "org-acme")
    assert map_it(bill_from=Month(2026, 1)).warnings == ()
    record(billed, "2026-01", NOW, kind=EntryKind.CONFIRMED, quantity=0)
    assert map_it(bill_from=Month(2026, 3)).warnings == ()


def test_a_file_warns_by_row_and_reapplying_an_export_chooses_nothing(used: Warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "2,,21,,org-bolt,,2026-03", "1,,11,,org-acme,,")
    chosen, left_out = apply_mappings(used, file).warnings
    assert chosen.startswith(
        "Row 2: 6 seats of Bolt (org-bolt) in 2025-12, 2026-01, 2026-02 are not billed: 2026-03 was"
    )
    assert left_out.startswith("Row 3: 51 seats of Acme (org-acme)")
    assert "--bill-from 2025-12" in left_out
    export_mappings(used, file)
    assert apply_mappings(used, file).unchanged == 3
    assert not map_company(used, 1, 11, "org-acme").bill_from_chosen


@pytest.mark.parametrize(
    ("month", "why"),
    [
        (
            Month(2024, 12),
            r"2024-12 is before 2025-01, the first month that is ever synced \(CW_PIPELINE_FIRST_MONTH\)",
        ),
        (Month(2026, 5), "2026-05 is in the future: bill from 2026-04, which is running, or an earlier month on"),
        (Month(2027, 3), "2027-03 is in the future"),
    ],
)
def test_a_first_month_that_is_never_or_not_yet_synced_is_refused(
    month: Month, why: str, msp: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(MappingRefused, match=why):
        map_company(msp, 1, 11, "org-acme", bill_from=month)
    with pytest.raises(MappingFileRefused, match=f"row 2: {why}"):
        apply_mappings(msp, write(tmp_path / "m.csv", f"1,,11,,org-acme,,{month}"))
    assert mappings(msp) == {}


def test_no_organization_is_added_with_an_impossible_first_month(
    msp: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    with pytest.raises(MappingRefused, match="2024-12 is before 2025-01"):
        add_organization(nordpass, msp, NEW, MapTo(1, 11, Month(2024, 12)))
    assert not sandbox.journal.writes()


@pytest.mark.parametrize("month", [FIRST, Month(2026, 4)])
def test_billing_can_start_from_the_first_synced_to_the_current_month(month: Month, msp: Warehouse) -> None:
    assert map_company(msp, 1, 11, "org-acme", bill_from=month).bill_from == month


def test_by_default_billing_never_starts_before_the_first_synced_month(msp: Warehouse) -> None:
    assert map_company(msp, 1, 11, "org-acme", first_month=Month(2026, 4), now=NOW).bill_from == Month(2026, 4)
