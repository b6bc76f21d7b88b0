"""What `preview` and `sync` print: what is written, what needs a person, and the sums of the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import seats_at_stake, tally
from cw_pipeline.cli import lazy
from cw_pipeline.cli.output import members
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.differences import differs_from
from cw_pipeline.wording.outcomes import in_words, with_also
from cw_pipeline.wording.seats import how_much, where_seats_go
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.cli.command import Command
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.runs import MonthResult

_GROUPS = {"Right": RIGHT, "Not billed": NOT_BILLED, "Held": HELD, "Failed": FAILED}
_STUCK = HELD | FAILED


def print_results(cmd: Command, results: Sequence[MonthResult], next_step: str, *, pushed: bool) -> None:
    """Print the result of each month; the exit code says whether all is well.

    Args:
        cmd: The command.
        results: What its runs came to, month by month.
        next_step: What to do next, where nothing is held or failed.
        pushed: Whether the months were pushed, or only previewed.
    """
    printer = _Printer(cmd, results, pushed=pushed)
    cmd.document({"months": [printer.document(result) for result in results]})
    if pushed:
        printer.print_sums()
    else:
        printer.print_writes()
        printer.print_other_outcomes()
    printer.print_conclusion(next_step)


class _Printer:
    """The results of months, with names."""

    def __init__(self, cmd: Command, results: Sequence[MonthResult], *, pushed: bool) -> None:
        self._cmd, self._results, self._pushed = cmd, results, pushed
        self._lines = [(result.month, line) for result in results for line in result.lines]
        with cmd.warehouse.transaction() as session:
            self._companies, self._agreements = lazy.listings.imported_names(session)
            comparisons = {
                result.month: lazy.changes.since_looked_at(session, result.preview_id)
                for result in results
                if pushed and result.preview_id
            }
        self._since = {month: comparison for month, comparison in comparisons.items() if comparison}

    def print_writes(self) -> None:
        """Print each line that is written, with the seats before and after."""
        self._cmd.table(
            ["Month", "Company", "Organization", "Plan", "Seats", "Agreement", "Reason"],
            [
                (
                    *self._customer(month, line),
                    f"{write.before} → {write.quantity}",
                    _named(write.agreement_id, self._agreements),
                    line.reason,
                )
                for month, line in self._lines
                for write in line.writes
            ],
        )

    def print_other_outcomes(self) -> None:
        """Print the sums of the outcomes of which nothing is written and nothing is held or failed."""
        rows: list[tuple[object, ...]] = []
        for result in self._results:
            quiet = [line for line in result.lines if not line.writes and line.outcome not in _STUCK]
            for also in (False, True):
                tallies = tally(line for line in quiet if line.also is also)
                rows += [
                    (result.month, in_words(outcome, also=also), sums.lines, sums.seats)
                    for outcome, sums in tallies.items()
                ]
        self._cmd.table(["Month", "Outcome", "Lines", "Seats"], rows)

    def print_sums(self) -> None:
        """Print a row of sums for each month."""
        self._cmd.table(
            ["Month", "Lines", "Seats", *_GROUPS, "Also", "Read", "Written"],
            [_sums(result) for result in self._results if result.error is None],
        )

    def print_conclusion(self, next_step: str) -> None:
        """Print what is held or failed, and how many seats are billed."""
        cmd = self._cmd
        stuck = [(month, line, line.reason) for month, line in self._lines if line.outcome in _STUCK]
        self._print_sentences("Reason", stuck)
        warned = [(month, line, line.warning) for month, line in self._lines if line.warning]
        self._print_sentences("Warning", warned)
        for result in self._results:
            self._print_seats(result)
        failed = sum(result.error is not None for result in self._results)
        if not stuck and not failed:
            cmd.say(next_step)
            return
        what = "Some lines are held or failed." if stuck else f"{counted(failed, 'month')} failed."
        cmd.say(f"{what} Do what each reason says, then run this again: lines that are right are not written again.")
        cmd.exit_code = HELD_OR_FAILED

    def _print_seats(self, result: MonthResult) -> None:
        cmd, month = self._cmd, result.month
        if result.error:
            cmd.notice(f"{month}: {result.error}")
        else:
            what = month if self._pushed else f"{month}, preview {result.preview_id}"
            cmd.say(f"{what}: {where_seats_go(result.lines, pushed=self._pushed)}")
        if since := self._since.get(month):
            cmd.say(f"{month}: {differs_from(since.before.id, since.changes)}")
        if result.part:
            cmd.say(
                f"{month}: {how_much(result.part)} are pushed. The month stays due: `cw-pipeline sync --month {month}` "
                "pushes the rest."
            )

    def _print_sentences(self, heading: str, lines: Sequence[tuple[Month, PreviewLine, str | None]]) -> None:
        self._cmd.table(
            ["Month", "Company", "Organization", "Plan", "Outcome", "Seats", heading],
            [
                (*self._customer(month, line), with_also(line), seats_at_stake(line.seats, line.to_credit), sentence)
                for month, line, sentence in lines
            ],
        )

    def _customer(self, month: Month, line: PreviewLine) -> tuple[object, ...]:
        organization = f"{line.organization_name} ({line.organization_id})"
        return month, _named(line.company_id, self._companies), organization, line.plan

    def document(self, result: MonthResult) -> dict[str, object]:
        """A month's part of the JSON document."""
        if result.error is not None:
            return members(result, "month", "error")
        since = self._since.get(result.month)
        return {
            "month": result.month,
            "preview": result.preview_id,
            "differs_from_preview": since and since.before.id,
            "partly_pushed": result.part,
            "outcomes": tally(line for line in result.lines if not line.also),
            "also": tally(line for line in result.lines if line.also),
            "attention": [self._attention(line) for line in result.lines if line.outcome in _STUCK],
            "warnings": [
                members(line, "organization_id", "plan", "agreement_id", "seats", "warning")
                for line in result.lines
                if line.warning
            ],
            "requests": {"read": result.requests_read, "written": result.requests_written},
        }

    def _attention(self, line: PreviewLine) -> dict[str, object]:
        return {
            **members(line, "organization_id", "organization_name", "company_id"),
            "company_name": line.company_id and self._companies.get(line.company_id),
            "agreement_id": line.agreement_id,
            "agreement_name": line.agreement_id and self._agreements.get(line.agreement_id),
            "plan": line.plan,
            "seats": seats_at_stake(line.seats, line.to_credit),
            **members(line, "also", "outcome", "reason"),
            "what_to_do": WAYS_OUT[line.outcome],
        }


def _named(record_id: int | None, names: Mapping[int, str]) -> str | None:
    """A record's name with its id, or its id where it was not imported."""
    if record_id is None:
        return None
    return f"{names[record_id]} ({record_id})" if record_id in names else str(record_id)


def _sums(result: MonthResult) -> tuple[object, ...]:
    """The row of a month; a group of lines is a cell such as `3: 45`, its lines and seats."""
    rows = [line for line in result.lines if not line.also]
    groups = [[line for line in rows if line.outcome in outcomes] for outcomes in _GROUPS.values()]
    groups.append([line for line in result.lines if line.also])
    return (
        result.month,
        len(rows),
        _seats(rows),
        *(f"{len(lines)}: {_seats(lines)}" if lines else None for lines in groups),
        result.requests_read,
        result.requests_written,
    )


def _seats(lines: Iterable[PreviewLine]) -> Decimal:
    return sum((line.seats for line in lines), Decimal(0))
