"""The same month in two other ways, as one would write it in an afternoon, to measure the product against.

Both read each agreement's lines, and create the month's line or set its quantity. They keep no ledger, hold nothing,
and know nothing of billing periods.
"""

from dataclasses import dataclass
from typing import Any

CREDENTIALS = ("bench", "public", "private", "client")
PRODUCT = 3
FIRST_DAY, LAST_DAY = "2026-04-01T00:00:00Z", "2026-04-30T00:00:00Z"


@dataclass(frozen=True)
class Task:
    """One agreement, and the seats that its line with this serial number is to have."""

    agreement_id: int
    serial_number: str
    seats: int

    def new_line(self) -> dict[str, Any]:
        """The body of the POST that creates the line."""
        return {
            "product": {"id": PRODUCT},
            "quantity": self.seats,
            "billCustomer": "Billable",
            "effectiveDate": FIRST_DAY,
            "cancelledDate": LAST_DAY,
            "serialNumber": self.serial_number,
        }
