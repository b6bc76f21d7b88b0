"""The environment of a command: its settings, and the months that it may name."""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from dagster import DagsterInstance

    from cw_pipeline.settings import Settings
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline.warehouse.database import Warehouse


def read_settings() -> Settings:
    """The settings of the environment.

    Raises:
        NotSetUp: If one has a value that cannot be used.
    """
    from cw_pipeline.settings import Settings

    return Settings()


@contextmanager
def opened_warehouse(settings: Settings) -> Generator[Warehouse]:
    """The warehouse, closed after the block.

    Raises:
        DatabaseUnreachable: If it cannot be opened.
    """
    from cw_pipeline.setup.opening import open_warehouse

    with closing(open_warehouse(settings, who=_who())) as warehouse:
        yield warehouse


def opened_sync_run(settings: Settings, what: str, say: Callable[[str], None]) -> AbstractContextManager[SyncRun]:
    """What an act that reads ConnectWise as a sync does works with; ``what`` names it in the ledger.

    Raises:
        NotActive: If the integration is not active.
        WrongCompany: If the credentials are of another ConnectWise company than the connected one.
    """
    from cw_pipeline.setup.opening import open_sync_run

    return open_sync_run(settings, who=_who(), run_id=f"{what} {uuid4()}", say=say)


@contextmanager
def opened_dagster(settings: Settings) -> Generator[DagsterInstance]:
    """Dagster's storage, closed after the block; importing Dagster takes more than a second.

    Raises:
        NotSetUp: If it cannot be opened.
    """
    from dagster import DagsterError
    from sqlalchemy.exc import SQLAlchemyError

    from cw_pipeline.orchestration.runs import local_instance
    from cw_pipeline.settings import NotSetUp

    try:
        instance = local_instance(settings.cw_pipeline_home)
    except (DagsterError, SQLAlchemyError, OSError) as error:
        msg = (
            f"Dagster's storage cannot be opened ({type(error).__name__}), and nothing was done. Check DAGSTER_HOME, "
            "the dagster.yaml in it and, where that names it, DAGSTER_POSTGRES_URL."
        )
        raise NotSetUp(msg) from None  # the driver's own traceback has the password
    with instance:
        yield instance


def _who() -> str:
    """The person who runs the command, as the operating system knows them."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}"


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def parsed_month(text: str) -> Month:
    """The month that an option names."""
    try:
        return Month.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MonthOption = Annotated[
    Month | None, typer.Option("--month", parser=parsed_month, metavar="MONTH", help="One closed month, as 2026-03.")
]
FromOption = Annotated[
    Month | None, typer.Option("--from", parser=parsed_month, metavar="MONTH", help="The first of several; needs --to.")
]
ToOption = Annotated[
    Month | None, typer.Option("--to", parser=parsed_month, metavar="MONTH", help="The last of them, itself included.")
]
BillFromOption = Annotated[
    Month | None,
    typer.Option(
        "--bill-from",
        parser=parsed_month,
        metavar="MONTH",
        help="The first month that is billed, as 2026-03; by default the last closed month.",
    ),
]
