from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from cw_pipeline.setup.audit import audit_log
from cw_pipeline.setup.errors import MappingRefused, NotConnected, UnknownChoice
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, IntegrationRow, OrganizationRow
from cw_pipeline_tests.setup.actions import map_company
from cw_pipeline_tests.setup.conftest import keep_usage, logged, mapped_at, mappings
from cw_pipeline_tests.support.rows import BEFORE, NOW, agreement, company, organization, put


def test_ids_and_exact_names_map_the_same(msp: Warehouse) -> None:
    by_id = map_company(msp, 1, 12, "org-acme")
    by_name = map_company(msp, "Acme", "Security", "Acme")
    assert (by_id.changed, by_name.changed) == (True, False)
    assert mappings(msp) == {1: (12, "org-acme", "2026-03")}
    assert map_company(msp, "1", "12", "org-acme").company_name == "Acme"


def test_billing_begins_with_the_last_closed_month_unless_said_otherwise(msp: Warehouse) -> None:
    assert map_company(msp, 2, 21, "org-bolt").bill_from == Month(2026, 3)
    assert map_company(msp, 3, 31, "org-core", bill_from=Month(2025, 2)).bill_from == Month(2025, 2)


def test_changing_the_agreement_keeps_the_first_month_and_unmapping_forgets_it(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2025, 6))
    assert map_company(msp, 1, 12, "org-acme").bill_from == Month(2025, 6)
    unmap_company(msp, 1)
    assert map_company(msp, 1, 12, "org-acme").bill_from == Month(2026, 3)


def test_only_a_change_renews_a_mapping_s_time(msp: Warehouse) -> None:
    later = NOW + timedelta(days=3)
    map_company(msp, 1, 11, "org-acme")
    map_company(msp, 1, 11, "org-acme", now=later)
    assert mapped_at(msp, 1) == NOW
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 1), now=later)
    assert mapped_at(msp, 1) == later


def test_an_agreement_of_another_company_is_refused(msp: Warehouse) -> None:
    with pytest.raises(MappingRefused, match=r"the agreement Managed \(21\) belongs to another company \(2\)"):
        map_company(msp, 1, 21, "org-acme")
    assert mappings(msp) == {}


@pytest.mark.parametrize("status", ["Cancelled", "Expired", "Inactive", "Unknown"])
def test_an_agreement_that_is_not_active_is_refused(status: str, msp: Warehouse) -> None:
    put(msp, agreement(13, 1, name="Old", status=status))
    with pytest.raises(MappingRefused, match=status):
        map_company(msp, 1, "Old", "org-acme")


def test_an_organization_that_is_not_msp_managed_is_refused(msp: Warehouse) -> None:
    put(msp, organization("org-elsewhere", "Elsewhere", msp_managed=False))
    with pytest.raises(MappingRefused, match="not MSP-managed"):
        map_company(msp, 1, 11, "Elsewhere")


def test_another_company_s_organization_is_refused_naming_the_company(msp: Warehouse) -> None:
    map_company(msp, 2, 21, "org-bolt")
    with pytest.raises(
        MappingRefused, match=r"the company Bolt \(2\) has it; unmap .* unmap 2 --organization org-bolt`"
    ):
        map_company(msp, 1, 11, "org-bolt")
    assert mappings(msp) == {2: (21, "org-bolt", "2026-03")}


def test_ambiguous_names_are_refused_listing_the_ids(msp: Warehouse) -> None:
    put(msp, company(4, "Acme"), agreement(41, 4), agreement(42, 4), organization("org-acme2", "Acme"))
    with pytest.raises(UnknownChoice, match=r"Acme \(1\), Acme \(4\)"):
        map_company(msp, "Acme", 11, "org-acme")
    with pytest.raises(UnknownChoice, match=r"Managed \(41\), Managed \(42\)"):
        map_company(msp, 4, "Managed", "org-acme")
    with pytest.raises(UnknownChoice, match=r"Acme \(org-acme\), Acme \(org-acme2\)"):
        map_company(msp, 1, 11, "Acme")


def test_unknown_names_are_refused_listing_what_there_is(msp: Warehouse) -> None:
    with pytest.raises(UnknownChoice, match=r"no company Acne. Choose one of: Acme \(1\), Bolt \(2\), Core \(3\)"):
        map_company(msp, "Acne", 11, "org-acme")
    with pytest.raises(UnknownChoice, match=r"no agreement of Acme Support.*Managed \(11\), Security \(12\)"):
        map_company(msp, 1, "Support", "org-acme")
    with pytest.raises(UnknownChoice, match="no organization org-nowhere"):
        map_company(msp, 1, 11, "org-nowhere")


def test_of_many_names_only_those_near_to_what_was_typed_are_listed(msp: Warehouse) -> None:
    put(msp, *(company(100 + number, f"Company {number:03}") for number in range(40)))
    put(msp, company(999, "Umbrella & Söhne"))
    with pytest.raises(UnknownChoice, match=r"no company umbrela sohne. The nearest of 44: Umbrella ") as refused:
        map_company(msp, "umbrela sohne", 11, "org-acme")
    assert str(refused.value).count("(") == 1
    assert len(refused.value.choices) == 44
    with pytest.raises(UnknownChoice, match=r"no company xyz. None of the 44 is like it."):
        map_company(msp, "xyz", 11, "org-acme")


