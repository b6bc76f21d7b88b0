from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.setup.errors import MappingFileRefused, NotConnected, NotPossible, WarningsNotAccepted
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, IntegrationRow
from cw_pipeline_tests.setup.actions import apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import HEADER, faults_of, logged, map_all, mapped_at, mappings, write
from cw_pipeline_tests.support.rows import NOW, agreement, company, organization, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.warehouse.database import Warehouse


def test_every_company_is_exported_with_what_it_is_mapped_to(msp: Warehouse, file: Path) -> None:
    map_company(msp, 2, 21, "org-bolt", bill_from=Month(2025, 7))
    exported = export_mappings(msp, file)
    assert (exported.mapped, exported.suggested, exported.unmapped) == (1, 0, 2)
    assert file.read_bytes().startswith(b"\xef\xbb\xbfcompany_id,")
    assert file.read_text(encoding="utf-8-sig").splitlines() == [
        HEADER,
        "1,Acme,,,,,",
        "2,Bolt,21,Managed,org-bolt,Bolt,2025-07",
        "3,Core,,,,,",
    ]


def test_an_export_applied_unchanged_changes_nothing(msp: Warehouse, file: Path) -> None:
    map_all(msp)
    export_mappings(msp, file)
    applied = apply_mappings(msp, file, now=NOW + timedelta(days=9))
    assert (applied.mapped, applied.remapped, applied.unmapped, applied.unchanged) == (0, 0, 0, 3)
    assert mapped_at(msp, 1) == NOW


def test_a_row_that_changes_nothing_is_not_checked(msp: Warehouse, file: Path) -> None:
    map_all(msp)
    export_mappings(msp, file)
    with msp.transaction() as session:
        session.get_one(AgreementRow, 11).status = "Expired"
        session.get_one(CompanyRow, 2).gone_at = NOW
    assert apply_mappings(msp, file).unchanged == 3


def test_rows_map_remap_and_unmap_and_leave_other_companies_alone(msp: Warehouse, file: Path) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2025, 6))
    map_company(msp, 3, 31, "org-core")
    put(msp, company(4, "Dyne"), agreement(41, 4), organization("org-dyne", "Dyne"))
    map_company(msp, 4, 41, "org-dyne")
    applied = apply_mappings(
        msp, write(file, "1,Acme,12,Security,org-acme,Acme,", "2,Bolt,21,,org-bolt,,2026-01", "3,Core,,,,,")
    )
    assert (applied.mapped, applied.remapped, applied.unmapped, applied.unchanged) == (1, 1, 1, 0)
    assert mappings(msp) == {
        1: (12, "org-acme", "2025-06"),
        2: (21, "org-bolt", "2026-01"),
        4: (41, "org-dyne", "2026-03"),
    }


def test_two_organizations_can_be_swapped_and_three_rotated(msp: Warehouse, file: Path) -> None:
    map_all(msp)
    apply_mappings(msp, write(file, "1,,11,,org-bolt,,2026-03", "2,,21,,org-acme,,2026-03"))
    assert {number: row[1] for number, row in mappings(msp).items()} == {1: "org-bolt", 2: "org-acme", 3: "org-core"}
    apply_mappings(msp, write(file, "1,,11,,org-core,,", "2,,21,,org-bolt,,", "3,,31,,org-acme,,"))
    assert {number: row[1] for number, row in mappings(msp).items()} == {1: "org-core", 2: "org-bolt", 3: "org-acme"}


def test_one_file_moves_an_organization_from_an_unmapped_company(msp: Warehouse, file: Path) -> None:
    map_company(msp, 1, 11, "org-acme")
    apply_mappings(msp, write(file, "2,,21,,org-acme,,", "1,,,,,,"))
    assert mappings(msp) == {2: (21, "org-acme", "2026-03")}


