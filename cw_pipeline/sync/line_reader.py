"""Reading the lines on agreements that concern us: most additions are of other vendors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, cast

from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.connectwise.errors import NotFound, RecordUnreadable
from cw_pipeline.connectwise.record_list import RecordList, Unreadable
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.sync.unreadable import UNUSABLE, Lines
from cw_pipeline.warehouse.ledger import Known

if TYPE_CHECKING:
    from cw_pipeline.connectwise import models

_NO_LAST_DAY = "9999"


@dataclass(frozen=True)
class ByHand:
    """Which lines kept by hand to read: billable ones of some products on some agreements.

    Lines that ended before the day `since` are left out.
    """

    agreement_ids: Collection[int]
    product_ids: Collection[int]
    since: date

    def includes(self, agreement_id: int, record: Mapping[str, object]) -> bool:
        """Whether a line that is not ours is one of them, as ConnectWise sends it."""
        product = record.get("product")
        return (
            isinstance(product, Mapping)
            and cast("Mapping[str, object]", product).get("id") in self.product_ids
            and agreement_id in self.agreement_ids
            and record.get("billCustomer") == BILLABLE
            and str(record.get("cancelledDate") or _NO_LAST_DAY) >= self.since.isoformat()
        )


@dataclass(frozen=True)
class LineReader:
    """Reads our lines on agreements, and what shows an id that the ledger knows.

    Attributes:
        known: What the ledger knows, by addition id.
        expected: Lines that carry seats as far as is known, each with its agreement. If a list lacks one, that does not
            prove that it is gone.
        settled: Lines in `known` that are skipped unless they show another serial number by now.
        by_hand: Which lines kept by hand to read; None for none.
    """

    run: SyncRun
    known: Mapping[int, Known]
    expected: Mapping[int, int] = field(default_factory=dict[int, int])
    settled: Collection[int] = ()
    by_hand: ByHand | None = None

    def read(self, agreement_ids: Collection[int]) -> dict[int, Lines]:
        """The lines on these agreements: one request each, several at a time, and one for each line a list lacks."""
        ids = sorted(agreement_ids)
        with ThreadPoolExecutor(self.run.concurrency) as pool:
            lists: dict[int, Lines] = dict(zip(ids, pool.map(self._list, ids), strict=True))
        shown = {
            line.id
            for lines in lists.values()
            if isinstance(lines, RecordList)
            for line in (*lines.records, *lines.unreadable)
        }
        for addition_id, agreement_id in self.expected.items():
            lines = lists.get(agreement_id)
            if isinstance(lines, RecordList) and addition_id not in shown:
                lists[agreement_id] = self._with_line(agreement_id, addition_id, lines)
        return lists

    def _list(self, agreement_id: int) -> Lines:
        try:
            lines = self.run.connectwise.additions(agreement_id, wanted=partial(self._wants, agreement_id))
        except UNUSABLE as error:
            return error
        return replace(lines, unreadable=tuple(line for line in lines.unreadable if self._is_ours(line.id, line.sent)))

    def _with_line(self, agreement_id: int, addition_id: int, lines: RecordList[models.Addition]) -> Lines:
        """`lines` with the line that the list lacks, unless it is really gone."""
        try:
            addition = addition_by_id(self.run, agreement_id, addition_id)
        except RecordUnreadable as error:
            return replace(lines, unreadable=(*lines.unreadable, Unreadable(addition_id, error.why)))
        except UNUSABLE as error:
            return error
        return replace(lines, records=(*lines.records, addition)) if addition else lines

    def _wants(self, agreement_id: int, record: Mapping[str, object]) -> bool:
        addition_id = cast("int", record["id"])
        if addition_id in self.settled and record.get("serialNumber") == self.known[addition_id].serial_number:
            return False
        if self._is_ours(addition_id, record):
            return True
        return self.by_hand is not None and self.by_hand.includes(agreement_id, record)

    def _is_ours(self, addition_id: int, record: Mapping[str, object]) -> bool:
        """Whether a line is ours by its serial number, or has an id that the ledger knows."""
        return addition_id in self.known or str(record.get("serialNumber") or "").startswith(PREFIX)


def addition_by_id(run: SyncRun, agreement_id: int, addition_id: int) -> models.Addition | None:
    """Read one line by itself; None if it is really gone."""
    try:
        return run.connectwise.addition(agreement_id, addition_id)
    except NotFound:
        return None
