"""`sandbox` and `demo`: trying the product out without a real ConnectWise or NordPass."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.environment import read_settings
from cw_pipeline.cli.output import AsJson, UsageError, command_output
from cw_pipeline.errors import DONE, HELD_OR_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.settings import Settings

_PORT = 8443
_STOP_SECONDS = 10
_PUT_ASIDE = ("NORDPASS_PRIVATE_KEY", "NORDPASS_USAGE_DIR")

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port on loopback.")]


def sandbox(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND ARGS…]", help="Run this with it, and end with it.")
    ] = None,
    port: PortOption = _PORT,
    *,
    as_json: AsJson = False,
) -> None:
    """Serve a local ConnectWise PSA and NordPass over HTTPS, and print the environment to use it.

    With a COMMAND, run that in this environment and end with its exit code.
    """
    with command_output(as_json=as_json) as output, _serving(read_settings(), port) as running:
        # Empty counts as not set: of these, the settings allow only one that names where usage comes from.
        environment = dict.fromkeys(_PUT_ASIDE, "") | running.environment()
        if command:
            output.notice(f"The sandbox is at {running.url}.")
            raise typer.Exit(_run(command, environment))
        ended = threading.Event()
        with _handling_signals(lambda _number: ended.set()):
            output.document({"environment": environment})
            if not as_json:
                for name, value in environment.items():
                    typer.echo(f"export {name}={shlex.quote(value)}")
            output.notice(f"The sandbox is at {running.url}. Use this environment in another shell; Ctrl-C ends it.")
            ended.wait()


def demo(port: PortOption = _PORT, *, as_json: AsJson = False) -> None:
    """The whole job against the sandbox, from connecting to invoicing, in a folder of its own."""
    from rich.console import Console

    from cw_pipeline.cli.demonstration import run_demo

    with command_output(as_json=as_json) as output:
        folder = read_settings().cw_pipeline_home / "demo"
        try:
            balanced = run_demo(Console(stderr=as_json), folder, port=port)
        except OSError as error:
            raise _port_taken(port, error) from None
        output.document({"balanced": balanced})
        raise typer.Exit(DONE if balanced else HELD_OR_FAILED)


@contextmanager
def _serving(settings: Settings, port: int) -> Generator[Sandbox]:
    from cw_pipeline.sandbox import Sandbox

    running = Sandbox(home=settings.cw_pipeline_home / "sandbox", port=port)
    try:
        running.start()
    except OSError as error:
        raise _port_taken(port, error) from None
    try:
        yield running
    finally:
        running.stop()


def _port_taken(port: int, error: OSError) -> UsageError:
    return UsageError(f"The sandbox cannot listen on port {port}: {error.strerror}. Give another one with --port.")


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run ``command`` until it ends, passing signals on to it, and return its exit code as a shell would."""
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
    """Leave no child behind, whatever happened to us."""
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
    """Let ``handle`` have the signals that ask us to end."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda received, _frame: handle(received)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