def test_every_faulty_row_is_named_and_nothing_is_applied(msp: Warehouse, file: Path) -> None:
    put(
        msp,
        organization("org-elsewhere", "Elsewhere", msp_managed=False),
        agreement(13, 1, name="Old", status="Expired"),
    )
    faults = faults_of(
        msp,
        write(
            file,
            "3,Core,31,Managed,org-core,Core,2026-03",
            "99,,11,,org-acme,,",
            "one,,11,,org-acme,,",
            ",,11,,org-acme,,",
            "1,,x,,org-acme,,",
            "1,,11,,,,",
            "2,,99,,org-bolt,,",
            "2,,21,,org-nowhere,,",
            "2,,21,,org-bolt,,March",
            "2,too,,,,,,many",
            "1,,31,,org-acme,,",
            "1,,13,,org-acme,,",
            "1,,11,,org-elsewhere,,",
        ),
    )
    text = "\n".join(faults)
    for fault in (
        "row 3: there is no company 99",
        "row 4: company_id one is not a number",
        "row 5: company_id is empty",
        "row 6: agreement_id x is not a number",
        "row 7: agreement_id and organization_id are needed, both",
        "row 8: there is no agreement 99",
        "row 9: there is no organization org-nowhere",
        "row 10: 'March' is not a month",
        "row 11: 7 cells are expected, 8 found",
        "row 12: the agreement Managed (31) belongs to another company (3)",
        "row 13: the agreement Old (13) is Expired",
        "row 14: the organization Elsewhere (org-elsewhere) is not MSP-managed",
    ):
        assert fault in text
    assert "row 2:" not in text


def test_rows_that_claim_the_same_organization_are_each_refused(msp: Warehouse, file: Path) -> None:
    map_company(msp, 3, 31, "org-core")
    assert faults_of(msp, write(file, "1,,11,,org-acme,,", "2,,21,,org-acme,,")) == (
        "row 2: the organization org-acme is the company Bolt (2)'s",
        "row 3: the organization org-acme is the company Acme (1)'s",
    )
    assert faults_of(msp, write(file, "1,,11,,org-core,,")) == (
        "row 2: the organization org-core is the company Core (3)'s",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "row 1: the header has to be"),
        ("company_id,agreement_id\n1,11\n", "row 1: the header has to be"),
        (f'{HEADER}\n1,"Acme,11,,org-acme,,\n', "it is not CSV"),
    ],
)
def test_what_is_not_a_mapping_file_is_refused(text: str, fault: str, msp: Warehouse, file: Path) -> None:
    file.write_text(text)
    assert fault in faults_of(msp, file)[0]


def test_a_file_that_is_not_there_is_refused(msp: Warehouse, file: Path) -> None:
    assert "cannot be read (No such file" in faults_of(msp, file)[0]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_not_waited_for(
    make: Callable[[Path], None], msp: Warehouse, file: Path
) -> None:
    make(file)
    assert faults_of(msp, file) == ("it is not a file",)


def test_a_file_larger_than_any_mapping_file_is_refused_unread(msp: Warehouse, file: Path) -> None:
    with file.open("wb") as handle:
        handle.truncate(1 << 40)
    assert faults_of(msp, file) == ("it is larger than 16777216 bytes",)


