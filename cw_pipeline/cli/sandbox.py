"""`sandbox`, `demo` and `fault`: try the product without a real ConnectWise or NordPass."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command
from cw_pipeline.cli.output import UsageError
from cw_pipeline.errors import HELD_OR_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cw_pipeline.sandbox import SandboxControl
    from cw_pipeline.settings import Settings

PORT = 8443
_UNSET = ("NORDPASS_PRIVATE_KEY", "NORDPASS_USAGE_DIR")

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
FAULT_HELP = "\n".join(
    [
        "Make something go wrong in the running sandbox, to see how it looks in Dagster.\n\n\b",
        *(f"- {name}: {effect}" for name, effect in FAULTS.items()),
    ]
)

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port on localhost.")]


@command
def sandbox(
    cmd: Command,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND ARGS…]", help="A program to run with the sandbox; the sandbox ends with it."
        ),
    ] = None,
    port: PortOption = PORT,
) -> None:
    """Serve a local ConnectWise PSA and NordPass over HTTPS, and print the environment variables to use them.

    With COMMAND, run it with these variables instead, and exit with its exit code. A tenant has a sandbox of its own.
    """
    settings = cmd.settings
    require_sandbox()
    try:
        running = cmd.opened.enter_context(
            lazy.sandbox.Sandbox(home=settings.own_folder / "sandbox", port=port, reads_invoices=True)
        )
    except OSError as error:
        raise _cannot_start(port, error) from None
    # Empty counts as not set: of these, the settings allow only one that names where usage comes from.
    variables = dict.fromkeys(_UNSET, "") | running.environment()
    prefix = settings.tenant.environment_prefix if settings.tenant else ""
    environment = {f"{prefix}{name}": value for name, value in variables.items()}
    if command:
        cmd.notice(f"The sandbox is at {running.url}.")
        raise typer.Exit(_run(command, environment))
    with suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        cmd.document({"environment": environment})
        if not cmd.as_json:
            for name, value in environment.items():
                typer.echo(f"export {name}={shlex.quote(value)}")
        cmd.notice(f"The sandbox is at {running.url}. Set these variables in another shell. Ctrl-C stops it.")
        threading.Event().wait()


@command
def demo(cmd: Command, port: PortOption = PORT) -> None:
    """Run a year of syncs against the sandbox, from connect to invoice, and check that each seat is billed once."""
    require_sandbox()
    folder = cmd.settings.cw_pipeline_home / "demo"
    try:
        balanced = lazy.demonstration.run_demo(Console(stderr=cmd.as_json), folder, port=port)
    except OSError as error:
        raise _cannot_start(port, error) from None
    cmd.document({"balanced": balanced})
    if not balanced:
        cmd.exit_code = HELD_OR_FAILED


def require_sandbox() -> None:
    """Raise `UsageError` if a library of the extra `sandbox` is not installed."""
    try:
        import_module("cw_pipeline.sandbox")
    except ModuleNotFoundError as error:
        raise UsageError(
            f'The sandbox needs {error.name}, which is not installed. Run: pip install "cw-pipeline[sandbox]"'
        ) from None


def _cannot_start(port: int, error: OSError) -> UsageError:
    if error.filename:
        return UsageError(f"{error.filename} cannot be used: {error.strerror}. Set CW_PIPELINE_HOME to another folder.")
    return UsageError(f"The sandbox cannot listen on port {port}: {error.strerror}. Choose another one with --port.")


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run `command` until it ends, passing signals on to it, and return its exit code as a shell would."""
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: object) -> None:
        if child is None:
            raise typer.Exit(128 + number)
        if number != signal.SIGINT or not _has_the_terminal():  # there Ctrl-C reached the child as well
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child = subprocess.Popen(command, env=os.environ | environment)  # noqa: S603 - as the user asked
        code = child.wait()
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {error.strerror}. Name a program that is on the PATH.") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _has_the_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _completions(typed: str) -> list[str]:
    return [name for name in FAULTS if name.startswith(typed)]


@command
def fault(
    cmd: Command,
    name: Annotated[
        str | None, typer.Argument(metavar="FAULT", help="Which fault.", autocompletion=_completions)
    ] = None,
    *,
    off: Annotated[
        bool, typer.Option("--off", help="Switch all faults off. Seats and edits stay as they are.")
    ] = False,
    port: PortOption = PORT,
) -> None:
    """Switch a fault on, or all off; `FAULT_HELP` is what people read."""
    if (name is None) is not off:
        raise UsageError("Name one fault, or give --off. `cw-pipeline fault --help` lists them.")
    if name is not None and name not in FAULTS:
        raise lazy.errors.UnknownChoice(f"There is no fault {name}.", FAULTS, near=name)
    require_sandbox()
    _control(cmd.settings, port, lazy.named_faults.NAMED[name] if name else lazy.named_faults.switch_off)
    month = lazy.named_faults.last_month()
    cmd.document({"switched_on": name, "month": month})
    if name is None:
        cmd.say(f"All faults are off. Run the job sync_now for {month} in Dagster.")
        return
    job, arguments = (f"sync_now for {month}", f"sync --month {month}")
    if name == "edited":
        job, arguments = ("daily_checks", "drift")
    cmd.say(
        f"{FAULTS[name]} To see it, run the job {job} in Dagster or, with the sandbox's environment, "
        f"`cw-pipeline {arguments}`. `cw-pipeline fault --off` switches all faults off."
    )


def _control(settings: Settings, port: int, change: Callable[[SandboxControl], None]) -> None:
    """Change something in the sandbox that runs on `port`.

    Raises:
        UsageError: If no sandbox of this folder, nor the demonstration's, runs there; or if it refuses.
    """
    for home in (settings.own_folder, settings.cw_pipeline_home / "demo"):
        authority = home / "sandbox" / "ca.pem"
        if not authority.is_file():
            continue
        try:
            with lazy.control.SandboxControl(f"https://localhost:{port}", authority) as control:
                change(control)
        except lazy.control.ControlRefused as refused:
            raise UsageError(str(refused)) from None
        except OSError:  # another sandbox's certificate, or nobody there
            continue
        return
    raise UsageError(
        f"No sandbox of {settings.own_folder} runs on port {port}. Start it with `cw-pipeline sandbox`, or `make dev`."
    )
