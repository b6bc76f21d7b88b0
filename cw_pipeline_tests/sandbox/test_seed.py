from datetime import date

from cw_pipeline.sandbox import Sandbox
from cw_pipeline_tests.sandbox.conftest import TODAY, Api


def test_two_sandboxes_of_a_day_hold_the_same(shared: Sandbox) -> None:
    other = Sandbox(today=TODAY)
    assert other.connectwise.snapshot() == Sandbox(today=date(2026, 4, 30)).connectwise.snapshot()
    assert other.nordpass.usage("2026-03") == shared.nordpass.usage("2026-03")


def test_companies_have_every_kind_of_name_type_and_status(reader: Api) -> None:
    companies = reader.rows("/company/companies", pageSize=1000)
    names = [company["name"] for company in companies]
    assert len([company for company in companies if not company["deletedFlag"]]) >= 60
    assert max(map(len, names)) == 156
    for text in ("'", '"', ",", "&", "%", "🏮", "شركة", "株式会社", "Ż"):
        assert any(text in name for name in names), text
    assert len({company["status"]["name"] for company in companies}) == 4
    assert len({kind["name"] for company in companies for kind in company["types"]}) == 5
    deleted = [company for company in companies if company["deletedFlag"]]
    assert len(deleted) == 3
    assert all(names.count(company["name"]) == 2 for company in deleted)


def test_agreements_are_in_every_state(reader: Api) -> None:
    agreements = reader.rows("/finance/agreements", pageSize=1000)
    assert {agreement["agreementStatus"] for agreement in agreements} == {"Active", "Cancelled", "Expired", "Inactive"}
    assert any("parentAgreement" in agreement for agreement in agreements)
    assert any(agreement["billingCycle"]["name"] == "None" for agreement in agreements)
    active = [agreement for agreement in agreements if agreement["agreementStatus"] == "Active"]
    next_dates = {agreement["nextInvoiceDate"][:10] for agreement in active if "nextInvoiceDate" in agreement}
    assert {"2026-04-01", "2026-03-01", "2026-02-15", "2026-04-15", "2026-05-01"} <= next_dates
    assert any(agreement["prorateFlag"] for agreement in active)
    assert any("nextInvoiceDate" not in agreement and "billStartDate" in agreement for agreement in active)
    assert any("nextInvoiceDate" not in agreement and "billStartDate" not in agreement for agreement in active)
    assert any(agreement.get("billStartDate", "") > "2026-04-01T" for agreement in active)


def test_the_seeded_lines_are_other_vendors_lines(shared: Sandbox) -> None:
    lines = shared.connectwise.records("additions")
    assert len(lines) > 50
    assert [line for line in lines if line.get("serialNumber", "").startswith("NP:")] == []


def test_the_catalog_has_what_may_not_be_mapped(reader: Api) -> None:
    items = reader.rows("/procurement/catalog", conditions="identifier contains 'NORDPASS'")
    assert [(item["identifier"], item["inactiveFlag"]) for item in items] == [
        ("NORDPASS-BUS", False),
        ("NORDPASS-ENT", False),
        ("NORDPASS-2022", True),
    ]
    assert len(reader.rows("/procurement/catalog", conditions="productClass = 'Bundle'")) == 1


def test_organizations_are_of_every_kind(shared: Sandbox) -> None:
    organizations = shared.nordpass.organizations()
    assert len(organizations) >= 60
    licenses = [organization["license_type"] for organization in organizations]
    assert (licenses.count("NFR"), licenses.count("Trial")) == (1, 3)
    assert {organization["plan"] for organization in organizations} == {"Business", "Enterprise"}
    assert any(organization["status"] == "Suspended" for organization in organizations)
    assert any(not organization["msp_managed"] for organization in organizations)
    assert max(len(organization["id"]) for organization in organizations) > 37


def test_usage_has_empty_rows_and_a_changed_plan(shared: Sandbox) -> None:
    months = [f"2025-{month:02d}" for month in range(4, 13)] + ["2026-01", "2026-02", "2026-03"]
    reports = [shared.nordpass.usage(month) for month in months]
    assert any(row["consumed_licenses"] == 0 for rows in reports for row in rows)
    plans: dict[str, set[str]] = {}
    for row in (row for rows in reports for row in rows):
        plans.setdefault(row["organization_id"], set()).add(row["plan"])
    assert [kinds for kinds in plans.values() if len(kinds) > 1] == [{"Business", "Enterprise"}]
