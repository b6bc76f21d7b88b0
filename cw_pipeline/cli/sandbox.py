"""`sandbox` and `demo`: try the product without a real ConnectWise or NordPass."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cw_pipeline.cli import lazy
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import Output, UsageError, command_output
from cw_pipeline.errors import HELD_OR_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.settings import Settings

PORT = 8443
_STOP_SECONDS = 10
_PUT_ASIDE = ("NORDPASS_PRIVATE_KEY", "NORDPASS_USAGE_DIR")

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port on localhost.")]


def sandbox(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND ARGS…]", help="A program to run with the sandbox; the sandbox ends with it."
        ),
    ] = None,
    port: PortOption = PORT,
    *,
    as_json: AsJson = False,
) -> None:
    """Serve a local ConnectWise PSA and NordPass over HTTPS, and print the environment variables to use them.

    With COMMAND, run it with these variables instead, and exit with its exit code. A tenant has a sandbox of its own.
    """
    with command_output(Output(as_json=as_json)) as output, _serving(lazy.settings.Settings(), port) as running:
        # Empty counts as not set: of these, the settings allow only one that names where usage comes from.
        own = dict.fromkeys(_PUT_ASIDE, "") | running.environment()
        tenant = lazy.settings.Settings().tenant
        environment = {f"{tenant.environment_prefix if tenant else ''}{name}": value for name, value in own.items()}
        if command:
            output.notice(f"The sandbox is at {running.url}.")
            raise typer.Exit(_run(command, environment))
        ended = threading.Event()
        with _handling_signals(lambda _number: ended.set()):
            output.document({"environment": environment})
            if not as_json:
                for name, value in environment.items():
                    typer.echo(f"export {name}={shlex.quote(value)}")
            output.notice(f"The sandbox is at {running.url}. Set these variables in another shell. Ctrl-C stops it.")
            ended.wait()


def demo(port: PortOption = PORT, *, as_json: AsJson = False) -> None:
    """Run a year of syncs against the sandbox, from connect to invoice, and check that each seat is billed once."""
    with command_output(Output(as_json=as_json)) as output:
        require_sandbox()
        folder = lazy.settings.Settings().cw_pipeline_home / "demo"
        try:
            balanced = lazy.demonstration.run_demo(Console(stderr=as_json), folder, port=port)
        except OSError as error:
            raise _port_taken(port, error) from None
        output.document({"balanced": balanced})
        if not balanced:
            output.exit_code = HELD_OR_FAILED


def require_sandbox() -> None:
    """Raise `UsageError` if a library of the extra `sandbox` is not installed."""
    try:
        import_module("cw_pipeline.sandbox")
    except ModuleNotFoundError as error:
        msg = f'The sandbox needs {error.name}, which is not installed. Run: pip install "cw-pipeline[sandbox]"'
        raise UsageError(msg) from None


@contextmanager
def _serving(settings: Settings, port: int) -> Generator[Sandbox]:
    require_sandbox()
    running = lazy.sandbox.Sandbox(home=settings.own_folder / "sandbox", port=port, reads_invoices=True)
    try:
        running.start()
    except OSError as error:
        raise _port_taken(port, error) from None
    try:
        yield running
    finally:
        running.stop()


def _port_taken(port: int, error: OSError) -> UsageError:
    return UsageError(f"The sandbox cannot listen on port {port}: {error.strerror}. Choose another one with --port.")


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run `command` until it ends, passing signals on to it, and return its exit code as a shell would."""
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int) -> None:
        if not children:
            raise typer.Exit(128 + number)
        _pass_on(children[0], number)

    with _handling_signals(pass_on):
        try:
            children.append(subprocess.Popen(command, env=os.environ | environment))  # noqa: S603 - as the user asked
        except OSError as error:
            msg = f"{command[0]} cannot be run: {error.strerror}. Name a program that is on the PATH."
            raise UsageError(msg) from None
        try:
            code = children[0].wait()
        finally:
            _end(children[0])
    return code if code >= 0 else 128 - code


def _pass_on(child: subprocess.Popen[bytes], number: int) -> None:
    if number == signal.SIGINT and _has_the_terminal():
        return  # Ctrl-C reached the child as well
    child.send_signal(number)


def _has_the_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop the child, if it still runs."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def _handling_signals(handle: Callable[[int], None]) -> Generator[None]:
    """Pass SIGINT and SIGTERM to `handle` in the block."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda received, _frame: handle(received)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
