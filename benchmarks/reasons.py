"""Why rows may be over their limits: what neither the product nor its machine can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_REASONS = {
    "processor time, drift of": (
        "It needs a request for each agreement, because ConnectWise lists lines in no other way. The bare requests, "
        "with urllib3, nothing read of the answers and one after the other, are in a row of their own. The rest is to "
        "check the records of the answers, and each line with the ledger."
    ),
    "processor time a line, first sync of": (
        "Two requests a line, to read its agreement's lines and to create it: about two thirds of the time, in urllib3 "
        "and TLS. After years, the list of an agreement's lines has all earlier ones of ours; a condition that leaves "
        "them out would hide those that the ledger does not know, such as copies."
    ),
    "time, import of": (
        "Half of it is to check the records that ConnectWise lists, one by one, the rest to write them in bulk; a "
        "person does it once, and later for what is new."
    ),
    "time of": (
        "The codebase, the billing cycles and the lists of agreements and companies are read one after the other, "
        "since each says what to ask next; the last agreements are read again when all has been sent. With more at a "
        "time, the same seconds are a larger part."
    ),
    "overhead of a month's run": (
        "The daemon looks at the queue every second, and has the code server start a process for the run, which loads "
        "Dagster and the project before its step begins; our work begins and ends with the step."
    ),
    "from the click to green": (
        "Dagster's daemon looks at backfills every thirty seconds, which no setting changes: once to launch the run, "
        "and once to see that it has ended."
    ),
}
"""By how the names of the rows begin."""


def reasons_for(over: Collection[str]) -> Iterator[str]:
    """The reasons for rows that are over, each with how many of them it is for, as a Markdown list."""
    for beginning, reason in _REASONS.items():
        if any(what.startswith(beginning) for what in over):
            yield f"- **{beginning} …** {reason}"
    for what in over:
        if not any(what.startswith(beginning) for beginning in _REASONS):
            yield f"- **{what}**: no reason is known."
