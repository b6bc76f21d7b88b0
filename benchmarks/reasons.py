"""Why rows may be over their limits: what neither the product nor its machine can change, with what profiles showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIRST_SYNC = (
    "Two requests a line, to read its agreement's lines and to create it. In a profile of 2,000 agreements a line took "
    "1.6 ms: 0.87 ms in urllib3 and TLS for the two requests, 0.16 ms for limits, counts and JSON, 0.14 ms to check "
    "records, 0.16 ms for the database, 0.08 ms for the rule. Threads add to that: a bare request with urllib3 takes "
    "0.24 ms one after the other, and 0.3 ms with four at a time."
)
_REASONS = {
    "processor time, drift of": (
        "It needs a request for each agreement, because ConnectWise lists lines in no other way. Bare requests, with "
        "urllib3, nothing read of the answers and one after the other, are in a row of their own; with four at a time "
        "they take a quarter more. In a profile of 2,000 agreements, of 0.84 ms for each, 0.50 ms were in urllib3 and "
        "TLS, 0.10 ms for limits, counts and JSON, 0.13 ms to check the records of four lists, and 0.03 ms to read the "
        "ledger. The comparison itself does not show."
    ),
    "processor time, first sync of": _FIRST_SYNC,
    "processor time a line, first sync of": _FIRST_SYNC,
    "processor time a line, first sync of the last of": (
        "After 36 months the list of an agreement's lines has 36 earlier ones of ours. In a profile of 400 agreements "
        "that added 1.2 ms a line: 0.45 ms to receive the longer answer, 0.22 ms for its JSON, 0.12 ms to look at each "
        "of its records, and 0.36 ms to read from the ledger which lines it knows and which writes are open. A "
        "condition that leaves earlier lines out would hide those that the ledger does not know, such as copies. To "
        "ask for fewer fields is not safe: a site that does not know one of them may answer with no lines at all."
    ),
    "processor time a line of a repeat, at four times": (
        "The same work varies by a tenth from run to run on this machine: four runs had 0.90, 1.00, 1.12 and 1.03. It "
        "does not grow: at 20,000 agreements, five times as many again, a line of a repeat took 1.09 ms. Tests that "
        "count the work of the rule hold that it is linear."
    ),
    "time, import of": (
        "Half of it is to check the records that ConnectWise lists, one by one, the rest to write them in bulk; a "
        "person does it once, and later for what is new."
    ),
    "time of": (
        "Eleven requests go one after the other, since each says what to ask next: the codebase, the billing cycles, "
        "the pages of agreements and of companies, and at the end the last agreements again. With 16 at a time, where "
        "3,220 requests take 20.1 s at least, that is one second, so 0.05. The rest is processor time, of which "
        "Python's threads share one processor: about 0.8 ms a request."
    ),
    "overhead of a month's run": (
        "The daemon looks at the queue every second, and has the code server start a process for the run, which loads "
        "Dagster and the project before its step begins; our work begins and ends with the step. On an idle machine it "
        "was 2.9 s. Nearly half of the processor time of loading is for Dagster alone."
    ),
    "from the click to green": (
        "Dagster's daemon looks at backfills every thirty seconds, which no setting changes: once to launch the run, "
        "and once to see that it has ended. On an idle machine these were 53 s of 60 s."
    ),
}
"""By how the names of the rows begin; the longest beginning counts."""


def reasons_for(over: Iterable[str]) -> Iterator[str]:
    """The reasons for rows that are over their limits, as a Markdown list, the rows of one reason together."""
    beginnings = [max((one for one in _REASONS if what.startswith(one)), key=len, default=what) for what in over]
    for one in dict.fromkeys(beginnings):
        yield f"- **{one} …** {_REASONS[one]}" if one in _REASONS else f"- **{one}**: no reason is known."
