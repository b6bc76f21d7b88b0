"""What every table has in common."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import JSON, MetaData
from sqlalchemy.orm import DeclarativeBase

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import LicenseType, Month, Plan, State
from cw_pipeline.warehouse.columns import Exact, TextColumn, UtcDateTime

IN_BULK = {"render_nulls": True}
"""The execution options of an insert of many rows: one statement, also where a column is empty in some of them."""


class Base(DeclarativeBase):
    """The base of every table; constraints are named, so that migrations can change them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Decimal: Exact,
        Month: TextColumn(Month.parse, 7),
        **{kind: TextColumn(kind) for kind in (LicenseType, Outcome, Plan, State)},
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[int]: JSON,
        list[str]: JSON,
    }
