"""What a running command works with, and how a function becomes a command."""

from __future__ import annotations

import inspect
import os
import pwd
import socket
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.output import Output
from cw_pipeline.errors import DONE, INTERRUPTED, CwPipelineError
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from dagster import DagsterInstance

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.orchestration.assets.setup import Done
    from cw_pipeline.settings import Settings
    from cw_pipeline.setup.list_update import Changes
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.database import Warehouse

P = ParamSpec("P")
DoneT = TypeVar("DoneT")
ChangesT = TypeVar("ChangesT", bound="Changes")

_AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document to standard output, and all else to standard error.")
]


class Command(Output):
    """A running command: its output, and the settings and systems that it asks for.

    Each system is opened when it is first asked for, and closed when the command ends.

    Attributes:
        done: What it set up, by asset; shown in Dagster even if the command fails later.
        opened: Closes the systems.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__(as_json=as_json)
        self.done: dict[str, Done] = {}
        self.opened = ExitStack()

    @cached_property
    def settings(self) -> Settings:
        """The environment. Raises `NotSetUp`."""
        return lazy.settings.Settings()

    @property
    def first_month(self) -> Month:
        """The first month that can be synced."""
        return self.settings.cw_pipeline_first_month

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse. Raises `DatabaseUnreachable`."""
        settings = self.settings
        warehouse = lazy.database.Warehouse(settings.database_url, tenant=settings.tenant_key, who=_who())
        return self.opened.enter_context(closing(warehouse))

    @cached_property
    def connectwise(self) -> ConnectWiseClient:
        """The client for ConnectWise. Raises `NotSetUp` or `InvalidConfiguration`."""
        return self.opened.enter_context(lazy.clients.open_connectwise(self.settings))

    @cached_property
    def nordpass(self) -> NordPass:
        """The source of organizations and usage. Raises `NotSetUp` or `NordPassError`."""
        return self.opened.enter_context(lazy.clients.open_nordpass(self.settings))

    @cached_property
    def dagster(self) -> DagsterInstance:
        """Dagster's storage. Raises `NotSetUp`."""
        return self.opened.enter_context(lazy.runs.local_instance(self.settings.cw_pipeline_home))

    def sync_run(self, name: str) -> SyncRun:
        """What reads and writes ConnectWise as a sync does; the ledger has its entries under `name`.

        Raises:
            NotActive: If the integration is not active.
            WrongCompany: If the credentials are for another ConnectWise company than the connected one.
        """
        run = self.opened.enter_context(
            lazy.clients.open_sync_run(self.settings, who=_who(), run_id=f"{name} {uuid4()}", say=self.notice)
        )
        self.warehouse = run.warehouse
        return run

    def confirm_warnings(
        self, act: Callable[..., DoneT], *, on: str, yes: bool, question: str = "Map it anyway?"
    ) -> DoneT:
        """Run `act`, which takes `accept_warnings`; on warnings, print them, ask, then run it again accepting them.

        Args:
            act: What may have warnings.
            on: What it is at work on.
            yes: Whether warnings are accepted from the start.
            question: Asked on a terminal.

        Raises:
            UsageError: If there are warnings and no terminal to ask on.
            Exit: If the answer is no.
        """
        try:
            with self.working(on):
                return act(accept_warnings=yes)
        except (lazy.errors.WarningsNotAccepted, lazy.errors.TooManyGone) as refused:
            self.notice(*refused.warnings)
            self.confirm(question, refusal=str(refused))
        with self.working(on):
            return act(accept_warnings=True)

    def read_list(self, asset: str, act: Callable[..., ChangesT], *, source: str, yes: bool) -> ChangesT:
        """Import a list from `source` with `act`, as `confirm_warnings` does, and show in Dagster what changed."""
        changes = self.confirm_warnings(act, on=f"Reading {source}", question="Are they really gone?", yes=yes)
        self.done[asset] = changes
        return changes


def command(function: Callable[Concatenate[Command, P], None]) -> Callable[P, None]:
    """Make `function` a command with the option `--json`; its errors become a sentence and an exit code."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with running(as_json=bool(kwargs.pop("as_json"))) as cmd:
            function(cmd, *args, **kwargs)

    signature = inspect.signature(function, eval_str=True)
    _, *parameters = signature.parameters.values()
    as_json = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_AsJson)
    run.__signature__ = signature.replace(  # pyright: ignore[reportAttributeAccessIssue] - what `inspect` looks for
        parameters=[*parameters, as_json]
    )
    run.__annotations__ = {}  # typer would evaluate them again
    return run


def setup_command(function: Callable[Concatenate[Command, P], None]) -> Callable[P, None]:
    """Make `function` a command that changes the setup, which is shown in Dagster after it."""

    @wraps(function)
    def run(cmd: Command, *args: P.args, **kwargs: P.kwargs) -> None:
        with showing_setup(cmd):
            function(cmd, *args, **kwargs)

    return command(run)


@contextmanager
def running(*, as_json: bool) -> Generator[Command]:
    """Run the block as a command; its errors become a sentence and an exit code."""
    cmd = Command(as_json=as_json)
    problem = None
    try:
        with cmd.opened:
            yield cmd
    except KeyboardInterrupt:
        problem = "Interrupted. Every write so far is in the ledger; run the command again to continue."
        cmd.exit_code = INTERRUPTED
    except CwPipelineError as error:
        problem, cmd.exit_code = str(error), error.exit_code
    if problem is not None:
        cmd.document({"error": problem})
        cmd.notice(problem)
    if cmd.exit_code != DONE:
        raise typer.Exit(cmd.exit_code)


@contextmanager
def showing_setup(cmd: Command) -> Generator[None]:
    """Show in Dagster what the block imported and mapped.

    Dagster's storage is opened first: where it cannot be, nothing is changed.
    """
    dagster, succeeded = cmd.dagster, False
    try:
        yield
        succeeded = True
    finally:
        if succeeded or cmd.done:
            lazy.setup_assets.report_setup(dagster, cmd.warehouse, cmd.done)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def _who() -> str:
    """The user and the machine, for the audit log."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}"
