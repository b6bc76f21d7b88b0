"""What Dagster loads for a tenant: the attribute named by the tenant's key, such as `acme`.

So a tenant's code location needs no Python file of its own: `module_name: cw_pipeline.tenants`, `attribute: acme`.
A process serves one tenant: the first one that it loads.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cw_pipeline.tenant_file import VARIABLE, TenantUnusable, read_tenant

if TYPE_CHECKING:
    import dagster as dg


def __getattr__(key: str) -> dg.Definitions:
    """The tenant's definitions.

    Raises:
        TenantUnusable: If its file is missing or wrong, or this process serves another tenant.
    """
    if key.startswith("__"):  # Python looks for such attributes in every module
        raise AttributeError(key)
    read_tenant(key)
    os.environ.setdefault(VARIABLE, key)
    from cw_pipeline.definitions import defs  # noqa: PLC0415 - reads the environment that is set above
    from cw_pipeline.orchestration.tenant import PREFIX  # noqa: PLC0415

    if [key] != PREFIX:
        raise TenantUnusable(
            f"This process serves {' '.join(PREFIX) or 'no tenant'}, and one process serves one tenant. Give {key} a "
            "process of its own: a code location, or on Celery workers started with `--max-tasks-per-child 1`, a run."
        )
    return defs
