"""`tenants`: the companies that a deployment serves, and Dagster's workspace for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now
from cw_pipeline.cli.output import UsageError
from cw_pipeline.errors import HELD_OR_FAILED, CwPipelineError

_COLUMNS = {"key": "Tenant", "state": "State", "company": "ConnectWise", "file": "File", "problem": "Problem"}


@command
def tenants(
    cmd: Command,
    *,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Print the workspace.yaml with a code location for each tenant.")
    ] = False,
) -> None:
    """List the tenants: the file of each, and how far its setup is or what is wrong with it."""
    files = lazy.tenant_file.tenant_files()
    if not files:
        raise UsageError(
            "There is no tenant. Write tenants/<key>.yaml for each, or set CW_PIPELINE_TENANTS to the folder with "
            "these files. A single company needs none: set its environment and run `cw-pipeline status`."
        )
    if workspace:
        document = {"load_from": [{"python_module": _location(file.stem)} for file in files]}
        cmd.document(document)
        if not cmd.as_json:
            import yaml  # noqa: PLC0415 - slow

            typer.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
        return
    owners: dict[str, str] = {}
    rows = [_inspect(file, owners) for file in files]
    cmd.document({"tenants": rows})
    cmd.table(list(_COLUMNS.values()), [[row[name] for name in _COLUMNS] for row in rows])
    if wrong := [str(row["key"]) for row in rows if row["problem"]]:
        cmd.say(f"Correct {', '.join(wrong)}. The other tenants are not affected.")
        cmd.exit_code = HELD_OR_FAILED
    else:
        cmd.say("Run `cw-pipeline --tenant KEY status` for the next step of one of them.")


def _location(key: str) -> dict[str, str]:
    return {"module_name": "cw_pipeline.tenants", "attribute": key, "location_name": key}


def _inspect(file: Path, owners: dict[str, str]) -> dict[str, str | None]:
    """What is known of a tenant. This process serves it until the next one is inspected.

    Args:
        file: The tenant's file.
        owners: The tenant of each ConnectWise company so far; this one's is added.
    """
    key = file.stem
    row: dict[str, str | None] = {"key": key, "file": str(file), "state": None, "company": None, "problem": None}
    os.environ[lazy.tenant_file.VARIABLE] = key
    tenant = Command(as_json=True)
    try:
        with tenant.opened:
            row["state"] = lazy.status.status(tenant.warehouse, first_month=tenant.first_month, now=now()).state
            client, _ = tenant.connectwise, tenant.nordpass
        row["company"] = f"{client.company_id} at {client.site_url}"
        owner = owners.setdefault(lazy.psa.psa_of(client), key)
        if owner != key:
            row["problem"] = f"The tenant {owner} has the same ConnectWise company. Remove one."
    except CwPipelineError as error:
        row["problem"] = str(error)
    return row
