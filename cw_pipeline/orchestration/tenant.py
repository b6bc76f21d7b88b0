"""The tenant that this process serves, in the names of Dagster's objects.

A deployment's code locations share asset keys and pools, so those of a tenant begin with its key. Each location has
names of jobs, schedules and sensors of its own.
"""

import dagster as dg

from cw_pipeline.tenant_file import DEFAULT_SCHEDULE, current_tenant

_TENANT = current_tenant()
KEY = _TENANT.key if _TENANT else None
PREFIX = [KEY] if KEY else []
LOCATION = KEY or "cw_pipeline"
"""The name of the code location in the workspace files."""
TAGS = {"tenant": KEY} if KEY else {}
TITLE = " ".join(["cw_pipeline", *PREFIX])
"""What messages begin with."""
SCHEDULE = _TENANT.schedule if _TENANT else DEFAULT_SCHEDULE
PUSH_POOL = "/".join([*PREFIX, "connectwise_push"])


def asset_key(name: str) -> dg.AssetKey:
    """The key of an asset of this project."""
    return dg.AssetKey([*PREFIX, name])


PUSH_KEY = asset_key("connectwise_push")
