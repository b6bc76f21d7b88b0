"""What `preview` and `sync` print: what is written, what needs a person, and the sums of the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import seats_at_stake, tally
from cw_pipeline.cli import lazy
from cw_pipeline.cli.output import number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.outcomes import in_words, with_also

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cw_pipeline.billing.outcomes import Outcome
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.cli.command import Command
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.runs import MonthResult

_GROUPS = {"Right": RIGHT, "Not billed": NOT_BILLED, "Held": HELD, "Failed": FAILED}
_STUCK = HELD | FAILED


def print_preview(running: Command, reports: Sequence[MonthResult], next_step: str) -> None:
    """Print what a sync would write, line by line, then what is held or failed and the sums of the rest."""
    results = _Results(running, reports)
    results.print_document()
    results.print_writes()
    results.print_sums()
    results.print_conclusion(next_step, pushed=False)


def print_sync(running: Command, reports: Sequence[MonthResult], next_step: str) -> None:
    """Print the sums of each month, and what is held or failed."""
    results = _Results(running, reports, pushed=True)
    results.print_document()
    results.print_months()
    results.print_conclusion(next_step, pushed=True)


class _Results:
    """The results of months, and the command that prints them.

    Args:
        running: The command.
        reports: The months' results.
    """

    def __init__(self, running: Command, reports: Sequence[MonthResult], *, pushed: bool = False) -> None:
        self._output, self._reports = running, reports
        with running.warehouse.transaction() as session:
            self._companies, self._agreements = lazy.listings.imported_names(session)
            psa = lazy.psa.connected_psa(session)
            found = {
                report.month: lazy.changes.since_looked_at(session, psa, report.preview_id)
                for report in (reports if pushed else ())
                if report.preview_id
            }
        self._since = {month: since for month, since in found.items() if since}

    def print_document(self) -> None:
        """Print the JSON document."""
        self._output.document({"months": [self._document(report) for report in self._reports]})

    def print_writes(self) -> None:
        """Print each line that is written, with the seats before and after."""
        self._output.table(
            ["Month", "Company", "Organization", "Plan", "Seats", "Agreement", "Reason"],
            [
                (
                    month,
                    _named(line.company_id, self._companies),
                    _organization(line),
                    line.plan,
                    f"{write.before} → {write.quantity}",
                    _named(write.agreement_id, self._agreements),
                    line.reason,
                )
                for month, line in self._lines(lambda line: bool(line.writes))
                for write in line.writes
            ],
        )

    def print_sums(self) -> None:
        """Print the sums of the outcomes of which nothing is written and nothing is held or failed."""
        rows: list[tuple[object, ...]] = []
        for report in self._reports:
            quiet = [line for line in report.lines if not line.writes and line.outcome not in _STUCK]
            for also in (False, True):
                rows += [
                    (report.month, in_words(outcome, also=also), one.lines, one.seats)
                    for outcome, one in tally(line for line in quiet if line.also is also).items()
                ]
        self._output.table(["Month", "Outcome", "Lines", "Seats"], rows)

    def print_months(self) -> None:
        """Print a row of sums for each month."""
        self._output.table(
            ["Month", "Lines", "Seats", *_GROUPS, "Also", "Read", "Written"],
            [_row(report) for report in self._reports if report.error is None],
        )

    def print_conclusion(self, next_step: str, *, pushed: bool) -> None:
        """Print what is held or failed, and how many seats are billed; the exit code says whether all is well."""
        output = self._output
        stuck = self._lines(lambda line: line.outcome in _STUCK)
        self._print_sentences("Reason", [(month, line, line.reason) for month, line in stuck])
        warned = self._lines(lambda line: line.warning is not None)
        self._print_sentences("Warning", [(month, line, line.warning) for month, line in warned])
        for report in self._reports:
            if report.error:
                output.notice(f"{report.month}: {report.error}")
            else:
                which = report.month if pushed else f"{report.month}, preview {report.preview_id}"
                output.say(f"{which}: {lazy.seats.where_seats_go(report.lines, pushed=pushed)}")
            if since := self._since.get(report.month):
                sentence = lazy.differences.differs_from(since.before.preview_id, since.changes)
                output.say(f"{report.month}: {sentence}")
            if report.part:
                rest = f"The month stays due: `cw-pipeline sync --month {report.month}` pushes the rest."
                output.say(f"{report.month}: {lazy.seats.how_much(report.part)} are pushed. {rest}")
        failed = sum(report.error is not None for report in self._reports)
        if not stuck and not failed:
            output.say(next_step)
            return
        what = "Some lines are held or failed." if stuck else f"{counted(failed, 'month')} failed."
        output.say(f"{what} Do what each reason says, then run this again: lines that are right are not written again.")
        output.exit_code = HELD_OR_FAILED

    def _lines(self, wanted: Callable[[PreviewLine], bool]) -> list[tuple[Month, PreviewLine]]:
        return [(report.month, line) for report in self._reports for line in report.lines if wanted(line)]

    def _print_sentences(self, what: str, lines: Sequence[tuple[Month, PreviewLine, str | None]]) -> None:
        """Print each line with its sentence, in a column named `what`."""
        self._output.table(
            ["Month", "Company", "Organization", "Plan", "Outcome", "Seats", what],
            [
                (
                    month,
                    _named(line.company_id, self._companies),
                    _organization(line),
                    line.plan,
                    with_also(line),
                    seats_at_stake(line.seats, line.to_credit),
                    sentence,
                )
                for month, line, sentence in lines
            ],
        )

    def _document(self, report: MonthResult) -> dict[str, object]:
        if report.error is not None:
            return {"month": report.month, "error": report.error}
        return {
            "month": report.month,
            "preview": report.preview_id,
            "differs_from_preview": since.before.preview_id if (since := self._since.get(report.month)) else None,
            "partly_pushed": report.part,
            "outcomes": _tallies(line for line in report.lines if not line.also),
            "also": _tallies(line for line in report.lines if line.also),
            "attention": [self._attention(line) for line in report.lines if line.outcome in _STUCK],
            "warnings": [
                {
                    "organization_id": line.organization_id,
                    "plan": line.plan,
                    "agreement_id": line.agreement_id,
                    "seats": number(line.seats),
                    "warning": line.warning,
                }
                for line in report.lines
                if line.warning
            ],
            "requests": {"read": report.requests_read, "written": report.requests_written},
        }

    def _attention(self, line: PreviewLine) -> dict[str, object]:
        return {
            "organization_id": line.organization_id,
            "organization_name": line.organization_name,
            "company_id": line.company_id,
            "company_name": line.company_id and self._companies.get(line.company_id),
            "agreement_id": line.agreement_id,
            "agreement_name": line.agreement_id and self._agreements.get(line.agreement_id),
            "plan": line.plan,
            "seats": number(seats_at_stake(line.seats, line.to_credit)),
            "also": line.also,
            "outcome": line.outcome,
            "reason": line.reason,
            "what_to_do": lazy.ways_out.WAYS_OUT[line.outcome],
        }


def _tallies(lines: Iterable[PreviewLine]) -> dict[str, object]:
    return {outcome: {"lines": one.lines, "seats": number(one.seats)} for outcome, one in tally(lines).items()}


def _organization(line: PreviewLine) -> str:
    return f"{line.organization_name} ({line.organization_id})"


def _named(record_id: int | None, names: Mapping[int, str]) -> str | None:
    """A record's name with its id, or its id where it was not imported."""
    if record_id is None:
        return None
    return f"{names[record_id]} ({record_id})" if record_id in names else str(record_id)


def _row(report: MonthResult) -> tuple[object, ...]:
    rows = [line for line in report.lines if not line.also]
    return (
        report.month,
        len(rows),
        _seats(rows),
        *(_cell(_with(group, rows)) for group in _GROUPS.values()),
        _cell([line for line in report.lines if line.also]),
        report.requests_read,
        report.requests_written,
    )


def _cell(lines: Sequence[PreviewLine]) -> str | None:
    """Lines and seats, as in `3: 45`."""
    return f"{len(lines)}: {_seats(lines)}" if lines else None


def _seats(lines: Iterable[PreviewLine]) -> Decimal:
    return sum((line.seats for line in lines), Decimal(0))


def _with(outcomes: frozenset[Outcome], lines: Iterable[PreviewLine]) -> list[PreviewLine]:
    return [line for line in lines if line.outcome in outcomes]
