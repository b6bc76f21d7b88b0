"""The jobs of the life cycle: what each does to the warehouse and the sandbox, and how each refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import select

from cw_pipeline.definitions import defs
from cw_pipeline.integration import suggest
from cw_pipeline.integration.access import State
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.warehouse.tables import (
    Act,
    Agreement,
    Company,
    CompanyMapping,
    Integration,
    Organization,
    ProductMapping,
)
from cw_pipeline_tests.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cw_pipeline.integration.suggest import Suggestion
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.warehouse.tables import Base
    from cw_pipeline_tests.active import Active

MAPPED_ORGANIZATIONS = dg.AssetKey("mapped_organizations")
TWO_PRODUCTS = {"business": "NORDPASS-BUS", "enterprise": "4", "confirm": True}
CLIENTS = {"types": ["Client"], "statuses": ["Active"]}
ORGANIZATION = {
    "name": "Newcomer",
    "plan": "Business",
    "license_type": "Standard",
    "contact_email": "it@newcomer.example",
}


def run(
    instance: dg.DagsterInstance, job: str, op: str | None = None, config: Mapping[str, object] | None = None
) -> dg.ExecuteInProcessResult:
    """Run a job, with the config of its op or asset."""
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {op: {"config": dict(config or {})}}} if op else None,
    )


def refusal(result: dg.ExecuteInProcessResult, step: str) -> str:
    """The sentence with which the step refused, and only refused: nothing else went wrong."""
    assert not result.success
    data = result.failure_data_for_node(step)
    assert data is not None
    assert data.error is not None
    assert data.error.cls_name == "Failure"
    assert data.user_failure_data is not None
    description = data.user_failure_data.description or ""
    assert description.endswith(".")
    return description


def rows(table: type[Base]) -> list[Any]:
    """All rows of a table of the warehouse."""
    with Access().warehouse() as warehouse, warehouse.transaction() as session:
        return list(session.scalars(select(table)))


def mapped() -> dict[int, tuple[int, str, str]]:
    """Each mapped company's agreement, organization and first month."""
    return {row.company_id: (row.agreement_id, row.organization_id, row.bill_from) for row in rows(CompanyMapping)}


def state() -> str:
    (integration,) = rows(Integration)
    return integration.state


def told_of_mapping(instance: dg.DagsterInstance) -> list[Any]:
    """How many companies each materialization of `mapped_organizations` says are mapped, oldest first."""
    records = instance.fetch_materializations(MAPPED_ORGANIZATIONS, limit=20, ascending=True).records
    materializations = [record.asset_materialization for record in records]
    return [one.metadata["mapped"].value for one in materializations if one is not None]


def certain_suggestions() -> list[Suggestion]:
    with Access().warehouse() as warehouse:
        return [one for one in suggest.suggest_mappings(warehouse) if one.certain]


def map_companies(instance: dg.DagsterInstance, what: str, config: Mapping[str, object]) -> dg.ExecuteInProcessResult:
    return run(instance, "map_companies", "choose_organizations", {what: dict(config)})


def output_table(result: dg.ExecuteInProcessResult, step: str, name: str) -> list[Any]:
    """A table among what a step's output shows."""
    (output,) = [event for event in result.events_for_node(step) if event.is_successful_output]
    return records(output.step_output_data.metadata[name])


def records(table: object) -> list[Any]:
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]


