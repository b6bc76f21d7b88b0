from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.audit import recorded_acts
from cw_pipeline.integration.errors import MappingRefused, NotConnected, UnknownChoice, WarningsNotAccepted
from cw_pipeline.integration.mapping import map_company, unmap_company
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.tables import Agreement, Company, Integration, Organization
from cw_pipeline_tests.integration.conftest import NOW, acts, agreement, company, mapped_at, mappings, organization, put


def test_ids_and_exact_names_map_the_same(msp: Warehouse) -> None:
    by_id = map_company(msp, 1, 12, "org-a", now=NOW)
    by_name = map_company(msp, "Acme", "Security", "Acme", now=NOW)
    assert (by_id.changed, by_name.changed) == (True, False)
    assert mappings(msp) == {1: (12, "org-a", "2026-03")}
    assert map_company(msp, "1", "12", "org-a", now=NOW).company_name == "Acme"


def test_billing_begins_with_the_last_closed_month_unless_said_otherwise(msp: Warehouse) -> None:
    assert map_company(msp, 2, 21, "org-b", now=NOW).bill_from == Month(2026, 3)
    assert map_company(msp, 3, 31, "org-c", bill_from=Month(2025, 2), now=NOW).bill_from == Month(2025, 2)


def test_a_move_to_another_agreement_keeps_the_first_month_and_one_to_another_organization_does_not(
    msp: Warehouse,
) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2025, 6), now=NOW)
    assert map_company(msp, 1, 12, "org-a", now=NOW).bill_from == Month(2025, 6)
    assert map_company(msp, 1, 12, "org-b", now=NOW).bill_from == Month(2026, 3)


def test_mapping_the_same_again_keeps_its_time_and_a_change_renews_it(msp: Warehouse) -> None:
    later = NOW + timedelta(days=3)
    map_company(msp, 1, 11, "org-a", now=NOW)
    map_company(msp, 1, 11, "org-a", now=later)
    assert mapped_at(msp, 1) == NOW
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 1), now=later)
    assert mapped_at(msp, 1) == later


def test_an_agreement_of_another_company_is_refused(msp: Warehouse) -> None:
    with pytest.raises(MappingRefused, match=r"the agreement Managed \(21\) belongs to another company \(2\)"):
        map_company(msp, 1, 21, "org-a", now=NOW)
    assert mappings(msp) == {}


@pytest.mark.parametrize("status", ["Cancelled", "Expired", "Inactive", "Unknown"])
def test_an_agreement_that_is_not_active_is_refused(status: str, msp: Warehouse) -> None:
    put(msp, agreement(13, 1, name="Old", status=status))
    with pytest.raises(MappingRefused, match=status):
        map_company(msp, 1, "Old", "org-a", now=NOW)


def test_an_organization_that_is_not_msp_managed_is_refused(msp: Warehouse) -> None:
    put(msp, organization("org-x", "Elsewhere", msp_managed=False))
    with pytest.raises(MappingRefused, match="not MSP-managed"):
        map_company(msp, 1, 11, "Elsewhere", now=NOW)


def test_an_organization_that_another_company_has_is_refused_naming_that_company(msp: Warehouse) -> None:
    map_company(msp, 2, 21, "org-b", now=NOW)
    with pytest.raises(MappingRefused, match=r"the company Bolt \(2\) has it"):
        map_company(msp, 1, 11, "org-b", now=NOW)
    assert mappings(msp) == {2: (21, "org-b", "2026-03")}


def test_ambiguous_names_are_refused_listing_the_ids(msp: Warehouse) -> None:
    put(msp, company(4, "Acme"), agreement(41, 4), agreement(42, 4), organization("org-a2", "Acme"))
    with pytest.raises(UnknownChoice, match=r"Acme \(1\), Acme \(4\)"):
        map_company(msp, "Acme", 11, "org-a", now=NOW)
    with pytest.raises(UnknownChoice, match=r"Managed \(41\), Managed \(42\)"):
        map_company(msp, 4, "Managed", "org-a", now=NOW)
    with pytest.raises(UnknownChoice, match=r"Acme \(org-a\), Acme \(org-a2\)"):
        map_company(msp, 1, 11, "Acme", now=NOW)


def test_unknown_names_are_refused_listing_what_there_is(msp: Warehouse) -> None:
    with pytest.raises(UnknownChoice, match=r"no company Acne. Choose one of: Acme \(1\), Bolt \(2\), Core \(3\)"):
        map_company(msp, "Acne", 11, "org-a", now=NOW)
    with pytest.raises(UnknownChoice, match=r"no agreement of Acme Support.*Managed \(11\), Security \(12\)"):
        map_company(msp, 1, "Support", "org-a", now=NOW)
    with pytest.raises(UnknownChoice, match="no organization org-z"):
        map_company(msp, 1, 11, "org-z", now=NOW)


def test_at_most_twenty_choices_are_listed(msp: Warehouse) -> None:
    put(msp, *(company(100 + number, f"Company {number:03}") for number in range(40)))
    with pytest.raises(UnknownChoice, match="and 23 more") as refused:
        map_company(msp, "nobody", 11, "org-a", now=NOW)
    assert str(refused.value).count("(") == 20
    assert len(refused.value.choices) == 43


