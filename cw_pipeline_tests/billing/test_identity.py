"""What a line's serial number says, and that it always fits."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cw_pipeline.billing.identity import Identity
from cw_pipeline.vocabulary import Month, Plan

MARCH = Month(2026, 3)


@pytest.mark.parametrize(
    ("plan", "serial_number"), [(Plan.BUSINESS, "NP:2026-03:B:org-1"), (Plan.ENTERPRISE, "NP:2026-03:E:org-1")]
)
def test_the_serial_number_says_month_plan_and_organization(plan: Plan, serial_number: str) -> None:
    assert Identity(MARCH, plan, "org-1").serial_number == serial_number


def test_an_organization_id_of_37_characters_is_written_as_it_is() -> None:
    serial_number = Identity(MARCH, Plan.BUSINESS, "x" * 37).serial_number
    assert serial_number == "NP:2026-03:B:" + "x" * 37
    assert len(serial_number) == 50


def test_a_longer_organization_id_is_replaced_by_its_digest() -> None:
    serial_number = Identity(MARCH, Plan.BUSINESS, "x" * 38).serial_number
    assert serial_number == "NP:2026-03:B:" + hashlib.sha256(b"x" * 38).hexdigest()[:37]
    assert len(serial_number) == 50


def test_long_organization_ids_that_begin_alike_have_different_serial_numbers() -> None:
    first, second = (Identity(MARCH, Plan.BUSINESS, "x" * 40 + end).serial_number for end in "ab")
    assert first != second


@settings(derandomize=True, deadline=None)
@given(
    identities=st.lists(
        st.builds(
            Identity,
            month=st.builds(Month, year=st.integers(2000, 2099), number=st.integers(1, 12)),
            plan=st.sampled_from(Plan),
            organization_id=st.text(min_size=1, max_size=80),
        ),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_serial_numbers_fit_50_characters_and_no_two_identities_share_one(identities: list[Identity]) -> None:
    first, second = (identity.serial_number for identity in identities)
    assert len(first) <= 50
    assert first != second
