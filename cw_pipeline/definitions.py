"""What Dagster loads, and nothing else."""

from cw_pipeline.orchestration.build import build_definitions
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access

defs = build_definitions(first_month=first_month(), resources={"access": Access()})
