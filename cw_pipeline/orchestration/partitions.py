"""The months as Dagster partitions: closed months only, in UTC."""

from __future__ import annotations

import dagster as dg

from cw_pipeline.settings import FirstMonth

FIRST_MONTH = FirstMonth().cw_pipeline_first_month

MONTHS = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, fmt="%Y-%m", timezone="UTC")
