from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.errors import NotConnected, UnknownChoice
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow
from cw_pipeline_tests.setup.conftest import mappings
from cw_pipeline_tests.support.rows import mapping, organization, put

if TYPE_CHECKING:
    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse


@pytest.fixture
def connected(warehouse: Warehouse, client: ConnectWiseClient) -> Warehouse:
    connect(client, warehouse)
    return warehouse


def companies(warehouse: Warehouse) -> dict[int, CompanyRow]:
    with warehouse.transaction() as session:
        return {row.id: row for row in session.query(CompanyRow)}


def agreements(warehouse: Warehouse) -> dict[int, AgreementRow]:
    with warehouse.transaction() as session:
        return {row.id: row for row in session.query(AgreementRow)}


def map_to_an_organization(warehouse: Warehouse) -> None:
    """Company 101, on its agreement 1001."""
    put(warehouse, organization("org-1", "One"), mapping(101, 1001, "org-1", "2026-01"))


def test_companies_are_imported_by_type_and_status_whatever_the_capitals(
    connected: Warehouse, client: ConnectWiseClient
) -> None:
    report = import_companies(client, connected, ["CLIENT", "partner"], [" active "])
    assert report.types == ("Client", "Partner")
    assert report.total == len(report.new) == len(companies(connected))
    assert all(row.status == "Active" for row in companies(connected).values())
    assert all({"Client", "Partner"} & set(row.types) for row in companies(connected).values())
    assert companies(connected)[112].types == ["Client", "Partner"]


def test_more_than_a_thousand_companies_and_their_agreements_all_arrive(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, ["Client"], ["Active"])
    template = next(row for row in sandbox.connectwise.records("companies") if row["id"] in companies(connected))
    paper = sandbox.connectwise.records("agreements")[0]
    for number in range(1050):
        company = {**template, "id": 5000 + number, "identifier": f"many{number}", "name": f"Many {number}"}
        sandbox.connectwise.insert("companies", company)
        reference = {"id": company["id"], "identifier": company["identifier"], "name": company["name"]}
        sandbox.connectwise.insert("agreements", {**paper, "id": 50000 + number, "company": reference})
    sandbox.journal.clear()

    report = import_companies(client, connected)
    assert len(report.new) == 1050
    assert {row for row in companies(connected) if row >= 5000} == set(range(5000, 6050))
    assert len(import_agreements(client, connected).new) >= 1050
    assert {row for row in agreements(connected) if row >= 50000} == set(range(50000, 51050))
    lists = [entry for entry in sandbox.journal.entries() if entry.path.endswith("/company/companies")]
    assert len(lists) == 3  # the second page is long enough to have been cut, so that a third one is asked for


def test_an_unreadable_record_stops_no_import_and_is_not_gone(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, ["Client"], ["Active"])
    import_agreements(client, connected)
    known = companies(connected)[104].name
    for path, record, members in (
        ("/company/companies$", 104, {"name": None}),
        ("/finance/agreements$", 1004, {"billStartDate": "soon"}),
    ):
        sandbox.faults.add(FaultKind.SPOILED, path=path, times=None, record=record, members=members)
    sandbox.connectwise.edit_company(116, name="Another name")

    report = import_companies(client, connected)
    assert (report.gone, [one.id for one in report.changed]) == ((), [116])
    (sentence,) = report.unreadable
    assert sentence.startswith("Company 104 cannot be read: name: ")
    assert (companies(connected)[104].name, companies(connected)[104].gone_at) == (known, None)
    of_agreements = import_agreements(client, connected)
    assert of_agreements.gone == ()
    (sentence,) = of_agreements.unreadable
    assert sentence.startswith("Agreement 1004 cannot be read: billStartDate: ")
    assert agreements(connected)[1004].gone_at is None


def test_an_agreement_with_an_unreadable_id_is_reported_and_none_gone(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, ["Client"], ["Active"])
    import_agreements(client, connected)
    sandbox.faults.add(FaultKind.SPOILED, path="/finance/agreements$", times=None, record=1004, members={"id": None})
    report = import_agreements(client, connected)
    (sentence,) = report.unreadable
    assert sentence.startswith("An agreement cannot be read: id: ")
    assert report.gone == ()
    assert agreements(connected)[1004].gone_at is None


def test_deleted_companies_are_left_out(connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox) -> None:
    import_companies(client, connected, [], [])
    deleted = {row["id"] for row in sandbox.connectwise.records("companies") if row["deletedFlag"]}
    assert deleted
    assert not deleted & companies(connected).keys()


def test_names_arrive_as_they_are(connected: Warehouse, client: ConnectWiseClient) -> None:
    import_companies(client, connected, [], [])
    names = {row.name for row in companies(connected).values()}
    assert {'O\'Brien "Best", Ltd', "شركة النخيل", "Red Lantern Catering 🏮"} <= names
    assert max(map(len, names)) == 156