@pytest.mark.parametrize(
    "text",
    [
        "\0" * 100_000,
        "x" * 1_000_000,
        "," * 1_000_000,
        f"{HEADER}\n" + "\n" * 100_000,
        f"{HEADER}\n" + "9" * 1_000_000 + ",,,,,,",
        f"{HEADER}\n1,,11,," + "x" * 1_000 + ",,",
        f"{HEADER}\n1,,11,,org-acme\0,,",
    ],
    ids=["zeros", "a letter", "columns", "rows", "a number", "an id", "a zero"],
)
def test_a_hostile_file_is_refused_and_its_message_short(text: str, msp: Warehouse, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(MappingFileRefused) as error:
        apply_mappings(msp, file)
    assert len(str(error.value)) < 1_000
    assert mappings(msp) == {}


def test_a_file_that_cannot_be_written_is_refused(msp: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="Is a directory"):
        export_mappings(msp, tmp_path)


def test_nothing_is_applied_while_disconnected(msp: Warehouse, file: Path) -> None:
    with msp.transaction() as session:
        session.get_one(IntegrationRow, 1).state = State.DISCONNECTED
    with pytest.raises(NotConnected):
        apply_mappings(msp, write(file, "1,,11,,org-acme,,"))
    assert mappings(msp) == {}


def test_the_names_of_another_connectwise_s_companies_are_noticed(msp: Warehouse, file: Path) -> None:
    write(file, "1,Zenith Farms,11,,org-acme,,", "2,BOLT Inc.,21,,org-bolt,,", "3,C\ufffdre,31,,org-core,,")
    with pytest.raises(WarningsNotAccepted) as refused:
        apply_mappings(msp, file)
    (warning,) = refused.value.warnings
    assert warning.startswith("Row 2: The file calls the company 1 Zenith Farms, but it is Acme")
    assert mappings(msp) == {}


def test_rows_with_a_warning_map_nothing_until_it_is_accepted(msp: Warehouse, file: Path) -> None:
    put(msp, agreement(13, 1, name="Branch", parent_agreement_id=11))
    write(file, "2,,21,,org-bolt,,", "1,,13,,org-acme,,")
    with pytest.raises(WarningsNotAccepted) as refused:
        apply_mappings(msp, file)
    (warning,) = refused.value.warnings
    assert warning.startswith("Row 3: The agreement Branch (13) is a child of 11")
    assert mappings(msp) == {}

    applied = apply_mappings(msp, file, accept_warnings=True)
    assert (applied.mapped, applied.warnings) == (2, (warning,))
    assert apply_mappings(msp, file).unchanged == 2


def test_the_audit_log_has_an_entry_per_organization_that_a_file_changed(msp: Warehouse, file: Path) -> None:
    map_company(msp, 1, 11, "org-acme")
    map_company(msp, 2, 21, "org-bolt")
    map_company(msp, 3, 31, "org-core")
    write(file, "1,,11,,org-bolt,,", "2,,,,,,", "3,,31,,org-core,,")
    apply_mappings(msp, file, accept_warnings=True)
    unmapped, mapped, applied = logged(msp)[3:]
    assert unmapped[:2] == ("unmap company", "1")
    assert (unmapped[2] or {})["organization_id"] == "org-acme"
    assert mapped[:2] == ("map company", "1")
    assert [(one or {})["organization_id"] for one in mapped[2:]] == ["org-bolt", "org-bolt"]
    assert [(one or {})["company_id"] for one in mapped[2:]] == [2, 1]
    assert applied == ("apply mapping file", file.name, None, {"remapped": 1, "unmapped": 1})


def test_certain_suggestions_are_filled_in_and_choices_listed(msp: Warehouse, file: Path) -> None:
    map_company(msp, 3, 31, "org-core")
    put(msp, company(4, "Dyne"), agreement(41, 4), organization("org-dyne", "Dynes"), company(5, "Nobody"))
    exported = export_mappings(msp, file, suggestions=suggest_mappings(msp))
    assert (exported.file, exported.mapped, exported.suggested, exported.unmapped) == (file, 1, 1, 3)
    assert file.read_text(encoding="utf-8-sig").splitlines()[1:] == [
        "1,Acme,,choose: Managed (11); Security (12),org-acme,Acme,",
        "2,Bolt,21,Managed,org-bolt,Bolt,",
        "3,Core,31,Managed,org-core,Core,2026-03",
        "4,Dyne,,choose: Managed (41),,choose: Dynes (org-dyne),",
        "5,Nobody,,,,,",
    ]
    applied = apply_mappings(msp, file)
    assert (applied.mapped, applied.warnings) == (1, ("Row 2: Acme was not mapped: choose its agreement_id.",))
    assert mappings(msp) == {2: (21, "org-bolt", "2026-03"), 3: (31, "org-core", "2026-03")}


def test_a_file_is_named_with_its_whole_path(msp: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert export_mappings(msp, Path("mappings.csv")).file == tmp_path / "mappings.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_can_be_pasted(msp: Warehouse, delimiter: str) -> None:
    rows = [HEADER, "  1,Acme,12,Security,org-acme,Acme,2026-01", "  2,Bolt,21,,org-bolt,,", ""]
    pasted = "\n".join(rows).replace(",", delimiter)
    assert apply_mappings(msp, pasted).mapped == 2
    assert mappings(msp) == {1: (12, "org-acme", "2026-01"), 2: (21, "org-bolt", "2026-03")}
    assert logged(msp)[-1][1] == "pasted CSV"
    with pytest.raises(MappingFileRefused, match=r"^The pasted CSV was not applied, .* row 2: there is no company 99"):
        apply_mappings(msp, f"{HEADER}\n99,,11,,org-acme,,")
