from decimal import Decimal

import pytest

from cw_pipeline.sandbox.connectwise.conditions import parse
from cw_pipeline.sandbox.connectwise.errors import Refusal
from cw_pipeline.sandbox.wire import Record

FIELDS = ("id", "name", "deletedFlag", "company/id", "startDate", "endDate", "price")
RECORD: Record = {
    "id": 7,
    "name": "O'Brien [North]",
    "deletedFlag": False,
    "company": {"id": 101},
    "startDate": "2026-03-01T00:00:00Z",
    "price": Decimal("4.99"),
}


@pytest.mark.parametrize(
    "conditions",
    [
        "id = 7",
        "id=7",
        "id != 8",
        "id = 7 AND id != 8",
        "id in (1, 7)",
        "price = 4.99",
        "company/id = 101",
        "deletedFlag = False",
        "deletedFlag = false",
        "deletedFlag != true",
        'name = "O\'BRIEN [north]"',
        "name contains 'brien'".replace("'", '"'),
        "id = 1 or id = 7",
        "id = 7 or id = 1 and id = 2",
        "name in ('x', \"o'brien [north]\")",
    ],
)
def test_conditions_that_hold(conditions: str) -> None:
    assert parse(conditions, FIELDS)(RECORD)


@pytest.mark.parametrize(
    "conditions",
    [
        "id = 8",
        "id != 7",
        "id in (70, 77)",
        "name contains 'xyz'",
        "endDate = 'x'",
        "endDate != 'x'",
        "deletedFlag = true",
        "deletedFlag = 0",
        "id = 1 or id = 7 and id = 2",
        'id = "7"',
    ],
)
def test_conditions_that_do_not_hold(conditions: str) -> None:
    assert not parse(conditions, FIELDS)(RECORD)


@pytest.mark.parametrize(
    "conditions",
    [
        "id = ",
        "id",
        "id 7",
        "id = 7 and",
        "id = 7 id = 8",
        "(id = 7)",
        "id in (7",
        "id in (7 8)",
        "id in 7",
        "id = seven",
        "startDate = [2026-03-01]",
        "name = 'O'Brien'",
        "name ~ 'x'",
        "; drop",
    ],
)
def test_conditions_that_cannot_be_read_are_refused(conditions: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(conditions, FIELDS)
    assert (refused.value.status, refused.value.code) == (400, "ApiFindCondition")


def test_an_unknown_name_is_refused_in_connectwises_words() -> None:
    with pytest.raises(Refusal, match=r"^member/id is not a recognized name\.$"):
        parse("member/id = 1", FIELDS)
