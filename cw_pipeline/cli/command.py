"""What a running command works with."""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from cw_pipeline.cli import lazy
from cw_pipeline.cli.output import Output, command_output
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from dagster import DagsterInstance

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.orchestration.assets.setup import Done
    from cw_pipeline.settings import Settings
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.database import Warehouse

DoneT = TypeVar("DoneT")

MAP_ANYWAY = "Map it anyway?"
REALLY_GONE = "Are they really gone?"


class Command(Output):
    """A running command: its output, its settings, and the systems that it asks for.

    Each system is opened when it is first asked for, and closed when the command ends.

    Attributes:
        settings: The environment.
        done: What it set up, by asset; shown in Dagster even if the command fails later.
    """

    settings: Settings

    def __init__(self, stack: ExitStack, *, as_json: bool) -> None:
        super().__init__(as_json=as_json)
        self.done: dict[str, Done] = {}
        self._stack = stack

    @property
    def first_month(self) -> Month:
        """The first month that can be synced."""
        return Month.parse(self.settings.cw_pipeline_first_month)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse. Raises `DatabaseUnreachable`."""
        settings = self.settings
        warehouse = lazy.database.Warehouse(settings.database_url, tenant=settings.tenant_key, who=_who())
        return self._stack.enter_context(closing(warehouse))

    @cached_property
    def connectwise(self) -> ConnectWiseClient:
        """The client for ConnectWise. Raises `NotSetUp` or `InvalidConfiguration`."""
        return self._stack.enter_context(lazy.systems.open_connectwise(self.settings))

    @cached_property
    def nordpass(self) -> NordPass:
        """The source of organizations and usage. Raises `NotSetUp` or `NordPassError`."""
        return self._stack.enter_context(lazy.systems.open_nordpass(self.settings))

    @cached_property
    def dagster(self) -> DagsterInstance:
        """Dagster's storage. Raises `NotSetUp`."""
        return self._stack.enter_context(lazy.runs.local_instance(self.settings.cw_pipeline_home))

    def sync_run(self, name: str) -> SyncRun:
        """What reads and writes ConnectWise as a sync does; the ledger has its entries under `name`.

        Raises:
            NotActive: If the integration is not active.
            WrongCompany: If the credentials are for another ConnectWise company than the connected one.
        """
        run = self._stack.enter_context(
            lazy.systems.open_sync_run(self.settings, who=_who(), run_id=f"{name} {uuid4()}", say=self.notice)
        )
        self.warehouse = run.warehouse
        return run

    def confirm_warnings(self, act: Callable[..., DoneT], *, on: str, question: str, yes: bool) -> DoneT:
        """Run `act`; on warnings, print them, ask `question`, then run it again accepting them.

        Args:
            act: Takes `accept_warnings`.
            on: What it is at work on.
            question: Asked on a terminal.
            yes: Whether warnings are accepted from the start.

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


@contextmanager
def command(*, as_json: bool) -> Generator[Command]:
    """Run a command; its errors become a sentence and an exit code."""
    stack = ExitStack()
    running = Command(stack, as_json=as_json)
    with command_output(running), stack:
        running.settings = lazy.settings.Settings()
        yield running


@contextmanager
def setup_command(*, as_json: bool) -> Generator[Command]:
    """Run a command that changes the setup, and show in Dagster what is imported and mapped after it.

    Dagster's storage is opened first: where it cannot be, nothing is changed.
    """
    with command(as_json=as_json) as running:
        dagster, succeeded = running.dagster, False
        try:
            yield running
            succeeded = True
        finally:
            if succeeded or running.done:
                lazy.setup_assets.report_setup(dagster, running.warehouse, running.done)


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
