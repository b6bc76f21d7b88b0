"""What the checks of a push say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.orchestration.checks import check_unbilled
from cw_pipeline.reports.unbilled import UnbilledLines, UnbilledSummary
from cw_pipeline.warehouse.names import Named
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline.wording.outcomes import in_words
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING = UnbilledLines(by_month={}, seats=Decimal(0), money={}, unpriced_seats=Decimal(0), organizations={})
HOSTILE = "<b>[x](javascript:alert(1))</b>"


def lines(counts: Mapping[str, Mapping[str, int]]) -> UnbilledLines:
    organizations = {
        Named("org-hostile", HOSTILE): Decimal(3),
        **{Named(number, f"Customer {number}"): Decimal(1) for number in range(6)},
    }
    return UnbilledLines(counts, Decimal(9), {"USD": Decimal(20)}, Decimal(0), organizations)


def described(summary: UnbilledSummary) -> dict[str, str]:
    """What the checks that did not pass say."""
    return {check.check_name or "": check.description or "" for check in check_unbilled(summary) if not check.passed}


@pytest.mark.parametrize("outcome", sorted(HELD))
def test_the_check_says_what_to_do_about_each_kind_of_hold(outcome: Outcome) -> None:
    (sentence,) = described(UnbilledSummary(NOTHING, lines({"2026-03": {outcome: 1}}), NOTHING, NOTHING)).values()
    assert f"{in_words(outcome)}: {WAYS_OUT[outcome]}" in sentence
    assert not any(WAYS_OUT[other] in sentence for other in HELD - {outcome})
    assert "connectwise_push" in sentence
    assert "push_preview" not in sentence


def test_unmapped_organizations_should_be_mapped_from_their_first_month() -> None:
    unmapped = lines({"2026-02": {"unmapped": 1}, "2026-03": {"unmapped": 1}})
    sentence = described(UnbilledSummary(unmapped, NOTHING, NOTHING, NOTHING))["nothing_unmapped"]
    assert "with the job map_companies, with bill_from 2026-02" in sentence
    assert sentence.startswith(
        "Billed to nobody, or only by lines that are left as they are: 2 lines of 2026-02, 2026-03 with 9 seats, worth "
        "20.00 USD, of "
    )
    assert "Customer 3 (1 seat), and 2 more. Map the organizations" in sentence
    assert HOSTILE not in sentence
    assert HOSTILE in unescaped(sentence)


def test_of_several_kinds_of_hold_each_is_told_once() -> None:
    held = lines({"2026-02": {"moved": 2}, "2026-03": {"credit_due": 1, "moved": 1}})
    sentence = described(UnbilledSummary(NOTHING, held, NOTHING, NOTHING))["nothing_held"]
    assert [sentence.count(WAYS_OUT[one]) for one in (Outcome.CREDIT_DUE, Outcome.MOVED)] == [1, 1]
