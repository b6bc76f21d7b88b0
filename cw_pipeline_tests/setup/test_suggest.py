from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.setup.suggest import MOST_CANDIDATES, Suggestion, alike, normalized, suggest_mappings
from cw_pipeline.warehouse.tables import CompanyRow, OrganizationRow
from cw_pipeline.wording import cells
from cw_pipeline_tests.setup.conftest import map_all, mappings
from cw_pipeline_tests.support.rows import BEFORE, agreement, company, organization, put

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme GmbH", "ACME"),
        ("Acme, Inc.", "acme inc"),
        ("Acme Limited", "Acme Ltd."),
        ("Acme GmbH & Co. KG", "Acme"),
        ("Acme Sp. z o.o.", "Acme"),
        ("Acme B.V.", "Acme BV"),
        ("Atelier Crème Brûlée", "atelier creme brulee"),
        ("Cedar & Stone", "Cedar and Stone"),
        ("O'Neill's Pub", "O\u2019Neills Pub"),
        ("Żółta Łódź", "Zolta Lodz"),
        ("Северный Ветер", "Северный Ветер".upper()),
        ("Straße-Nord", "STRASSE NORD"),
        ("  Delta   Print 24/7 ", "Delta Print 24 7"),
    ],
)
def test_names_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert normalized(one).words == normalized(other).words != ""


@pytest.mark.parametrize(
    ("one", "other"), [("SE Bikes", "Bikes"), ("AB Fleet", "AG Fleet"), ("नई दिल्ली", "नि दल्ल"), ("Co", "Ltd")]
)
def test_names_that_mean_something_else_are_not_the_same(one: str, other: str) -> None:
    assert normalized(one).words != normalized(other).words


def test_the_legal_form_is_kept_beside_the_name() -> None:
    assert normalized("Acme Limited").legal_form == normalized("ACME LTD").legal_form == "ltd"
    assert normalized("🏮").words == ""


def only(suggestions: tuple[Suggestion, ...]) -> Suggestion:
    (suggestion,) = suggestions
    return suggestion


@pytest.fixture
def small(msp: Warehouse) -> Warehouse:
    """The MSP with its companies mapped, so that a test's own are the only ones to suggest for."""
    map_all(msp)
    return msp


def test_the_same_name_with_one_agreement_is_certain(small: Warehouse) -> None:
    put(small, company(5, "Nord, Inc."), agreement(51, 5), organization("org-n", "NORD"))
    before = mappings(small)
    suggestion = only(suggest_mappings(small))
    assert (suggestion.company.id, suggestion.organization.id, suggestion.score) == (5, "org-n", 100)
    assert suggestion.agreement is not None
    assert suggestion.agreement.id == 51
    assert suggestion.certain
    assert mappings(small) == before


def test_several_open_agreements_are_never_chosen_between(small: Warehouse) -> None:
    put(small, company(5, "Nord"), agreement(51, 5), agreement(52, 5, name="Two"), organization("org-n", "Nord"))
    suggestion = only(suggest_mappings(small))
    assert (suggestion.agreement, suggestion.certain) == (None, False)
    assert "2 active agreements: choose one" in suggestion.reason


def test_only_agreements_that_can_be_billed_are_there_to_choose(small: Warehouse) -> None:
    put(
        small,
        company(5, "Nord"),
        agreement(51, 5),
        agreement(52, 5, cycle="NotRecurring"),
        organization("org-n", "Nord"),
    )
    suggestion = only(suggest_mappings(small))
    assert ([one.id for one in suggestion.to_choose], suggestion.certain) == ([51], False)
    assert suggestion.reason.endswith("The company has 2 active agreements, of which 1 can be billed.")
    assert cells.suggestions([suggestion])[1][0][1] == "choose: Managed (51)"


def test_agreements_that_cannot_be_billed_are_not_counted(small: Warehouse) -> None:
    put(
        small,
        company(5, "Nord"),
        agreement(51, 5),
        agreement(52, 5, status="Expired"),
        agreement(53, 5, gone_at=BEFORE),
        organization("org-n", "Nord"),
    )
    assert only(suggest_mappings(small)).certain


def test_without_an_open_agreement_a_suggestion_says_so(small: Warehouse) -> None:
    put(small, company(5, "Nord"), agreement(52, 5, status="Expired"), organization("org-n", "Nord"))
    suggestion = only(suggest_mappings(small))
    assert (suggestion.agreement, suggestion.certain) == (None, False)
    assert "no active agreement" in suggestion.reason


