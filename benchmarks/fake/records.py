"""The records: companies with one agreement each, and the lines on the agreements."""

import re
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

FIRST_COMPANY, FIRST_AGREEMENT, FIRST_ADDITION = 200_001, 1_000_001, 5_000_001
PRODUCT = 3
NEXT_INVOICE = "2026-04-01T00:00:00Z"
_OTHER_LINES = 3
_IDS = re.compile(r"^(company/)?id in \(([\d,]+)\)$")
_ADDITIONS = re.compile(r"/finance/agreements/(\d+)/additions(?:/(\d+))?")


class Records:
    """The records of `number` customers.

    Each agreement has a few lines of other products, as agreements do.
    """

    def __init__(self, number: int) -> None:
        self._companies = {FIRST_COMPANY + one: _company(one) for one in range(number)}
        self._agreements = {FIRST_AGREEMENT + one: _agreement(one) for one in range(number)}
        self._recaps = [_recap(one) for one in self._agreements]
        self._additions: dict[int, dict[int, Record]] = {}
        self.remove_lines()

    def invoice_next_on(self, day: str) -> None:
        """Let every agreement's next invoice begin on this day."""
        for one in (*self._agreements.values(), *self._recaps):
            one["nextInvoiceDate"] = day

    def remove_lines(self) -> None:
        """Leave only the lines of other products."""
        self._next_addition = FIRST_ADDITION
        for agreement_id in self._agreements:
            self._additions[agreement_id] = {}
            for _ in range(_OTHER_LINES):
                self.create_line(agreement_id, {"product": {"id": 1}, "quantity": 1, "billCustomer": "Billable"})

    def lines(self) -> dict[str, list[int]]:
        """The quantities of the lines that have a serial number, by that."""
        found: dict[str, list[int]] = {}
        for line in (one for lines in self._additions.values() for one in lines.values()):
            if "serialNumber" in line:
                found.setdefault(line["serialNumber"], []).append(line["quantity"])
        return found

    def answer(self, path: str, query: Mapping[str, str]) -> list[Record] | Record | None:
        """What a GET of `path` finds: a whole list, in the order of ids, or one record; None where there is nothing."""
        if found := _ADDITIONS.fullmatch(path):
            lines = self._additions[int(found[1])]
            return lines.get(int(found[2])) if found[2] else list(lines.values())
        lists: dict[str, list[Record]] = {
            "/finance/billingCycles": [{"id": 2, "name": "Monthly", "billingOptions": "Monthly"}],
            "/company/companies/types": [{"id": 1, "name": "Client"}],
            "/company/companies/statuses": [{"id": 1, "name": "Active"}],
            "/finance/agreementrecap/": self._recaps,
        }
        if path in lists:
            return lists[path]
        path, is_count, _ = path.partition("/count")
        table = {"/finance/agreements": self._agreements, "/company/companies": self._companies}.get(path)
        if table is None:
            return None
        chosen = self._chosen(table, query.get("conditions", ""))
        return {"count": len(chosen)} if is_count else chosen

    def _chosen(self, table: dict[int, Record], conditions: str) -> list[Record]:
        """The records whose ids, or whose companies' ids, are in the condition; of any other condition, all."""
        found = _IDS.match(conditions)
        if found is None:
            return list(table.values())
        shift = FIRST_AGREEMENT - FIRST_COMPANY if found[1] else 0
        return [table[number] for number in sorted(int(one) + shift for one in found[2].split(",")) if number in table]

    def create_line(self, agreement_id: int, body: Record) -> Record:
        """Add a line."""
        number = self._next_addition
        self._next_addition += 1
        self._additions[agreement_id][number] = line = {
            "id": number,
            "agreementId": agreement_id,
            "lessIncluded": 0,
            "unitPrice": 3.99,
            "unitCost": 2.0,
            "description": "NordPass Business, per seat",
            "uom": "Each",
            "extPrice": 19.95,
            "extCost": 10.0,
            "margin": 9.95,
            "proratePrice": 0,
            "taxableFlag": False,
            "agreementStatus": "Active",
            "sequenceNumber": 1.0,
            "billedQuantity": body["quantity"],
            "_info": {"lastUpdated": "2026-04-01T00:30:00Z", "updatedBy": "bench"},
            **body,
            "product": {"id": body["product"]["id"], "identifier": "NP-B"},
        }
        return line

    def change_line(self, agreement_id: int, addition_id: int, changes: list[Record]) -> Record:
        """Carry out a PATCH."""
        line = self._additions[agreement_id][addition_id]
        line.update({one["path"]: one["value"] for one in changes})
        return line


def _company(one: int) -> Record:
    return {
        "id": FIRST_COMPANY + one,
        "identifier": f"customer{one}",
        "name": f"Customer {one}, Inc.",
        "status": {"id": 1, "name": "Active"},
        "types": [{"id": 1, "name": "Client"}],
        "deletedFlag": False,
    }


def _agreement(one: int) -> Record:
    return {
        "id": FIRST_AGREEMENT + one,
        "name": f"Managed services {one}",
        "type": {"id": 1, "name": "Managed Services"},
        "company": {"id": FIRST_COMPANY + one, "name": f"Customer {one}, Inc."},
        "contact": {"id": 1, "name": "Pat Doe"},
        "startDate": "2020-01-01T00:00:00Z",
        "noEndingDateFlag": True,
        "cancelledFlag": False,
        "billingCycle": {"id": 2, "name": "Monthly"},
        "billStartDate": "2020-01-01T00:00:00Z",
        "prorateFlag": False,
        "nextInvoiceDate": NEXT_INVOICE,
        "periodType": "Current",
        "agreementStatus": "Active",
        "_info": {"lastUpdated": "2024-01-01T00:00:00Z"},
    }


def _recap(agreement_id: int) -> Record:
    return {"id": agreement_id, "nextInvoiceDate": NEXT_INVOICE, "lastInvoiceNumber": "1", "unbilledPeriods": 0}
