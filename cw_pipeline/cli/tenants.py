"""`tenants`: the companies that a deployment serves, and Dagster's workspace for them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import now
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import Output, UsageError, command_output
from cw_pipeline.errors import HELD_OR_FAILED, CwPipelineError
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def tenants(
    *,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Print the workspace.yaml with a code location for each tenant.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the tenants: the file of each, and how far its setup is or what is wrong."""
    with command_output(Output(as_json=as_json)) as output:
        files = lazy.tenant_file.tenant_files()
        if not files:
            raise UsageError(
                "There is no tenant. Write tenants/<key>.yaml for each, or set CW_PIPELINE_TENANTS to the folder with "
                "these files. A single company needs none: set its environment and run `cw-pipeline status`."
            )
        if workspace:
            document = {"load_from": [{"python_module": _location(file.stem)} for file in files]}
            output.document(document)
            if not as_json:
                import yaml  # noqa: PLC0415 - slow

                typer.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
            return
        found = _look_at(files)
        output.document({"tenants": found})
        columns = {"key": "Tenant", "state": "State", "company": "ConnectWise", "file": "File", "problem": "Problem"}
        output.table(list(columns.values()), [[one[column] for column in columns] for one in found])
        wrong = [one["key"] for one in found if one["problem"]]
        if wrong:
            output.say(f"Correct {', '.join(map(str, wrong))}. The other tenants are not affected.")
            output.exit_code = HELD_OR_FAILED
            return
        output.say("Run `cw-pipeline --tenant KEY status` for the next step of one of them.")


def _location(key: str) -> dict[str, str]:
    return {"module_name": "cw_pipeline.tenants", "attribute": key, "location_name": key}


def _look_at(files: Sequence[Path]) -> list[dict[str, str | None]]:
    """What is known of each tenant; this process serves one after the other."""
    found: list[dict[str, str | None]] = []
    owners: dict[str, str] = {}
    for file in files:
        one: dict[str, str | None] = {"key": file.stem, "file": str(file), "state": None, "company": None}
        os.environ[lazy.tenant_file.VARIABLE] = file.stem
        try:
            settings = lazy.settings.Settings()
            with closing(
                lazy.database.Warehouse(settings.database_url, tenant=settings.tenant_key, who="tenants")
            ) as warehouse:
                one["state"] = lazy.status.status(
                    warehouse, first_month=Month.parse(settings.cw_pipeline_first_month), now=now()
                ).state.value
            with lazy.systems.open_connectwise(settings) as client, lazy.systems.open_nordpass(settings):
                one["company"] = f"{client.company_id} at {client.site_url}"
                owner = owners.setdefault(lazy.psa.psa_of(client), file.stem)
            shared = owner != file.stem
            one["problem"] = f"The tenant {owner} has the same ConnectWise company. Remove one." if shared else None
        except CwPipelineError as error:
            one["problem"] = str(error)
        found.append(one)
    return found