@pytest.fixture
def either_database(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> None:
    """The warehouse is on each kind of database once."""
    assert sandbox  # whose environment comes first
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", warehouse_url)


@pytest.mark.usefixtures("either_database")
def test_the_jobs_take_a_connection_from_its_beginning_to_its_end(
    sandbox: Sandbox, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert run(instance, "connect").success
    assert state() == State.CONNECTED

    assert run(instance, "map_products", "choose_products", TWO_PRODUCTS).success
    assert {row.plan: row.confirmed_product_id for row in rows(ProductMapping)} == {"Business": 3, "Enterprise": 4}
    assert state() == State.ACTIVE

    assert run(instance, "import_companies", "imported_companies", CLIENTS).success
    assert {row.status for row in rows(Company)} == {"Active"}
    assert {row.company_id for row in rows(Agreement)} <= {row.id for row in rows(Company)}
    assert {row.id for row in rows(Organization)} == {one["id"] for one in sandbox.nordpass.organizations()}
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

    assert map_companies(instance, "unmap", {"company": first.company.name}).success
    assert mapped() == {}
    assert map_companies(instance, "map", one_company).success

    file = {"file": str(tmp_path / "mappings.csv")}
    assert map_companies(instance, "write_file", file).success
    assert map_companies(instance, "apply_file", file).success
    number = len(mapped())
    assert number > 20
    assert mapped()[company_id] == (first.agreement.id, first.organization.id, "2026-03")
    assert {bill_from for _, _, bill_from in mapped().values()} == {"2026-03", str(LAST_CLOSED)}
    assert told_of_mapping(instance)[-1] == number

    open_one = next(row for row in rows(Agreement) if row.status == "Active" and row.company_id not in mapped())
    map_to = {"company": str(open_one.company_id), "agreement": str(open_one.id), "accept_warnings": True}
    assert run(instance, "add_organization", "add_to_nordpass", {**ORGANIZATION, "map_to": map_to}).success
    (added,) = [one for one in sandbox.nordpass.organizations() if one["name"] == "Newcomer"]
    assert (added["plan"], added["license_type"]) == ("Business", "Standard")
    assert mapped()[open_one.company_id] == (open_one.id, added["id"], str(LAST_CLOSED))

    before, backup = mapped(), tmp_path / "backup.csv"
    assert run(instance, "disconnect", "remove_mappings", {"yes": True, "backup_file": str(backup)}).success
    assert (state(), mapped(), rows(ProductMapping)) == (State.DISCONNECTED, {}, [])
    assert told_of_mapping(instance)[-1] == 0

    assert run(instance, "connect").success
    assert map_companies(instance, "apply_file", {"file": str(backup), "accept_warnings": True}).success
    assert mapped() == before
    assert [entry for entry in sandbox.journal.writes() if "/nordpass/" not in entry.path] == []


@pytest.mark.usefixtures("either_database")
def test_every_act_of_a_run_is_in_the_audit_with_the_run_that_did_it(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    assert sandbox
    runs = [
        run(instance, "connect"),
        run(instance, "map_products", "choose_products", TWO_PRODUCTS),
        run(instance, "import_companies", "imported_companies", CLIENTS),
    ]
    connected, chosen, imported = (f"Dagster run {one.run_id}" for one in runs)
    acts = [(act.act, act.subject, act.who) for act in rows(Act)]
    assert acts[:4] == [
        ("connect", rows(Integration)[0].company_id, connected),
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
    rights = output_table(run(instance, "connect"), "check_connection", "rights")
    assert {"right": "Finance > Agreements: Inquire", "state": "held"}.items() <= rights[3].items()
    looked = run(instance, "map_products", "choose_products", {"search": "nordpass"})
    catalog = {row["identifier"]: row for row in output_table(looked, "choose_products", "catalog")}
    assert catalog["NORDPASS-2022"]["cannot_be_mapped_because"] == "it is inactive"
    run(instance, "map_products", "choose_products", TWO_PRODUCTS)
    run(instance, "import_companies", "imported_companies", CLIENTS)
    shown = instance.get_latest_materialization_event(MAPPED_ORGANIZATIONS)
    assert shown is not None
    assert shown.asset_materialization is not None
    metadata = shown.asset_materialization.metadata
    assert metadata["state"].value == "active"
    certain = [one["certain"] for one in records(metadata["suggestions"])].count("yes")
    assert certain == len(certain_suggestions()) > 20
    assert {"companies", "organizations", "latest_acts", "next_tick", "unpushed_months"} <= metadata.keys()


@pytest.mark.usefixtures("either_database")
def test_a_product_is_created_and_mapped_in_the_launchpad(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run(instance, "connect")
    subcategory = sandbox.connectwise.records("subcategories")[0]["name"]
    new = {"plan": "Enterprise", "identifier": "NP-ENT", "subcategory": subcategory, "price": "7.50"}
    assert run(instance, "map_products", "choose_products", {"create": new}).success
    (created,) = [item for item in sandbox.connectwise.records("catalog") if item["identifier"] == "NP-ENT"]
    assert created["price"] == 7.5
    assert {row.plan: row.product_id for row in rows(ProductMapping)} == {"Enterprise": created["id"]}
    wrong = {"plan": "Business", "price": "a lot"}
    sentence = refusal(run(instance, "map_products", "choose_products", {"create": wrong}), "choose_products")
    assert sentence == "'a lot' is not an amount of money. Write it as 4.90."


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
        "> Security Roles and run `cw-pipeline connect` again. The integration stays not connected."
    )
    assert rows(Integration) == []
    assert told_of_mapping(instance) == []


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        pytest.param({"business": "NO-SUCH-SEAT"}, "There is no product NO-SUCH-SEAT.", id="unknown product"),
        pytest.param({"business": "SEC-BUNDLE"}, "SEC-BUNDLE (6) cannot be mapped to Business", id="bundle"),
    ],
)
def test_products_that_cannot_be_mapped_are_refused_and_the_mapping_stays(
    instance: dg.DagsterInstance, config: dict[str, object], sentence: str
) -> None:
    assert refusal(run(instance, "map_products", "choose_products", config), "choose_products").startswith(sentence)
    assert {row.plan: row.product_id for row in rows(ProductMapping)} == {"Business": 3, "Enterprise": 4}


def test_products_are_not_mapped_before_connecting(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    result = run(instance, "map_products", "choose_products", TWO_PRODUCTS)
    assert "cw-pipeline connect" in refusal(result, "choose_products")
    assert sandbox.journal.writes() == []


def test_an_import_of_a_type_that_does_not_exist_is_refused_with_the_choices(
    active: Active, instance: dg.DagsterInstance
) -> None:
    companies = {row.id for row in rows(Company)}
    config = {"types": ["Customer"], "statuses": ["Active"]}
    sentence = refusal(run(instance, "import_companies", "imported_companies", config), "imported_companies")
    assert "Customer" in sentence
    assert "Client" in sentence
    assert {row.id for row in rows(Company)} == companies
    assert len(mapped()) == len(active.mapped)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"agreement": "Nothing"}, "There is no agreement of ", id="no such agreement"),
        pytest.param({"bill_from": "March"}, "bill_from: ", id="not a month"),
        pytest.param({"organization": "Nobody"}, "There is no organization Nobody.", id="unknown organization"),
    ],
)
def test_a_mapping_that_cannot_be_made_is_refused_and_the_others_stay(
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
    assert refusal(map_companies(instance, "map", config), "choose_organizations").startswith(sentence)
    assert mapped() == before
    assert told_of_mapping(instance) == []


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize("config", [{}, {"unmap": {"company": "1"}, "apply_file": {"file": "m.csv"}}])
def test_one_thing_at_a_time_is_done_with_mappings(instance: dg.DagsterInstance, config: dict[str, object]) -> None:
    sentence = refusal(run(instance, "map_companies", "choose_organizations", config), "choose_organizations")
    assert sentence == "Nothing was changed. Give one of map, unmap, write_file and apply_file."


def test_a_mapping_file_with_a_fault_is_refused_as_a_whole(
    active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    file = tmp_path / "mappings.csv"
    assert map_companies(instance, "write_file", {"file": str(file)}).success
    with file.open("a", encoding="utf-8") as handle:
        handle.write("999999,Nobody,1001,,,,\r\n")
    sentence = refusal(map_companies(instance, "apply_file", {"file": str(file)}), "choose_organizations")
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
    config = {"yes": True, "backup_file": str(backup)}
    sentence = refusal(run(instance, "disconnect", "remove_mappings", config), "remove_mappings")
    assert "cannot be written" in sentence
    assert backup.read_text(encoding="utf-8") == "kept"
    assert (len(mapped()), state()) == (len(active.mapped), State.ACTIVE)
    assert told_of_mapping(instance) == []


def test_disconnecting_has_to_be_meant(active: Active, instance: dg.DagsterInstance) -> None:
    sentence = refusal(run(instance, "disconnect", "remove_mappings", {"yes": False}), "remove_mappings")
    assert sentence == "Nothing was changed. Set yes to true if that is meant."
    assert len(mapped()) == len(active.mapped)
