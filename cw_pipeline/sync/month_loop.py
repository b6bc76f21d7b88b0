"""A run's months, from usage report to push: a month that fails drops out, and the others go on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.errors import CwPipelineError
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.sync.outdated_warehouse import RecordedPush, require_up_to_date
from cw_pipeline.sync.previews import make_previews
from cw_pipeline.sync.push import check_seats, push_months
from cw_pipeline.sync.reviewed import require_unchanged
from cw_pipeline.sync.usage import fetch_usage, require_report
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.previews import StoredPreview
from cw_pipeline.warehouse.pushes import PushedMonth
from cw_pipeline.warehouse.runs import save_month_error
from cw_pipeline.warehouse.usage import StoredReport, latest_report_ids
from cw_pipeline.wording.failed_writes import failed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sync.previews import Previews
    from cw_pipeline.sync.sync_run import SyncRun


@dataclass(frozen=True)
class MonthFailed:
    """A month failed as a whole: nothing more is done for it in this run."""

    month: Month
    error: str


MonthEvent: TypeAlias = StoredReport | StoredPreview | PushedMonth | MonthFailed
"""A month's usage report or preview was stored, or the month was pushed, or it failed."""


class MonthLoop:
    """Fetches, previews and pushes a set of months, each step for all months that have not failed.

    Args:
        run: Gives access to ConnectWise and the warehouse.
        months: The closed months to sync.
        on_event: Called with each event as soon as it has happened, such as a push that left failed lines.
        choice: The organizations to push the months for.

    Attributes:
        failed: The months that failed, as a whole or in some of their lines, each with the reason.
        pushed: The months that were pushed whole, even with failed lines.
        retryable: Whether a failed month may succeed later although nothing is changed.
    """

    def __init__(
        self,
        run: SyncRun,
        months: Iterable[Month],
        on_event: Callable[[MonthEvent], None],
        choice: Choice = EVERYBODY,
    ) -> None:
        self.failed: dict[Month, str] = {}
        self.pushed: list[Month] = []
        self.retryable = False
        self._run = run
        self._remaining = list(months)
        self._on_event = on_event
        self._choice = choice
        self._made: Previews | None = None

    def fetch_usage(self, nordpass: NordPass) -> None:
        """Fetch and store each month's usage report."""
        for month in list(self._remaining):
            with self._dropping([month]):
                self._on_event(fetch_usage(nordpass, self._run.warehouse, month))

    def preview(self) -> list[Preview]:
        """Make and store the months' previews from one snapshot, and return even those that lack seats."""
        self._drop_months_without_usage()
        if not self._remaining:
            return []
        with self._dropping(self._remaining):
            made = make_previews(self._run, list(self._remaining))
            self._choice.require_in(stored.preview for stored in made.of_months.values())
            self._made = made
        previews = list(self._made.of_months.values()) if self._made else []
        for stored in previews:
            with self._dropping([stored.preview.month]):
                check_seats(stored.preview)
                self._on_event(stored)
        return [stored.preview for stored in previews]

    def push(
        self,
        recorded: Collection[RecordedPush],
        reviewed: Mapping[Month, StoredPreview] = MappingProxyType({}),
    ) -> None:
        """Carry out the months' previews, or new ones if something has changed since they were made.

        Args:
            recorded: The last pushes that are recorded outside the warehouse. If it lacks one, nothing is written.
            reviewed: The previews that a person looked at. A month fails if its push would do something else.
        """
        if self._made is None:
            self._drop_months_without_usage()
        if not self._remaining:
            return
        with self._dropping(self._remaining):
            require_up_to_date(self._run.warehouse, recorded)
            wanted = partial(self._is_as_reviewed, reviewed)
            for pushed in push_months(self._run, list(self._remaining), self._made, wanted, self._choice):
                self._remaining.remove(pushed.preview.month)
                if pushed.is_whole:
                    self.pushed.append(pushed.preview.month)
                self._on_event(pushed)
                if failed := pushed.failed_lines:
                    self.retryable |= any(line.outcome is Outcome.UNCONFIRMED for line in failed)
                    self.failed[pushed.preview.month] = failed_lines(failed)

    def _is_as_reviewed(self, reviewed: Mapping[Month, StoredPreview], now: StoredPreview) -> bool:
        """Whether the month's preview decides what a person reviewed, if anybody did; if not, the month is dropped."""
        month = now.preview.month
        if month in reviewed:
            with self._dropping([month]):
                require_unchanged(reviewed[month], now)
        return month in self._remaining

    def _drop_months_without_usage(self) -> None:
        with self._run.warehouse.transaction() as session:
            reported = latest_report_ids(session, self._remaining)
        for month in list(self._remaining):
            with self._dropping([month]):
                require_report(month, reported)

    @contextmanager
    def _dropping(self, months: list[Month]) -> Generator[None]:
        """If the block fails with an error of ours, drop `months` (those that then remain), and keep the reason."""
        try:
            yield
        except CwPipelineError as error:
            self.retryable |= error.is_transient
            for month in list(months):
                self.failed[month] = str(error)
                self._remaining.remove(month)
                self._on_event(MonthFailed(month, str(error)))
                with self._run.warehouse.transaction() as session:
                    save_month_error(session, month, self._run.run_id, str(error))
