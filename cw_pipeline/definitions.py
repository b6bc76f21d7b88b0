"""What Dagster loads, and nothing else."""

from cw_pipeline.orchestration.build import build_definitions

defs = build_definitions()
