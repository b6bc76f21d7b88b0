"""Conditions stay short, lose no id, and are never misread."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cw_pipeline.connectwise.conditions import id_conditions, quoted, room_for_conditions


@given(ids=st.sets(st.integers(1, 2**31 - 1), max_size=400), room=st.integers(60, 2000))
def test_every_id_is_in_exactly_one_condition_and_each_condition_fits(ids: set[int], room: int) -> None:
    conditions = list(id_conditions("company/id", ids, room=room))
    named = [
        int(number)
        for condition in conditions
        for number in condition.removeprefix("company/id in (").removesuffix(")").split(",")
    ]
    assert named == sorted(ids)
    assert all(len(quote_plus(condition)) <= room for condition in conditions)


def test_no_ids_need_no_request() -> None:
    assert list(id_conditions("id", [], room=100)) == []


def test_the_room_leaves_the_whole_url_under_two_thousand_characters() -> None:
    url = "https://api-na.myconnectwise.net/v2025_1/apis/3.0/finance/agreements"
    longest = max(
        map(len, map(quote_plus, id_conditions("id", range(10**6, 10**6 + 900), room=room_for_conditions(url))))
    )
    assert len(f"{url}?conditions=&pageSize=1000&pageId=2147483647&orderBy=id+asc") + longest < 2000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", '"plain"'),
        ("O'Brien", '"O\'Brien"'),
        ('27" monitor', "'27\" monitor'"),
        ('O\'Brien "Best", Ltd', None),
        ("a [b]", None),
        ("back\\slash", None),
        ("line\nbreak", None),
        ("Łódź & 東京", '"Łódź & 東京"'),
    ],
)
def test_text_is_quoted_with_the_mark_that_it_does_not_hold(text: str, value: str | None) -> None:
    assert quoted(text) == value
