"""Which of an agreement's lines are looked at, as ConnectWise sends them: most are of other vendors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.warehouse.ledger import Known

_NO_LAST_DAY = "9999"


@dataclass(frozen=True)
class ByHand:
    """Which lines are wanted that people keep by hand: billable ones on some agreements, of some products.

    `since` is the first day that matters: lines that ended before it are left out.
    """

    agreement_ids: Collection[int]
    product_ids: Collection[int]
    since: date

    def wants(self, agreement_id: int, record: Mapping[str, object]) -> bool:
        """Whether a line is one of them, if it is not ours."""
        product = record.get("product")
        return (
            isinstance(product, Mapping)
            and cast("Mapping[str, object]", product).get("id") in self.product_ids
            and agreement_id in self.agreement_ids
            and record.get("billCustomer") == BILLABLE
            and str(record.get("cancelledDate") or _NO_LAST_DAY) >= self.since.isoformat()
        )


@dataclass(frozen=True)
class WantedLines:
    """The lines that a reading looks at.

    Attributes:
        known: What the ledger knows, by addition id.
        settled: Of those, the ones that are only wanted if they show another serial number by now.
        by_hand: Which lines are wanted that people keep by hand, if any.
    """

    known: Mapping[int, Known]
    settled: Collection[int]
    by_hand: ByHand | None

    def wants(self, agreement_id: int, record: Mapping[str, object]) -> bool:
        """Whether a line is one of them."""
        number = cast("int", record["id"])
        if number in self.settled and record.get("serialNumber") == self.known[number].serial_number:
            return False
        return self.is_ours(number, record) or (self.by_hand is not None and self.by_hand.wants(agreement_id, record))

    def is_ours(self, number: int, record: Mapping[str, object]) -> bool:
        """Whether a line is one of ours by its serial number, or has an id that the ledger knows."""
        return number in self.known or str(record.get("serialNumber") or "").startswith(PREFIX)
