"""A company that carries several organizations, each on an agreement of its own or on the same."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import Line
from cw_pipeline.billing.identity import Identity
from cw_pipeline.reports.listings import companies, gone_mappings
from cw_pipeline.reports.status import status
from cw_pipeline.setup.connection import disconnect
from cw_pipeline.setup.errors import MappingRefused, UnknownChoice, WarningsNotAccepted
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.vocabulary import Month, Plan, State, last_day_of_month
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, IntegrationRow
from cw_pipeline_tests.setup.actions import FIRST, apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import HEADER, faults_of, logged, write
from cw_pipeline_tests.support.rows import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.setup.mapping import Mapped
    from cw_pipeline.warehouse.database import Warehouse

Rows = set[tuple[str, int, int, str]]
MARCH, JUNE = "2026-03", Month(2025, 6)


def rows(warehouse: Warehouse) -> Rows:
    with warehouse.transaction() as session:
        return {
            (one.organization_id, one.company_id, one.agreement_id, str(one.bill_from))
            for one in session.query(CompanyMappingRow)
        }


def add(warehouse: Warehouse, agreement: int = 12, *, accept_warnings: bool = True) -> Mapped:
    """Map the first company to another organization."""
    return map_company(warehouse, 1, agreement, "org-bolt", accept_warnings=accept_warnings)


def have_a_line(warehouse: Warehouse, organization_id: str, number: int, *, kind: EntryKind) -> None:
    """The ledger knows a line of 5 of the organization."""
    identity = Identity(Month(2026, 3), Plan.BUSINESS, organization_id)
    days = (identity.month.first_day, last_day_of_month(identity.month.first_day))
    line = Line(number, 11, 3, identity.serial_number, Decimal(5), *days)
    with warehouse.transaction() as session:
        psa = psa_of(session.get_one(IntegrationRow, 1))
        ledger.append_lines(session, psa, "run", [(identity, line)], kind=kind, at=NOW)


@pytest.fixture
def one(msp: Warehouse) -> Warehouse:
    """The first company has one organization."""
    map_company(msp, 1, 11, "org-acme", bill_from=JUNE)
    return msp


@pytest.fixture
def two(one: Warehouse) -> Warehouse:
    """The first company has two, each on an agreement of its own."""
    add(one)
    return one


BOTH: Rows = {("org-acme", 1, 11, "2025-06"), ("org-bolt", 1, 12, MARCH)}


def test_a_second_organization_is_added_once_that_is_accepted(one: Warehouse) -> None:
    before = rows(one)
    with pytest.raises(WarningsNotAccepted) as refused:
        add(one, accept_warnings=False)
    (warning,) = refused.value.warnings
    assert warning == (
        "The company Acme (1) is billed for Acme (org-acme) already. That stays: each organization is billed on its "
        "own agreement. `cw-pipeline companies unmap 1 --organization org-acme` removes it."
    )
    assert rows(one) == before
    mapped = add(one)
    assert (mapped.changed, mapped.warnings) == (True, (warning,))
    assert rows(one) == BOTH
    assert not add(one, accept_warnings=False).changed  # what the company has is not asked about again


def test_two_organizations_of_a_company_may_have_the_same_agreement(one: Warehouse) -> None:
    add(one, 11)
    assert rows(one) == {("org-acme", 1, 11, "2025-06"), ("org-bolt", 1, 11, MARCH)}


def test_mapping_one_of_several_anew_leaves_the_other_alone(two: Warehouse) -> None:
    map_company(two, 1, 12, "org-acme")
    assert rows(two) == {("org-acme", 1, 12, "2025-06"), ("org-bolt", 1, 12, MARCH)}


def test_to_replace_an_organization_it_is_unmapped_first(one: Warehouse) -> None:
    unmap_company(one, 1, "org-acme")
    add(one, accept_warnings=False)
    assert rows(one) == {("org-bolt", 1, 12, MARCH)}


def test_of_several_organizations_one_must_be_named_to_unmap(two: Warehouse) -> None:
    with pytest.raises(
        UnknownChoice, match=r"several organizations.* Choose one of: Acme \(org-acme\), Bolt \(org-bolt\)"
    ):
        unmap_company(two, 1)
    with pytest.raises(UnknownChoice, match="no organization of Acme Core"):
        unmap_company(two, 1, "Core")
    assert rows(two) == BOTH
    assert unmap_company(two, 1, "Acme").organization_id == "org-acme"
    assert unmap_company(two, 1).organization_id == "org-bolt"


def test_unmapping_reports_the_lines_that_stay_billed(two: Warehouse) -> None:
    have_a_line(two, "org-acme", 71, kind=EntryKind.FOUND)
    have_a_line(two, "org-acme", 72, kind=EntryKind.INVOICED)
    have_a_line(two, "org-bolt", 73, kind=EntryKind.FOUND)
    sentence = unmap_company(two, 1, "org-acme").left_behind or ""
    assert "billed as they are: line 71 of 5 for 2026-03 on agreement 11. Set those to 0" in sentence


@pytest.mark.parametrize("agreement_moved", [True, False])
def test_an_organization_moves_from_a_gone_company_to_its_successor(two: Warehouse, *, agreement_moved: bool) -> None:
    with two.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
        if agreement_moved:
            session.get_one(AgreementRow, 11).company_id = 2
    with two.transaction() as session:
        (about_a, about_b) = gone_mappings(session)
    merged = "`cw-pipeline companies map 2 --agreement 11 --organization org-acme --bill-from 2025-06`"
    assert (merged in about_a) is agreement_moved
    assert "`cw-pipeline companies unmap 1 --organization org-bolt`" in about_b
    mapped = map_company(two, 2, 11 if agreement_moved else 21, "org-acme")
    assert mapped.bill_from == (JUNE if agreement_moved else Month(2026, 3))
    assert {row for row in rows(two) if row[0] == "org-bolt"} == {("org-bolt", 1, 12, MARCH)}
    assert logged(two)[-1][:2] == ("map company", "2")
    assert [(state or {})["company_id"] for state in logged(two)[-1][2:]] == [1, 2]


def test_an_organization_of_a_listed_company_is_refused_with_what_to_do(two: Warehouse) -> None:
    with pytest.raises(MappingRefused, match=r"Acme \(1\) has it; .* unmap 1 --organization org-bolt`"):
        map_company(two, 2, 21, "org-bolt", accept_warnings=True)
    assert rows(two) == BOTH


def test_lists_show_a_company_once_for_each_of_its_organizations(two: Warehouse) -> None:
    with two.transaction() as session:
        listed = [(one.id, one.agreement and one.agreement.id, one.state) for one in companies(session)]
    assert listed == [(1, 11, "mapped"), (1, 12, "mapped"), (2, None, "unmapped"), (3, None, "unmapped")]
    now = status(two, first_month=FIRST, now=NOW)
    assert (now.mapped, now.mapped_organizations) == (1, 2)
    assert (now.unmapped_companies, now.unmapped_organizations) == (2, 1)


# --- the mapping file ---


def test_an_unchanged_file_with_a_row_per_mapping_changes_nothing(two: Warehouse, file: Path) -> None:
    exported = export_mappings(two, file)
    assert (exported.mapped, exported.unmapped) == (2, 2)
    assert file.read_text(encoding="utf-8-sig").splitlines() == [
        HEADER,
        "1,Acme,11,Managed,org-acme,Acme,2025-06",
        "1,Acme,12,Security,org-bolt,Bolt,2026-03",
        "2,Bolt,,,,,",
        "3,Core,,,,,",
    ]
    assert apply_mappings(two, file).unchanged == 4
    assert rows(two) == BOTH


def test_rows_that_give_a_company_another_organization_are_asked_about(one: Warehouse, file: Path) -> None:
    write(file, "1,,11,,org-acme,,", "1,,12,,org-bolt,,", "2,,21,,org-core,,")
    with pytest.raises(WarningsNotAccepted) as refused:
        apply_mappings(one, file)
    (warning,) = refused.value.warnings
    assert warning.startswith("Row 3: The company Acme (1) is billed for Acme (org-acme) already. That stays")
    applied = apply_mappings(one, file, accept_warnings=True)
    assert (applied.mapped, applied.remapped, applied.unmapped, applied.unchanged) == (2, 0, 0, 1)
    assert rows(one) == BOTH | {("org-core", 2, 21, MARCH)}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1,,12,,org-bolt,,", {("org-bolt", 1, 12, MARCH)}),
        ("1,,12,,org-core,,", {("org-core", 1, 12, MARCH)}),
        ("1,,,,,,", set[tuple[str, int, int, str]]()),
    ],
    ids=["left out", "replaced", "all"],
)
def test_leaving_out_an_organization_unmaps_it_after_a_warning(
    text: str, left: Rows, two: Warehouse, file: Path
) -> None:
    have_a_line(two, "org-acme", 71, kind=EntryKind.FOUND)
    write(file, text)
    with pytest.raises(WarningsNotAccepted) as refused:
        apply_mappings(two, file)
    first = refused.value.warnings[0]
    assert first.startswith("Row 2: Acme (1) is no longer mapped to Acme (org-acme).")
    assert "line 71 of 5 for 2026-03 on agreement 11" in first
    assert rows(two) == BOTH
    applied = apply_mappings(two, file, accept_warnings=True)
    assert rows(two) == left
    assert applied.warnings[0] == first


def test_a_row_unmaps_a_company_s_only_organization_without_asking(one: Warehouse, file: Path) -> None:
    have_a_line(one, "org-acme", 71, kind=EntryKind.FOUND)
    (sentence,) = apply_mappings(one, write(file, "1,,,,,,")).warnings
    assert sentence.startswith("Row 2: Acme (1) is no longer mapped to Acme (org-acme). While no company")
    assert rows(one) == set()


def test_the_backup_of_a_disconnection_brings_several_organizations_back(two: Warehouse, file: Path) -> None:
    disconnect(two, file)
    assert rows(two) == set()
    with two.transaction() as session:
        session.get_one(IntegrationRow, 1).state = State.CONNECTED
    with pytest.raises(WarningsNotAccepted, match="Row 3: The company Acme"):
        apply_mappings(two, file)
    assert apply_mappings(two, file, accept_warnings=True).mapped == 2
    assert rows(two) == BOTH


def test_rows_that_contradict_each_other_are_refused(two: Warehouse, file: Path) -> None:
    assert faults_of(two, write(file, "1,,11,,org-acme,,", "1,,,,,,", "1,,12,,org-acme,,", "2,,,,,,", "2,,,,,,")) == (
        "row 3: the company 1 is in other rows, too: only one that stands alone unmaps it",
        "row 4: the company 1 with the organization org-acme is in row 2 already",
        "row 5: the company 2 is in other rows, too: only one that stands alone unmaps it",
        "row 6: the company 2 is in row 5 already",
    )


def test_a_row_takes_an_organization_from_a_company_that_is_gone(two: Warehouse, file: Path) -> None:
    write(file, "2,,21,,org-bolt,,")
    assert faults_of(two, file) == ("row 2: the organization org-bolt is the company Acme (1)'s",)
    with two.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
    assert apply_mappings(two, file).remapped == 1
    assert rows(two) == {("org-acme", 1, 11, "2025-06"), ("org-bolt", 2, 21, MARCH)}
