"""How a preview counts: one line a usage row, everything else beside it, and no seat without an outcome."""

from __future__ import annotations

from decimal import Decimal

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.billing.preview import Tally
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    a_line,
    also,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
)


def test_every_outcome_is_of_exactly_one_kind() -> None:
    kinds = [*RIGHT, *NOT_BILLED, *HELD, *FAILED]
    assert sorted(kinds) == sorted(Outcome)


def test_seats_are_tallied_by_outcome_and_add_up_to_the_report() -> None:
    facts = the_facts(mappings=[mapped_to(10), mapped_to(20, 2, organization_id="org-2")])
    rows = [
        used(5),
        used(6, organization_id="org-2"),
        used(7, organization_id="org-3"),
        used(8, organization_id="org-4", license_type=LicenseType.TRIAL),
    ]
    preview = preview_of(facts, *rows)
    assert preview.outcomes == {
        Outcome.CREATED: Tally(2, Decimal(11)),
        Outcome.TRIAL: Tally(1, Decimal(8)),
        Outcome.UNMAPPED: Tally(1, Decimal(7)),
    }
    assert (preview.usage_seats, preview.unaccounted_seats) == (26, 0)


def test_what_happens_beside_is_tallied_apart_with_the_quantity_that_lines_lose() -> None:
    lines = (a_line(1, 4, agreement_id=11), a_line(2, 3, Plan.ENTERPRISE))
    preview = preview_of(the_facts(*lines), used(5))
    assert preview.also == {Outcome.ZEROED: Tally(2, Decimal(7))}
    assert preview.outcomes == {Outcome.CREATED: Tally(1, Decimal(5))}
    assert preview.unaccounted_seats == 0


def test_a_credit_beside_a_row_counts_what_was_invoiced_too_much() -> None:
    preview = preview_of(the_facts(a_line(1, 4, effective=INVOICED)), used(5, Plan.ENTERPRISE))
    assert preview.also == {Outcome.CREDIT_DUE: Tally(1, Decimal(4))}


def test_a_row_comes_before_what_happens_beside_it() -> None:
    preview = preview_of(the_facts(a_line(1, 4)), used(5, Plan.ENTERPRISE))
    assert [line.also for line in preview.lines] == [False, True]


def test_a_line_names_organization_plan_company_and_agreement() -> None:
    line = row_line(preview_of(the_facts(), used(5)))
    assert (line.organization_id, line.plan, line.company_id, line.agreement_id) == ("org-1", Plan.BUSINESS, 1, 10)


def test_an_organization_without_a_row_goes_by_the_name_of_its_mapping() -> None:
    (line,) = also(preview_of(the_facts(a_line(1, 4))))
    assert line.organization_name == "Name of org-1"


def test_every_line_has_a_reason() -> None:
    lines = (a_line(1, 4, agreement_id=11), a_line(2, 3, Plan.ENTERPRISE, effective=INVOICED))
    preview = preview_of(the_facts(*lines), used(5), used(5, organization_id="org-9"))
    assert [line.outcome for line in preview.lines] == [
        Outcome.CREATED,
        Outcome.ZEROED,
        Outcome.CREDIT_DUE,
        Outcome.UNMAPPED,
    ]
    assert all(line.reason.endswith(".") for line in preview.lines)
