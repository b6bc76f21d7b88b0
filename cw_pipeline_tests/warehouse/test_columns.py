from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from cw_pipeline.warehouse.tables import LockHolderRow, ProductRow

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

_ON_ONE_WAREHOUSE = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@_ON_ONE_WAREHOUSE
@given(st.decimals(min_value=0, max_value=10**12, places=6))
@example(Decimal("1E+3"))
@example(Decimal("0.10"))
@example(Decimal("2.876544"))
@example(Decimal(-7))
def test_a_quantity_comes_back_exactly(warehouse: Warehouse, number: Decimal) -> None:
    with warehouse.transaction() as session:
        session.merge(ProductRow(id=1, identifier="p", description="d", price=number, cost=None))
    with warehouse.transaction() as session:
        kept = session.get_one(ProductRow, 1)
        assert kept.price == number
        assert kept.cost is None


def test_a_quantity_comes_back_as_people_write_it(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        session.add(ProductRow(id=1, identifier="p", description="d", price=Decimal("5.0000"), cost=Decimal("2.500")))
    with warehouse.transaction() as session:
        kept = session.get_one(ProductRow, 1)
        assert (str(kept.price), str(kept.cost)) == ("5", "2.5")


@_ON_ONE_WAREHOUSE
@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=_OFFSETS))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_moment_comes_back_as_the_same_moment_in_utc(warehouse: Warehouse, moment: datetime) -> None:
    with warehouse.transaction() as session:
        session.merge(LockHolderRow(psa="t", holder="h", since=moment))
    with warehouse.transaction() as session:
        kept = session.get_one(LockHolderRow, "t").since
    assert kept == moment
    assert kept.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(StatementError, match="has no time zone"), warehouse.transaction() as session:
        session.merge(LockHolderRow(psa="t", holder="h", since=datetime(2026, 4, 1)))  # noqa: DTZ001 - what is refused
