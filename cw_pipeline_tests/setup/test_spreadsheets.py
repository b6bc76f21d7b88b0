"""What a spreadsheet does to the mapping file, and what the file would do to a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cw_pipeline.nordpass.models import is_id
from cw_pipeline.setup.errors import MappingFileRefused
from cw_pipeline.setup.mapping_csv import Cells, read_rows, write_rows
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline_tests.setup.actions import apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import HEADER, cells, faults_of, mappings, write
from cw_pipeline_tests.support.rows import agreement, company, organization, put

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.warehouse.database import Warehouse


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "'", "\uff1d"])
def test_a_formula_is_written_as_harmless_text_and_read_back(start: str, msp: Warehouse, file: Path) -> None:
    name, organization_id = f'{start}HYPERLINK("https://evil.example";1)', f"{start.strip() or '='}org-1"
    put(msp, company(5, name), agreement(51, 5, name=name), organization(organization_id, name))
    map_company(msp, 5, 51, organization_id)
    before = mappings(msp)

    export_mappings(msp, file)
    for row in cells(file):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\uff1d")) for cell in row.values())
    assert apply_mappings(msp, file).unchanged == 4
    assert mappings(msp) == before


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.sampled_from(f"{SIGNS}\t\r\n '\"\u3000;,|a1é"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS, organization_id=TEXTS.filter(is_id))
def test_no_cell_is_a_formula_and_every_id_is_read_back(name: str, organization_id: str, file: Path) -> None:
    row = Cells("1", name, "11", name, organization_id, name, "2026-03")
    write_rows(file, [row], mode="w")
    text = file.read_text(encoding="utf-8-sig")
    for delimiter in ",;\t":
        for cell in (cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in line):
            assert not cell.strip(' "\t\r\n\u3000').startswith(tuple(SIGNS))
    (read,), faults = read_rows(file)
    assert (read.company_id, read.organization_id, faults) == (1, organization_id, [])


@pytest.mark.parametrize("name", ['O\'Brien "Best", Ltd', "Red; Lantern 🏮", "شركة النخيل", "two\nlines", "x" * 156])
def test_any_name_is_exported_and_the_file_can_be_applied(name: str, msp: Warehouse, file: Path) -> None:
    put(msp, company(5, name), agreement(51, 5, name=name), organization("org-n", name))
    map_company(msp, 5, 51, "org-n")
    export_mappings(msp, file)
    assert name in {row["company_name"] for row in cells(file)}
    assert apply_mappings(msp, file).unchanged == 4


@pytest.mark.parametrize(
    "month", ["2026-01", "Jan-26", "Jan-2026", "01.01.2026", "2026/01", "2026/01/01", "2026-01-01"]
)
def test_a_month_is_read_as_a_spreadsheet_saves_it(month: str, msp: Warehouse, file: Path) -> None:
    apply_mappings(msp, write(file, f"1,,11,,org-acme,,{month}"))
    assert mappings(msp) == {1: (11, "org-acme", "2026-01")}


@pytest.mark.parametrize("month", ["2026-01-15", "01/01/2026", "2026-13", "0"])
def test_a_month_that_is_not_surely_one_is_refused(month: str, msp: Warehouse, file: Path) -> None:
    assert "is not a month" in faults_of(msp, write(file, f"1,,11,,org-acme,,{month}"))[0]


def test_semicolons_another_encoding_and_empty_rows_do_no_harm(msp: Warehouse, file: Path) -> None:
    lines = [HEADER.replace(",", ";"), "1;Café;11;Managed;org-acme;Café;2026-01", ";;;;;;", ""]
    file.write_bytes("\r\n".join(lines).encode("cp1252"))
    assert apply_mappings(msp, file).mapped == 1
    assert mappings(msp) == {1: (11, "org-acme", "2026-01")}


def test_names_without_ids_map_nothing_and_are_warned_of(msp: Warehouse, file: Path) -> None:
    applied = apply_mappings(msp, write(file, "1,Acme,,Managed,,Acme,"))
    assert (applied.unchanged, mappings(msp)) == (1, {})
    assert applied.warnings == ("Row 2: nothing was mapped. Only ids are read; this row has names but no ids.",)


def test_a_spreadsheet_may_leave_out_mostly_empty_columns(msp: Warehouse, file: Path) -> None:
    put(msp, *(company(100 + number, f"Company {number}") for number in range(40)))
    assert export_mappings(msp, file, suggestions=suggest_mappings(msp)).unmapped == 41
    table = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    saved = [row if any(row[2:]) or number < 16 else row[:2] for number, row in enumerate(table)]
    with file.open("w", encoding="utf-8-sig", newline="") as handle:
        csv.writer(handle).writerows(saved)
    assert [len(row) for row in saved].count(2) > 20
    assert apply_mappings(msp, file).mapped == 2


def test_a_row_that_was_cut_short_unmaps_nobody(msp: Warehouse, file: Path) -> None:
    map_company(msp, 1, 11, "org-acme")
    with pytest.raises(MappingFileRefused, match="row 2: its last cells are missing: to unmap the company, leave them"):
        apply_mappings(msp, write(file, "1,Acme"))
    assert mappings(msp).keys() == {1}