@pytest.mark.parametrize("fields", [{"cycle": None}, {"cycle": "Quarterly"}, {"parent_agreement_id": 9}])
def test_an_agreement_with_a_warning_is_not_certain(fields: dict[str, object], small: Warehouse) -> None:
    put(small, company(5, "Nord"), agreement(51, 5, **fields), organization("org-n", "Nord"))
    suggestion = only(suggest_mappings(small))
    assert suggestion.agreement is not None
    assert not suggestion.certain


def test_different_legal_forms_are_not_certain(small: Warehouse) -> None:
    put(small, company(5, "Nord GmbH"), agreement(51, 5), organization("org-n", "Nord Ltd"))
    suggestion = only(suggest_mappings(small))
    assert not suggestion.certain
    assert "legal forms differ" in suggestion.reason


def test_a_name_that_two_have_is_not_certain(small: Warehouse) -> None:
    put(
        small,
        *(company(5, "Nord Ltd"), company(6, "Nord"), agreement(51, 5), agreement(61, 6)),
        organization("org-n", "Nord"),
    )
    suggestion = only(suggest_mappings(small))
    assert not suggestion.certain
    assert "Several companies or organizations have this name" in suggestion.reason


def test_a_name_that_a_mapped_company_has_is_not_certain(small: Warehouse) -> None:
    put(small, company(5, "ACME"), agreement(51, 5), organization("org-acme2", "Acme"))
    assert not only(suggest_mappings(small)).certain


def test_similar_names_are_suggested_with_their_score_and_not_certain(small: Warehouse) -> None:
    put(small, company(5, "Northwind Traders"), agreement(51, 5), organization("org-n", "Nortwind Trader"))
    suggestion = only(suggest_mappings(small))
    assert 75 <= suggestion.score < 100
    assert not suggestion.certain
    assert str(suggestion.score) in suggestion.reason


def test_the_better_pair_wins_and_nobody_is_suggested_twice(small: Warehouse) -> None:
    put(
        small,
        *(company(5, "Northwind Traders"), company(6, "Northwind Trading")),
        *(agreement(51, 5), agreement(61, 6)),
        *(organization("org-1", "Northwind Trading"), organization("org-2", "Northwind Traderz")),
    )
    pairs = {(one.company.id, one.organization.id) for one in suggest_mappings(small)}
    assert pairs == {(6, "org-1"), (5, "org-2")}


def test_words_in_another_order_are_alike_and_not_the_same(small: Warehouse) -> None:
    put(small, company(5, "Traders Northwind"), agreement(51, 5), organization("org-n", "Northwind Traders"))
    suggestion = only(suggest_mappings(small))
    assert (suggestion.score, suggestion.certain) == (100, False)


def test_only_the_most_alike_organizations_are_considered_for_a_company(small: Warehouse) -> None:
    many = range(100, 140)
    put(
        small,
        *(company(number, f"Customer {number}") for number in many),
        *(organization(f"org-{number}", f"Customer {number}") for number in reversed(many)),
    )
    with small.transaction() as session:
        companies = session.query(CompanyRow).where(CompanyRow.id >= many[0]).all()
        organizations = session.query(OrganizationRow).order_by(OrganizationRow.id).all()
    names = {row.id: normalized(row.name) for row in (*companies, *organizations)}
    kept = list(alike(companies, organizations, names))
    assert len(kept) == len(many) * MOST_CANDIDATES
    assert [(one.company.id, one.organization.id, one.score) for one in suggest_mappings(small)] == [
        (number, f"org-{number}", 100) for number in many
    ]


@pytest.mark.parametrize(
    ("name", "fields"),
    [("Nord", {"msp_managed": False}), ("Nord", {"gone_at": BEFORE}), ("Something else entirely", {}), ("🏮", {})],
)
def test_unmappable_or_dissimilar_organizations_are_not_suggested(
    name: str, fields: dict[str, object], small: Warehouse
) -> None:
    put(small, company(5, "Nord"), agreement(51, 5), organization("org-n", name, **fields))
    assert suggest_mappings(small) == ()


def test_a_company_that_is_gone_gets_no_suggestion(small: Warehouse) -> None:
    put(small, company(5, "Nord", gone_at=BEFORE), agreement(51, 5), organization("org-n", "Nord"))
    assert suggest_mappings(small) == ()
