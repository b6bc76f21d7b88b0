"""How the jobs of the life cycle refuse: with a sentence, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, IntegrationRow, OrganizationRow, ProductMappingRow
from cw_pipeline_tests.orchestration.job_runs import (
    ORGANIZATION,
    TWO_PRODUCTS,
    map_companies,
    mapped,
    refusal,
    rows,
    run,
    state,
    told_of_mapping,
)

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


@pytest.mark.parametrize(
    ("right", "named"),
    [
        (Right.COMPANY_INQUIRE, "Companies > Company Maintenance: Inquire"),
        (Right.TABLE_SETUP_INQUIRE, "System > Table Setup: Inquire"),
        (Right.CATALOG_INQUIRE, "Procurement > Product Catalog: Inquire"),
        (Right.AGREEMENTS_INQUIRE, "Finance > Agreements: Inquire"),
    ],
)
def test_a_missing_right_is_named_and_nothing_is_connected(
    sandbox: Sandbox, instance: dg.DagsterInstance, right: Right, named: str
) -> None:
    sandbox.connectwise.set_role(SEED_ROLE - {right})
    assert refusal(run(instance, "connect"), "check_connection") == (
        f"Nothing was saved, because the API member's security role lacks: {named}. Add it in ConnectWise under System "
        "> Security Roles and run the job connect again. The integration stays not connected."
    )
    assert rows(IntegrationRow) == []
    assert told_of_mapping(instance) == []


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        pytest.param({"business": "NO-SUCH-SEAT"}, "There is no product NO-SUCH-SEAT (search", id="unknown product"),
        pytest.param({"business": "SEC-BUNDLE"}, "SEC-BUNDLE (6) cannot be mapped to Business", id="bundle"),
    ],
)
def test_products_that_cannot_be_mapped_are_refused_and_the_mapping_stays(
    instance: dg.DagsterInstance, config: dict[str, object], sentence: str
) -> None:
    assert refusal(run(instance, "map_products", "choose_products", config), "choose_products").startswith(sentence)
    assert {row.plan: row.product_id for row in rows(ProductMappingRow)} == {"Business": 3, "Enterprise": 4}


def test_products_are_not_mapped_before_connecting(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    result = run(instance, "map_products", "choose_products", TWO_PRODUCTS)
    assert "the job connect" in refusal(result, "choose_products")
    assert sandbox.journal.writes() == []


def test_an_import_of_an_unknown_type_is_refused_with_the_choices(active: Active, instance: dg.DagsterInstance) -> None:
    companies = {row.id for row in rows(CompanyRow)}
    config = {"types": ["Customer"], "statuses": ["Active"]}
    sentence = refusal(run(instance, "import_companies", "imported_companies", config), "imported_companies")
    assert "Customer" in sentence
    assert "Client" in sentence
    assert {row.id for row in rows(CompanyRow)} == companies
    assert len(mapped()) == len(active.mapped)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"agreement": "Nothing"}, "There is no agreement of ", id="no such agreement"),
        pytest.param({"bill_from": "March"}, "bill_from: ", id="not a month"),
        pytest.param({"bill_from": "2024-12"}, "2024-12 is before 2025-01", id="a month that is never synced"),
        pytest.param({"bill_from": "2999-01"}, "2999-01 is in the future", id="a month in the future"),
        pytest.param({"organization": "Nobody"}, "There is no organization Nobody.", id="unknown organization"),
    ],
)
def test_a_refused_mapping_leaves_the_others_alone(
    active: Active, instance: dg.DagsterInstance, changed: dict[str, str], sentence: str
) -> None:
    before, one = mapped(), active.mapped[0]
    config = {
        "company": str(one.company_id),
        "agreement": str(one.agreement_id),
        "organization": one.organization_id,
        "bill_from": "2026-01",
        **changed,
    }
    assert sentence in refusal(map_companies(instance, "map", config), "choose_organizations")
    assert mapped() == before
    assert told_of_mapping(instance) == []


def test_a_second_organization_needs_a_warning_accepted_and_a_name_to_unmap(
    active: Active, instance: dg.DagsterInstance
) -> None:
    one = active.mapped[0]
    managed = (row.id for row in rows(OrganizationRow) if row.msp_managed)
    another = next(row for row in managed if row not in active.organization_ids)
    company = {"company": str(one.company_id)}
    config = {**company, "agreement": str(one.agreement_id), "organization": another}
    assert "already. That stays" in refusal(map_companies(instance, "map", config), "choose_organizations")
    assert map_companies(instance, "map", config, accept_warnings=True).success
    unnamed = refusal(map_companies(instance, "unmap", company), "choose_organizations")
    assert "has several organizations" in unnamed
    assert "organization in the Launchpad" in unnamed
    assert map_companies(instance, "unmap", {**company, "organization": one.organization_id}).success
    assert mapped()[one.company_id][1] == another


def test_an_empty_list_is_refused_until_its_warning_is_accepted(
    active: Active, sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    for agreement in sandbox.connectwise.records("agreements"):
        sandbox.connectwise.remove("agreements", agreement["id"])
    sentence = refusal(run(instance, "import_companies"), "agreements")
    assert sentence.startswith("The agreements were not imported. ConnectWise lists 0 agreements")
    assert "accept_warnings in the Launchpad" in sentence
    assert all(row.gone_at is None for row in rows(AgreementRow))
    assert run(instance, "import_companies", "agreements", {"accept_warnings": True}).success
    assert all(row.gone_at is not None for row in rows(AgreementRow))
    assert len(mapped()) == len(active.mapped)


@pytest.mark.usefixtures("active")
def test_one_thing_at_a_time_is_done_with_mappings(instance: dg.DagsterInstance) -> None:
    config = {"unmap": [{"company": "1"}], "apply_file": "m.csv"}
    sentence = refusal(run(instance, "map_companies", "choose_organizations", config), "choose_organizations")
    assert sentence == "Nothing was changed. Give one of unmap and apply_file."


def test_a_mapping_file_with_a_fault_is_refused_as_a_whole(
    active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    file = tmp_path / "mappings.csv"
    assert map_companies(instance, "write_file", str(file)).success
    with file.open("a", encoding="utf-8") as handle:
        handle.write("999999,Nobody,1001,,,,\r\n")
    sentence = refusal(map_companies(instance, "apply_file", str(file)), "choose_organizations")
    assert "was not applied, not even in part" in sentence
    assert len(mapped()) == len(active.mapped)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"contact_email": "nobody"}, "contact_email: "), ({"name": " "}, "name: "), ({"country": "A\nB"}, "country: ")],
    ids=["email", "name", "country"],
)
def test_an_organization_with_a_fault_is_refused_and_not_added(
    sandbox: Sandbox, instance: dg.DagsterInstance, changed: dict[str, str], named: str
) -> None:
    sentence = refusal(
        run(instance, "add_organization", "add_to_nordpass", {**ORGANIZATION, **changed}), "add_to_nordpass"
    )
    assert sentence.startswith(f"The organization was not added. {named}")
    assert sandbox.journal.entries() == []


def test_an_existing_backup_file_is_not_overwritten_and_everything_stays_mapped(
    active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.csv"
    backup.write_text("kept", encoding="utf-8")
    config = {"confirm_company": COMPANY_ID, "backup_file": str(backup)}
    sentence = refusal(run(instance, "disconnect", "remove_mappings", config), "remove_mappings")
    assert "cannot be written" in sentence
    assert backup.read_text(encoding="utf-8") == "kept"
    assert (len(mapped()), state()) == (len(active.mapped), State.ACTIVE)
    assert told_of_mapping(instance) == []


def test_disconnecting_needs_the_connected_company_s_id(active: Active, instance: dg.DagsterInstance) -> None:
    sentence = refusal(
        run(instance, "disconnect", "remove_mappings", {"confirm_company": "another"}), "remove_mappings"
    )
    assert sentence.startswith(f"Nothing was changed: the connected company is {COMPANY_ID}, not another.")
    assert (len(mapped()), state()) == (len(active.mapped), State.ACTIVE)
