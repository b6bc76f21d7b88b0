"""How a mapped agreement is billed: what can be mapped, what was accepted, and what is reported when that changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.facts import Terms
from cw_pipeline.reports.status import status
from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.errors import MappingFileRefused, MappingRefused, WarningsNotAccepted
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow
from cw_pipeline_tests.setup.actions import FIRST, apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import mapped_at, mappings, write
from cw_pipeline_tests.support.rows import BEFORE, NOW, agreement, mapping, organization, put

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

MONTHLY = Terms(cycle="Monthly", period_type="Current", parent_agreement_id=None, prorates=False)


def accepted(warehouse: Warehouse, company_id: int = 1) -> Terms | None:
    with warehouse.transaction() as session:
        return session.query(CompanyMappingRow).filter_by(company_id=company_id).one().terms


def edit(warehouse: Warehouse, agreement_id: int, **fields: object) -> None:
    with warehouse.transaction() as session:
        for name, value in fields.items():
            setattr(session.get_one(AgreementRow, agreement_id), name, value)


def changed(warehouse: Warehouse) -> tuple[str, ...]:
    return status(warehouse, first_month=FIRST, now=NOW).agreement_changed


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cycle": None}, "has no billing cycle that recurs"),
        ({"cycle": "NotRecurring"}, "has no billing cycle that recurs"),
        ({"cycle": "Weekly"}, "is billed Weekly, so a month's seats would be on several invoices"),
        ({"cycle": "BiWeekly"}, "is billed BiWeekly"),
        ({"cycle": "Quarterly", "prorates": True}, "billed Quarterly, for the period Current, prorated"),
        ({"parent_agreement_id": 11, "prorates": True}, "with its parent 11, prorated"),
        ({"prorates": None}, "was not imported yet: run `cw-pipeline import`"),
    ],
)
def test_an_agreement_that_cannot_bill_a_month_fully_is_not_mapped(
    fields: dict[str, object], why: str, msp: Warehouse, tmp_path: Path
) -> None:
    put(msp, agreement(13, 1, name="Odd", **fields))
    with pytest.raises(MappingRefused, match=why):
        map_company(msp, 1, "Odd", "org-acme", accept_warnings=True)
    with pytest.raises(MappingFileRefused, match=why):
        apply_mappings(msp, write(tmp_path / "m.csv", "1,,13,,org-acme,,"), accept_warnings=True)
    assert mappings(msp) == {}


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        *(({"cycle": cycle}, f"is billed {cycle}") for cycle in ("BiMonthly", "Quarterly", "SemiAnnual", "Yearly")),
        ({"cycle": "Fortnightly"}, r"has an unknown billing cycle \(Fortnightly\)"),
        ({"parent_agreement_id": 11}, "is a child of 11"),
    ],
)
def test_an_agreement_with_a_warning_is_mapped_once_it_is_accepted(
    fields: dict[str, object], warning: str, msp: Warehouse
) -> None:
    put(msp, agreement(13, 1, name="Odd", **fields))
    with pytest.raises(WarningsNotAccepted, match=warning):
        map_company(msp, 1, "Odd", "org-acme")
    assert mappings(msp) == {}
    mapped = map_company(msp, 1, "Odd", "org-acme", accept_warnings=True)
    assert len(mapped.warnings) == 1
    assert mappings(msp)[1][0] == 13
    assert map_company(msp, 1, "Odd", "org-acme", bill_from=Month(2026, 1)).changed
    assert map_company(msp, 1, 11, "org-acme").warnings == ()


def test_a_prorated_monthly_agreement_is_mapped_with_its_terms(msp: Warehouse) -> None:
    put(msp, agreement(13, 1, name="Prorated", billing_cycle="Quarterly", prorates=True, period_type="Future"))
    map_company(msp, 1, 13, "org-acme")
    assert accepted(msp) == Terms(cycle="Monthly", period_type="Future", parent_agreement_id=None, prorates=True)
    assert changed(msp) == ()


@pytest.mark.parametrize(
    "fields", [{"cycle": "Quarterly"}, {"period_type": "Future"}, {"parent_agreement_id": 12}, {"prorates": True}]
)
def test_changed_terms_are_reported_until_they_are_accepted(fields: dict[str, object], msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    edit(msp, 11, **fields)
    (sentence,) = changed(msp)
    assert sentence.startswith("The agreement Managed (11) of Acme (1) is billed ")
    assert "`cw-pipeline companies map 1 --agreement 11 --organization org-acme`" in sentence

    later = NOW + timedelta(days=1)
    with pytest.raises(WarningsNotAccepted, match="was billed Monthly, for the period Current, not prorated when"):
        map_company(msp, 1, 11, "org-acme", now=later)
    assert accepted(msp) == MONTHLY
    assert map_company(msp, 1, 11, "org-acme", accept_warnings=True, now=later).changed
    assert changed(msp) == ()
    assert mapped_at(msp, 1) == later
    assert not map_company(msp, 1, 11, "org-acme", now=later).changed


def test_an_agreement_that_became_weekly_cannot_be_accepted(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    edit(msp, 11, cycle="Weekly")
    (sentence,) = changed(msp)
    assert "or map the company to another agreement" in sentence
    with pytest.raises(MappingRefused, match="is billed Weekly"):
        map_company(msp, 1, 11, "org-acme", accept_warnings=True)
    assert accepted(msp) == MONTHLY


def test_a_row_of_a_file_that_changes_nothing_accepts_nothing(msp: Warehouse, tmp_path: Path) -> None:
    map_company(msp, 1, 11, "org-acme")
    edit(msp, 11, cycle="Quarterly")
    file = tmp_path / "m.csv"
    applied = apply_mappings(msp, write(file, "1,,11,,org-acme,,2026-03"), accept_warnings=True)
    assert (applied.unchanged, accepted(msp)) == (1, MONTHLY)
    with pytest.raises(WarningsNotAccepted, match=r"Row 2: The agreement Managed \(11\) was billed Monthly"):
        apply_mappings(msp, write(file, "1,,11,,org-acme,,2026-02"))


@pytest.fixture
def imported(warehouse: Warehouse, client: ConnectWiseClient) -> Warehouse:
    connect(client, warehouse)
    import_companies(client, warehouse, [], [])
    import_agreements(client, warehouse)
    put(warehouse, organization("org-1", "One"))
    return warehouse


def test_the_billing_cycle_comes_from_its_options_not_its_name(
    imported: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.connectwise.update("billing_cycles", 2, {"name": "Quarterly"})
    sandbox.connectwise.edit_agreement(1002, billingCycle=5)
    sandbox.connectwise.update("billing_cycles", 5, {"name": "Monthly"})
    import_agreements(client, imported)
    with imported.transaction() as session:
        rows = {row.id: (row.billing_cycle, row.cycle) for row in session.query(AgreementRow)}
    assert (rows[1001], rows[1002]) == (("Quarterly", "Monthly"), ("Monthly", "Quarterly"))


@pytest.mark.parametrize(
    "edit_of_a_person",
    [{"billingCycle": 1}, {"periodType": "Future"}, {"prorateFlag": True}, {"parentAgreement": {"id": 1002}}],
)
def test_the_import_reports_mapped_agreements_with_changed_terms(
    edit_of_a_person: dict[str, object], imported: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    map_company(imported, 101, 1001, "org-1")
    assert import_agreements(client, imported).agreement_changed == ()
    sandbox.connectwise.edit_agreement(1001, **edit_of_a_person)
    (sentence,) = import_agreements(client, imported).agreement_changed
    assert sentence.startswith("The agreement Managed Services (1001) of Abbott & Lane LLP (101) is ")
    assert changed(imported) == (sentence,)


def test_a_mapping_without_terms_gets_them_at_the_next_import(imported: Warehouse, client: ConnectWiseClient) -> None:
    put(imported, mapping(101, 1001, "org-1", "2026-01"))
    assert accepted(imported, 101) is None
    assert import_agreements(client, imported).agreement_changed == ()
    assert accepted(imported, 101) == MONTHLY
    assert mapped_at(imported, 101) == BEFORE