def test_the_choice_is_remembered(connected: Warehouse, client: ConnectWiseClient) -> None:
    first = import_companies(client, connected, ["Partner"])
    again = import_companies(client, connected)
    assert (again.types, again.statuses) == (("Partner",), ())
    assert (again.kept, again.total, again.new) == (first.total, first.total, ())


def test_without_a_choice_the_choices_are_listed_and_nothing_imported(
    connected: Warehouse, client: ConnectWiseClient
) -> None:
    with pytest.raises(UnknownChoice, match=r"not chosen yet.*Former client.*Credit hold"):
        import_companies(client, connected)
    assert companies(connected) == {}


def test_an_unknown_name_is_refused_with_the_valid_ones(connected: Warehouse, client: ConnectWiseClient) -> None:
    import_companies(client, connected, ["Partner"])
    with pytest.raises(UnknownChoice, match=r"no company type Customer. Choose one of: Client,"):
        import_companies(client, connected, ["Customer"])
    with pytest.raises(UnknownChoice, match=r"no company status Open. Choose one of: Active,"):
        import_companies(client, connected, [], ["Open"])
    assert import_companies(client, connected).types == ("Partner",)


def test_a_remembered_type_that_is_gone_does_not_mean_all(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, ["Partner"])
    sandbox.connectwise.remove("company_types", 4)
    with pytest.raises(UnknownChoice, match="no longer exist"):
        import_companies(client, connected)


def test_an_import_reports_changes_and_keeps_mappings(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, [], [])
    import_agreements(client, connected)
    map_to_an_organization(connected)
    sandbox.connectwise.edit_company(101, deletedFlag=True)
    sandbox.connectwise.edit_company(102, name="Acorn Vets")
    sandbox.connectwise.insert(
        "companies", {**sandbox.connectwise.records("companies")[2], "id": 9001, "name": "Newco"}
    )

    report = import_companies(client, connected)
    assert report.new == (Named(9001, "Newco"),)
    assert report.changed == (Named(102, "Acorn Vets"),)
    assert report.gone == report.gone_but_mapped == (Named(101, "Abbott & Lane LLP"),)
    assert report.kept == report.total - 2
    assert companies(connected)[101].gone_at is not None
    assert mappings(connected) == {101: (1001, "org-1", "2026-01")}

    sandbox.connectwise.edit_company(101, deletedFlag=False)
    back = import_companies(client, connected)
    assert back.changed == (Named(101, "Abbott & Lane LLP"),)
    assert companies(connected)[101].gone_at is None


def test_agreements_of_every_status_are_imported_with_their_terms(
    connected: Warehouse, client: ConnectWiseClient
) -> None:
    import_companies(client, connected, [], [])
    report = import_agreements(client, connected)
    imported = agreements(connected)
    assert report.total == len(imported)
    assert {row.status for row in imported.values()} == {"Active", "Cancelled", "Expired", "Inactive"}
    assert {row.billing_cycle for row in imported.values()} == {"Monthly", "None"}
    assert any(row.parent_agreement_id for row in imported.values())
    assert any(row.next_invoice_date is None for row in imported.values())


def test_only_agreements_of_imported_companies_are_imported(connected: Warehouse, client: ConnectWiseClient) -> None:
    import_companies(client, connected, ["Partner"])
    import_agreements(client, connected)
    assert {row.company_id for row in agreements(connected).values()} <= companies(connected).keys()


def test_a_gone_agreement_is_reported_and_its_mapping_kept(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    import_companies(client, connected, [], [])
    import_agreements(client, connected)
    map_to_an_organization(connected)
    sandbox.connectwise.remove("agreements", 1001)
    sandbox.connectwise.edit_agreement(1003, cancelledFlag=True)

    report = import_agreements(client, connected)
    assert [row.id for row in report.gone] == [row.id for row in report.gone_but_mapped] == [1001]
    assert [row.id for row in report.changed] == [1003]
    assert agreements(connected)[1003].status == "Cancelled"
    assert mappings(connected)
    assert import_agreements(client, connected).gone == ()


def test_agreements_of_a_company_outside_the_selection_are_not_gone(
    connected: Warehouse, client: ConnectWiseClient
) -> None:
    import_companies(client, connected, [], [])
    import_agreements(client, connected)
    import_companies(client, connected, ["Partner"])
    assert import_agreements(client, connected).gone == ()


def test_nothing_is_imported_before_connecting(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    with pytest.raises(NotConnected):
        import_companies(client, warehouse, [], [])
    with pytest.raises(NotConnected):
        import_agreements(client, warehouse)
    assert not sandbox.journal.entries()
