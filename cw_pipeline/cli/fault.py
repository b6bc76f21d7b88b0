"""`fault`: let something go wrong in the sandbox that is running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import Output, UsageError, command_output
from cw_pipeline.cli.sandbox import PORT, PortOption, require_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.sandbox import SandboxControl

FAULTS = {
    "nordpass-down": "NordPass answers 503 to everything: a sync fails.",
    "report-not-final": "The last month's usage report is not final: its sync fails.",
    "connectwise-down": "ConnectWise resets every connection: a sync fails.",
    "slow": "Every answer takes two seconds.",
    "right-missing": "The API member may not read agreements: a sync fails and names the right.",
    "rejected": "A customer uses three more seats, and ConnectWise refuses the line: it is rejected.",
    "unconfirmed": "A customer uses three more seats; ConnectWise answers 200 but writes nothing: unconfirmed.",
    "held": "A customer uses three more seats, and its agreement is cancelled: the line is held.",
    "by-hand": "People bill a customer by hand, too: `billed_by_hand`, and `lines by-hand` lists the line.",
    "edited": "A line's quantity is changed in ConnectWise: `drift` finds it.",
}
HELP = "Let something go wrong in the sandbox that is running, to see how it looks in Dagster.\n\n\b\n" + "\n".join(
    f"- {name}: {does}" for name, does in FAULTS.items()
)


def _beginning(typed: str) -> list[str]:
    return [name for name in FAULTS if name.startswith(typed)]


def fault(
    name: Annotated[str | None, typer.Argument(metavar="FAULT", help="Which one.", autocompletion=_beginning)] = None,
    *,
    off: Annotated[
        bool, typer.Option("--off", help="Switch all faults off. Seats and edits stay as they are.")
    ] = False,
    port: PortOption = PORT,
    as_json: AsJson = False,
) -> None:
    """Switch a fault on, or all off; `HELP` is what people read."""
    with command_output(Output(as_json=as_json)) as output:
        if (name is None) is not off:
            raise UsageError("Name one fault, or give --off. `cw-pipeline fault --help` lists them.")
        if name is not None and name not in FAULTS:
            raise lazy.errors.UnknownChoice(f"There is no fault {name}.", FAULTS, near=name)
        require_sandbox()
        month = lazy.named_faults.last_month()
        _act(lazy.named_faults.NAMED[name] if name else lazy.named_faults.switch_off, port)
        output.document({"switched_on": name, "month": month})
        if name is None:
            output.say(f"All faults are off. Run the job sync_now for {month} in Dagster.")
        else:
            look = "drift" if name == "edited" else f"sync --month {month}"
            job = "daily_checks" if name == "edited" else f"sync_now for {month}"
            output.say(
                f"{FAULTS[name]} To see it, run the job {job} in Dagster or, with the sandbox's environment, "
                f"`cw-pipeline {look}`. `cw-pipeline fault --off` switches all faults off."
            )


def _act(act: Callable[[SandboxControl], None], port: int) -> None:
    """Let `act` do its work in the sandbox that runs on `port`.

    Raises:
        UsageError: If no sandbox of this folder, nor the demonstration's, runs there; or if it refuses.
    """
    settings = lazy.settings.Settings()
    for home in (settings.own_folder, settings.cw_pipeline_home / "demo"):
        authority = home / "sandbox" / "ca.pem"
        if not authority.is_file():
            continue
        try:
            with lazy.control.SandboxControl(f"https://localhost:{port}", authority) as control:
                act(control)
        except lazy.control.ControlRefused as refused:
            raise UsageError(str(refused)) from None
        except OSError:  # another one's certificate, or nobody there
            continue
        return
    msg = (
        f"No sandbox of {settings.own_folder} runs on port {port}. Start it with `cw-pipeline sandbox`, or `make dev`."
    )
    raise UsageError(msg)
