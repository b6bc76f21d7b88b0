"""The actions on mappings, where a test does not care when they are done, nor which month is ever synced first."""

from __future__ import annotations

from functools import partial

from cw_pipeline.setup import mapping, mapping_file, organizations
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.support.rows import NOW

FIRST = Month(2025, 1)

map_company = partial(mapping.map_company, first_month=FIRST, now=NOW)
apply_mappings = partial(mapping_file.apply_mappings, first_month=FIRST, now=NOW)
add_organization = partial(organizations.add_organization, first_month=FIRST)
