"""The jobs of the life cycle: what each does to the warehouse and the sandbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from rapidfuzz import process

from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    AuditEntry,
    CompanyRow,
    IntegrationRow,
    OrganizationRow,
    ProductMappingRow,
)
from cw_pipeline_tests.orchestration.job_runs import (
    CLIENTS,
    MAPPED_ORGANIZATIONS,
    ORGANIZATION,
    TWO_PRODUCTS,
    certain_suggestions,
    map_companies,
    mapped,
    refusal,
    rows,
    run,
    shown_table,
    state,
    told_of_mapping,
)
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


@pytest.fixture
def either_database(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> None:
    """The warehouse is on each kind of database once."""
    assert sandbox  # whose environment comes first
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", warehouse_url)


def links_of(instance: dg.DagsterInstance) -> list[str]:
    """The records in ConnectWise that the asset of the mappings has links to."""
    shown = instance.get_latest_materialization_event(MAPPED_ORGANIZATIONS)
    assert shown is not None
    assert shown.asset_materialization is not None
    return re.findall(r"recordType=(\w+&recid=\d+)&", str(shown.asset_materialization.metadata["in_connectwise"].value))


@pytest.mark.usefixtures("either_database")
def test_the_jobs_take_a_connection_from_its_beginning_to_its_end(
    sandbox: Sandbox, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert run(instance, "connect").success
    assert state() == State.CONNECTED

    assert run(instance, "map_products", "choose_products", TWO_PRODUCTS).success
    assert {row.plan: row.confirmed_product_id for row in rows(ProductMappingRow)} == {"Business": 3, "Enterprise": 4}
    assert state() == State.ACTIVE

    assert run(instance, "import_companies", "imported_companies", CLIENTS).success
    assert {row.status for row in rows(CompanyRow)} == {"Active"}
    assert {row.company_id for row in rows(AgreementRow)} <= {row.id for row in rows(CompanyRow)}
    assert {row.id for row in rows(OrganizationRow)} == {one["id"] for one in sandbox.nordpass.organizations()}
    assert told_of_mapping(instance) == [0, 0, 0]

    first = certain_suggestions()[0]
    assert first.agreement is not None
    one_company = {
        "company": first.company.name,
        "agreement": str(first.agreement.id),
        "organization": str(first.organization.id),
        "bill_from": "2026-03",
    }
    assert map_companies(instance, "map", one_company).success
    company_id = int(first.company.id)
    assert mapped() == {company_id: (first.agreement.id, first.organization.id, "2026-03")}
    assert told_of_mapping(instance)[3:] == [1]
    assert links_of(instance) == [f"CompanyFV&recid={company_id}", f"AgreementFV&recid={first.agreement.id}"]

    assert map_companies(instance, "unmap", {"company": first.company.name}).success
    assert mapped() == {}
    assert map_companies(instance, "map", one_company).success

    for act in ("write_file", "apply_file"):
        assert map_companies(instance, act, str(tmp_path / "mappings.csv")).success
    number = len(mapped())
    assert number > 20
    assert mapped()[company_id] == (first.agreement.id, first.organization.id, "2026-03")
    assert {bill_from for _, _, bill_from in mapped().values()} == {"2026-03", str(LAST_CLOSED)}
    assert told_of_mapping(instance)[-1] == number

    open_one = next(row for row in rows(AgreementRow) if row.status == "Active" and row.company_id not in mapped())
    map_to = {"company": str(open_one.company_id), "agreement": str(open_one.id), "accept_warnings": True}
    assert run(instance, "add_organization", "add_to_nordpass", {**ORGANIZATION, **map_to}).success
    (added,) = [one for one in sandbox.nordpass.organizations() if one["name"] == "Newcomer"]
    assert (added["plan"], added["license_type"]) == ("Business", "Standard")
    assert mapped()[open_one.company_id] == (open_one.id, added["id"], str(LAST_CLOSED))

    disconnect_and_return(instance, tmp_path / "backup.csv")
    assert [entry for entry in sandbox.journal.writes() if "/nordpass/" not in entry.path] == []


def disconnect_and_return(instance: dg.DagsterInstance, backup: Path) -> None:
    """The mappings are removed, and come back from their backup."""
    before = mapped()
    assert run(
        instance, "disconnect", "remove_mappings", {"confirm_company": COMPANY_ID, "backup_file": str(backup)}
    ).success
    assert (state(), mapped(), rows(ProductMappingRow)) == (State.DISCONNECTED, {}, [])
    assert told_of_mapping(instance)[-1] == 0

    assert run(instance, "connect").success
    assert map_companies(instance, "apply_file", str(backup), accept_warnings=True).success
    assert mapped() == before


@pytest.mark.usefixtures("either_database")
def test_the_audit_log_names_the_run_of_each_change(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    assert sandbox
    runs = [
        run(instance, "connect"),
        run(instance, "map_products", "choose_products", TWO_PRODUCTS),
        run(instance, "import_companies", "imported_companies", CLIENTS),
    ]
    connected, chosen, imported = (f"Dagster run {one.run_id}" for one in runs)
    acts = [(act.action, act.subject, act.who) for act in rows(AuditEntry)]
    assert acts[:4] == [
        ("connect", rows(IntegrationRow)[0].company_id, connected),
        ("map product", "Business", chosen),
        ("map product", "Enterprise", chosen),
        ("confirm products", "products", chosen),
    ]
    assert sorted(acts[4:]) == [
        ("import", "agreements", imported),
        ("import", "companies", imported),
        ("import", "organizations", imported),
    ]


def test_the_runs_show_what_there_is_to_decide_on(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    assert sandbox
    rights = shown_table(instance, run(instance, "connect"), "rights")
    assert {"right": "Finance > Agreements: Inquire", "state": "held"}.items() <= rights[3].items()
    looked = run(instance, "map_products", "choose_products", {"search": "nordpass"})
    catalog = {row["product"]: row for row in shown_table(instance, looked, "catalog")}
    assert catalog["NORDPASS-2022 (5)"]["cannot_be_mapped_because"] == "it is inactive"
    run(instance, "map_products", "choose_products", TWO_PRODUCTS)
    run(instance, "import_companies", "imported_companies", CLIENTS)
    shown = instance.get_latest_materialization_event(MAPPED_ORGANIZATIONS)
    assert shown is not None
    assert shown.asset_materialization is not None
    metadata = shown.asset_materialization.metadata
    assert metadata["state"].value == "active"
    assert {"companies", "organizations", "latest_acts", "next_tick"} <= metadata.keys()
    assert "unpushed_months" not in metadata  # it would not know of later pushes: the check does
    assert "first_billed_month" not in metadata  # nobody is mapped


def test_suggestions_are_made_only_where_they_are_requested(
    active: Active, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    extract = process.extract

    def counting(name: str, choices: Sequence[str], **options: Any) -> object:  # noqa: ANN401 - handed on as they are
        compared.append(name)
        return extract(name, choices, **options)

    monkeypatch.setattr(process, "extract", counting)
    assert run(instance, "import_companies").success
    assert map_companies(instance, "unmap", {"company": str(active.mapped[0].company_id)}).success
    assert compared == []
    shown = shown_table(instance, run(instance, "map_companies"), "suggestions")
    certain = [one["company"] for one in shown if one["certain"] == "yes"]
    assert certain == [name_and_id(one.company) for one in certain_suggestions()] != []
    assert compared != []


@pytest.mark.usefixtures("either_database")
def test_a_product_is_created_and_mapped_in_the_launchpad(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run(instance, "connect")
    subcategory = sandbox.connectwise.records("subcategories")[0]["name"]
    new = {"plan": "Enterprise", "identifier": "NP-ENT", "subcategory": subcategory, "price": "7.50"}
    assert run(instance, "map_products", "choose_products", {"create": [new]}).success
    (created,) = [item for item in sandbox.connectwise.records("catalog") if item["identifier"] == "NP-ENT"]
    assert created["price"] == 7.5
    assert {row.plan: row.product_id for row in rows(ProductMappingRow)} == {"Enterprise": created["id"]}
    wrong = {"plan": "Business", "price": "a lot"}
    sentence = refusal(run(instance, "map_products", "choose_products", {"create": [wrong]}), "choose_products")
    assert sentence == "'a lot' is not an amount of money. Write it as 4.90."
