"""The months as Dagster partitions: closed months only, in UTC."""

import dagster as dg

from cw_pipeline.settings import FirstMonth
from cw_pipeline.vocabulary import Month


def first_month() -> Month:
    """The first month that is ever synced, as the environment says now."""
    return FirstMonth().cw_pipeline_first_month


def months_from(first: Month) -> dg.MonthlyPartitionsDefinition:
    """The closed months from `first` on."""
    return dg.MonthlyPartitionsDefinition(start_date=str(first), fmt="%Y-%m", timezone="UTC")