@pytest.mark.parametrize("gone", [(CompanyRow, 1), (AgreementRow, 11), (OrganizationRow, "org-acme")])
def test_what_is_gone_cannot_be_mapped(
    gone: tuple[type[CompanyRow | AgreementRow | OrganizationRow], int | str], msp: Warehouse
) -> None:
    with msp.transaction() as session:
        session.get_one(*gone).gone_at = NOW
    with pytest.raises(MappingRefused):
        map_company(msp, 1, 11, "org-acme")
    assert mappings(msp) == {}


def test_a_gone_organization_with_usage_can_be_mapped_and_remapped(msp: Warehouse) -> None:
    keep_usage(msp, {"org-acme": 5})
    with msp.transaction() as session:
        session.get_one(OrganizationRow, "org-acme").gone_at = NOW
    mapped = map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 1))
    assert (mapped.organization_id, mapped.changed) == ("org-acme", True)
    assert map_company(msp, 1, 12, "Acme").agreement_id == 12
    unmap_company(msp, 1)
    assert map_company(msp, 2, 21, "Acme").company_id == 2


def test_a_name_means_the_organization_that_is_still_listed(msp: Warehouse) -> None:
    put(msp, organization("org-old", "Acme", gone_at=BEFORE))
    assert map_company(msp, 1, 11, "Acme").organization_id == "org-acme"


@pytest.mark.parametrize("status", ["Cancelled", "Expired"])
def test_the_first_month_of_an_outdated_mapping_can_still_change(status: str, msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    with msp.transaction() as session:
        session.get_one(AgreementRow, 11).status = status
        session.get_one(OrganizationRow, "org-acme").gone_at = NOW
    mapped = map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 4))
    assert mapped.changed
    assert mapped.warnings[0].startswith("Only the first month that is billed was set, because the agreement Managed")
    with pytest.raises(MappingRefused, match=status):
        map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 4))


@pytest.mark.parametrize("asked", [1, "Acme"])
def test_a_company_that_the_last_import_did_not_find_is_refused(asked: int | str, msp: Warehouse) -> None:
    with msp.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
    with pytest.raises(MappingRefused, match="not of the chosen types and statuses: import with those"):
        map_company(msp, asked, 11, "org-acme")


def test_a_company_is_unmapped_even_if_it_is_gone(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    with msp.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
    unmapped = unmap_company(msp, "Acme")
    assert (unmapped.company_id, unmapped.organization_id) == (1, "org-acme")
    assert mappings(msp) == {}
    with pytest.raises(UnknownChoice, match="no mapped company Acme"):
        unmap_company(msp, "Acme")


def test_nothing_is_mapped_or_unmapped_while_disconnected(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    with msp.transaction() as session:
        session.get_one(IntegrationRow, 1).state = State.DISCONNECTED
    with pytest.raises(NotConnected):
        map_company(msp, 2, 21, "org-bolt")
    with pytest.raises(NotConnected):
        unmap_company(msp, 1)
    assert mappings(msp).keys() == {1}


@pytest.mark.parametrize("name", ['O\'Brien "Best", Ltd', "Red Lantern 🏮", "شركة النخيل", "x" * 156, "12345678901234"])
def test_any_name_can_be_used(name: str, msp: Warehouse) -> None:
    put(msp, company(5, name), agreement(51, 5, name=name), organization("org-n", name))
    mapped = map_company(msp, name, name, name)
    assert (mapped.company_name, mapped.agreement_name, mapped.organization_name) == (name, name, name)
    assert mappings(msp)[5] == (51, "org-n", "2026-03")


def test_the_audit_log_has_who_mapped_what_and_the_state_before(warehouse_url: str, msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme")
    another = Warehouse(warehouse_url, who="Ada on desk-7")
    map_company(another, 1, 12, "org-acme")
    unmap_company(another, 1)
    another.close()
    first = {
        "company_id": 1,
        "agreement_id": 11,
        "organization_id": "org-acme",
        "bill_from": "2026-03",
        "bill_from_chosen": False,
        "trial_months": 0,
        "terms": "billed Monthly, for the period Current, not prorated",
    }
    moved = {**first, "agreement_id": 12}
    assert logged(msp) == [
        ("map company", "1", None, first),
        ("map company", "1", first, moved),
        ("unmap company", "1", moved, None),
    ]
    with msp.transaction() as session:
        assert [entry.who for entry in audit_log(session)] == ["unknown", "Ada on desk-7", "Ada on desk-7"]


def test_a_refused_action_is_not_logged(msp: Warehouse) -> None:
    with pytest.raises(MappingRefused):
        map_company(msp, 1, 21, "org-acme")
    assert logged(msp) == []


def test_of_two_actions_at_once_the_second_sees_the_first_s_result(msp: Warehouse) -> None:
    both_ready = Barrier(2)

    def map_to_the_same_organization(pair: tuple[int, int]) -> str:
        both_ready.wait(timeout=10)
        try:
            map_company(msp, *pair, "org-acme")
        except MappingRefused as refused:
            return str(refused)
        return "mapped"

    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            results = sorted(threads.map(map_to_the_same_organization, [(1, 11), (2, 21)]), key=len)
            assert results[0] == "mapped"
            assert "has it" in results[1]
            unmap_company(msp, next(iter(mappings(msp))))