@pytest.mark.parametrize("gone", [(Company, 1), (Agreement, 11), (Organization, "org-a")])
def test_what_is_gone_cannot_be_mapped(
    gone: tuple[type[Company | Agreement | Organization], int | str], msp: Warehouse
) -> None:
    with msp.transaction() as session:
        session.get_one(*gone).gone_at = NOW
    with pytest.raises((MappingRefused, UnknownChoice)):
        map_company(msp, 1, 11, "org-a", now=NOW)
    assert mappings(msp) == {}


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"billing_cycle": None}, "billing cycle None, not Monthly"),
        ({"billing_cycle": "Quarterly"}, "billing cycle Quarterly, not Monthly"),
        ({"parent_agreement_id": 11}, "is a child of 11"),
    ],
)
def test_an_agreement_that_may_be_billed_otherwise_is_mapped_only_once_its_warning_is_accepted(
    fields: dict[str, object], warning: str, msp: Warehouse
) -> None:
    put(msp, agreement(13, 1, name="Odd", end_date=date(2027, 1, 1), **fields))
    with pytest.raises(WarningsNotAccepted, match=warning):
        map_company(msp, 1, "Odd", "org-a", now=NOW)
    assert mappings(msp) == {}
    mapped = map_company(msp, 1, "Odd", "org-a", accept_warnings=True, now=NOW)
    assert len(mapped.warnings) == 1
    assert warning in mapped.warnings[0]
    assert mappings(msp)[1][0] == 13
    assert map_company(msp, 1, "Odd", "org-a", bill_from=Month(2026, 1), now=NOW).changed
    assert map_company(msp, 1, 11, "org-a", now=NOW).warnings == ()


@pytest.mark.parametrize("asked", [1, "Acme"])
def test_a_company_that_the_last_import_did_not_find_is_refused_with_what_to_do(
    asked: int | str, msp: Warehouse
) -> None:
    with msp.transaction() as session:
        session.get_one(Company, 1).gone_at = NOW
    with pytest.raises(MappingRefused, match="not of the chosen types and statuses: import with those"):
        map_company(msp, asked, 11, "org-a", now=NOW)


def test_a_company_is_unmapped_even_if_it_is_gone(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", now=NOW)
    with msp.transaction() as session:
        session.get_one(Company, 1).gone_at = NOW
    unmapped = unmap_company(msp, "Acme")
    assert (unmapped.company_id, unmapped.organization_id) == (1, "org-a")
    assert mappings(msp) == {}
    with pytest.raises(UnknownChoice, match="no mapped company Acme"):
        unmap_company(msp, "Acme")


def test_nothing_is_mapped_or_unmapped_while_disconnected(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", now=NOW)
    with msp.transaction() as session:
        session.get_one(Integration, 1).state = "disconnected"
    with pytest.raises(NotConnected):
        map_company(msp, 2, 21, "org-b", now=NOW)
    with pytest.raises(NotConnected):
        unmap_company(msp, 1)
    assert mappings(msp).keys() == {1}


@pytest.mark.parametrize("name", ['O\'Brien "Best", Ltd', "Red Lantern 🏮", "شركة النخيل", "x" * 156, "12345678901234"])
def test_any_name_can_be_used(name: str, msp: Warehouse) -> None:
    put(msp, company(5, name), agreement(51, 5, name=name), organization("org-n", name))
    mapped = map_company(msp, name, name, name, now=NOW)
    assert (mapped.company_name, mapped.agreement_name, mapped.organization_name) == (name, name, name)
    assert mappings(msp)[5] == (51, "org-n", "2026-03")


def test_the_audit_says_who_mapped_what_and_how_it_was_before(warehouse_url: str, msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", now=NOW)
    another = Warehouse(warehouse_url, who="Ada on desk-7")
    map_company(another, 1, 12, "org-a", now=NOW)
    unmap_company(another, 1)
    another.close()
    first = {"agreement_id": 11, "organization_id": "org-a", "bill_from": "2026-03"}
    moved = {**first, "agreement_id": 12}
    assert acts(msp) == [
        ("map company", "1", None, first),
        ("map company", "1", first, moved),
        ("unmap company", "1", moved, None),
    ]
    with msp.transaction() as session:
        assert [act.who for act in recorded_acts(session)] == ["unknown", "Ada on desk-7", "Ada on desk-7"]


def test_an_act_that_is_refused_leaves_no_entry_in_the_audit(msp: Warehouse) -> None:
    with pytest.raises(MappingRefused):
        map_company(msp, 1, 21, "org-a", now=NOW)
    assert acts(msp) == []


def test_of_two_acts_at_the_same_time_one_waits_and_sees_what_the_other_did(msp: Warehouse) -> None:
    both_ready = Barrier(2)

    def map_to_the_same_organization(pair: tuple[int, int]) -> str:
        both_ready.wait(timeout=10)
        try:
            map_company(msp, *pair, "org-a", now=NOW)
        except MappingRefused as refused:
            return str(refused)
        return "mapped"

    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            results = sorted(threads.map(map_to_the_same_organization, [(1, 11), (2, 21)]), key=len)
            assert results[0] == "mapped"
            assert "has it" in results[1]
            unmap_company(msp, next(iter(mappings(msp))))
