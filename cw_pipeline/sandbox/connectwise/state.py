"""The records of the simulated ConnectWise PSA, and what people do to them by hand."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from threading import RLock
from typing import Any, cast

from cw_pipeline.sandbox.connectwise.invoicing import Invoice, billed_lines, next_period_start
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.sandbox.connectwise.seed import seed_tables
from cw_pipeline.sandbox.connectwise.settings import Settings
from cw_pipeline.sandbox.wire import Record

Table = dict[int, Record]


class ConnectWise:
    """The tables, the role of the API member, the switches, and the acts of people.

    The acts change records as they are told, without the API's rules: a person may do what the API refuses, and a test
    may spoil a record. Records that are handed out are copies.

    Args:
        lock: Guards everything that the sandbox holds.
        today: The sandbox's calendar day.
        changed: Called after each change.
        saved: What `snapshot` returned; None for the first data.
    """

    def __init__(
        self, *, lock: RLock, today: Callable[[], date], changed: Callable[[], None], saved: Record | None
    ) -> None:
        self.lock = lock
        self.today = today
        self.changed = changed
        self.settings = Settings.model_validate(saved["settings"]) if saved else Settings()
        self.role = frozenset(Right(right) for right in saved["role"]) if saved else SEED_ROLE
        # JSON has no numbers as keys, so a saved table is the list of its records.
        # A table that was not saved yet begins as in a fresh sandbox.
        tables = seed_tables(today()) | (cast("dict[str, list[Record]]", saved["tables"]) if saved else {})
        self.tables: dict[str, Table] = {
            name: {record["id"]: record for record in rows} for name, rows in tables.items()
        }
        self._invoices: list[Invoice] = saved["invoices"] if saved else []
        self._next_ids: dict[str, int] = {name: max(rows, default=0) + 1 for name, rows in self.tables.items()}
        self._next_ids |= {"invoices": 1} | (saved["next_ids"] if saved else {})

    def snapshot(self) -> Record:
        """Everything, as JSON values."""
        return {
            "settings": self.settings.model_dump(),
            "role": sorted(self.role),
            "tables": {name: list(rows.values()) for name, rows in self.tables.items()},
            "invoices": self._invoices,
            "next_ids": self._next_ids,
        }

    # What the API needs

    def insert(self, table: str, record: Record) -> Record:
        """Give the record an id, store it, and return it."""
        with self.lock:
            new_id = self._next_id(table)
            stored = {"id": new_id, **record, "_info": changed_now()}
            self.tables[table][new_id] = stored
            self.changed()
            return stored

    def update(self, table: str, record_id: int, changes: Record) -> Record:
        """Change members of a record; None removes one."""
        with self.lock:
            stored = self._set(table, record_id, changes)
            self.changed()
            return stored

    def remove(self, table: str, record_id: int) -> None:
        """Take a record out of its table."""
        with self.lock:
            del self.tables[table][record_id]
            self.changed()

    def additions_of(self, agreement_id: int) -> list[Record]:
        """The stored additions of an agreement."""
        return [line for line in self.tables["additions"].values() if line["agreementId"] == agreement_id]

    def is_invoiced(self, addition_id: int) -> bool:
        """Whether an invoice has a line for the addition."""
        return any(line["addition_id"] == addition_id for invoice in self._invoices for line in invoice["lines"])

    # The role and the switches

    def set_role(self, rights: Iterable[Right]) -> None:
        """Give the API member's role exactly these rights."""
        with self.lock:
            self.role = frozenset(Right(right) for right in rights)
            self.changed()

    def change_settings(self, **settings: Any) -> Settings:  # noqa: ANN401 - checked by the model
        """Set switches by name."""
        with self.lock:
            self.settings = Settings.model_validate({**self.settings.model_dump(), **settings})
            self.changed()
            return self.settings

    # What people do by hand

    def records(self, table: str) -> list[Record]:
        """All records of a table as stored."""
        with self.lock:
            return [dict(record) for record in self.tables[table].values()]

    def additions(self, agreement_id: int) -> list[Record]:
        """The agreement's additions as stored, ordered by id."""
        with self.lock:
            self._agreement(agreement_id)
            return [dict(line) for line in sorted(self.additions_of(agreement_id), key=lambda line: line["id"])]

    def edit_addition(self, agreement_id: int, addition_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of an addition; None removes one."""
        with self.lock:
            self._addition(agreement_id, addition_id)
            return dict(self.update("additions", addition_id, fields))

    def duplicate_addition(self, agreement_id: int, addition_id: int) -> int:
        """Copy an addition on its agreement; return the copy's id."""
        with self.lock:
            line = self._addition(agreement_id, addition_id)
            copied = self.insert("additions", {name: value for name, value in line.items() if name != "id"})
            return int(copied["id"])

    def delete_addition(self, agreement_id: int, addition_id: int) -> None:
        """Delete an addition."""
        with self.lock:
            self._addition(agreement_id, addition_id)
            self.remove("additions", addition_id)

    def edit_agreement(self, agreement_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of an agreement; None removes one. `company` and `billingCycle` are an id or `{"id": …}`."""
        with self.lock:
            self._agreement(agreement_id)
            for name in ("company", "billingCycle"):
                if isinstance(fields.get(name), int):
                    fields[name] = {"id": fields[name]}
            if fields.get("billingCycle"):
                self._record("billing_cycles", fields["billingCycle"]["id"])
            return dict(self.update("agreements", agreement_id, fields))

    def edit_company(self, company_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of a company; None removes one."""
        with self.lock:
            self._record("companies", company_id)
            return dict(self.update("companies", company_id, fields))

    def remove_company(self, company_id: int, *, merged_into: int | None = None) -> None:
        """Let a company vanish, as a merge does; its agreements go to the company that it was merged into."""
        with self.lock:
            self._record("companies", company_id)
            for agreement in list(self.tables["agreements"].values()):
                if merged_into is not None and agreement["company"]["id"] == company_id:
                    self._set("agreements", agreement["id"], {"company": {"id": merged_into}})
            self.remove("companies", company_id)

    # Invoicing

    def invoice(self, agreement_id: int | None = None, *, until: date | None = None) -> list[Invoice]:
        """Invoice period after period, and move `nextInvoiceDate` on.

        Args:
            agreement_id: One agreement; None: every Active agreement with a billing cycle. A child agreement is
                invoiced like any other, by its own dates.
            until: Go on while a period begins on or before this day; None: one period each.

        Returns:
            The new invoices.

        Raises:
            ValueError: the agreement cannot be invoiced.
        """
        with self.lock:
            if agreement_id is None:
                agreements = [line for line in self.tables["agreements"].values() if self._not_billable(line) is None]
            else:
                agreements = [self._agreement(agreement_id)]
                if reason := self._not_billable(agreements[0]):
                    raise ValueError(f"agreement {agreement_id} is not invoiced: {reason}")
            made = [invoice for agreement in agreements for invoice in self._invoice(agreement, until)]
            self._invoices.extend(made)
            self.changed()
            return made

    def invoices(self) -> list[Invoice]:
        """All invoices, as they were when they were made."""
        with self.lock:
            return list(self._invoices)

    def last_invoice(self, agreement_id: int) -> Invoice | None:
        """The agreement's invoice with the highest number."""
        made = (invoice for invoice in self._invoices if invoice["agreement_id"] == agreement_id)
        return max(made, key=lambda invoice: invoice["number"], default=None)

    def unbilled_periods(self, agreement: Record) -> int:
        """How many periods, from the next invoice date on, have begun."""
        if self._not_billable(agreement) or not agreement.get("nextInvoiceDate"):
            return 0
        start, periods = day(agreement["nextInvoiceDate"]), 0
        while start <= self.today():
            start, periods = next_period_start(start), periods + 1
        return periods

    def status_of(self, agreement: Record) -> str:
        """The agreement's status, which follows from its dates and `cancelledFlag`."""
        today = self.today()
        if agreement["cancelledFlag"]:
            return "Cancelled"
        if agreement.get("startDate") and day(agreement["startDate"]) > today:
            return "Inactive"
        if not agreement.get("noEndingDateFlag") and agreement.get("endDate") and day(agreement["endDate"]) < today:
            return "Expired"
        return "Active"

    def _next_id(self, kind: str) -> int:
        taken = self._next_ids[kind]
        self._next_ids[kind] = taken + 1
        return taken

    def _set(self, table: str, record_id: int, changes: Record) -> Record:
        merged = {**self.tables[table][record_id], **changes, "_info": changed_now()}
        stored = {name: value for name, value in merged.items() if value is not None}
        self.tables[table][record_id] = stored
        return stored

    def _invoice(self, agreement: Record, until: date | None) -> list[Invoice]:
        lines = self.additions_of(agreement["id"])
        start = self._first_period(agreement, lines)
        end = None if agreement.get("noEndingDateFlag") or not agreement.get("endDate") else day(agreement["endDate"])
        made: list[Invoice] = []
        while (until is None and not made) or (until is not None and start <= until):
            if end is not None and start > end:
                break
            following = next_period_start(start)
            last = following - timedelta(days=1)
            made.append(
                {
                    "number": self._next_id("invoices"),
                    "made_on": self.today().isoformat(),
                    "agreement_id": agreement["id"],
                    "period_start": start.isoformat(),
                    "period_end": last.isoformat(),
                    "lines": billed_lines(agreement, lines, start, last, self.tables["catalog"]),
                }
            )
            start = following
        if made:
            self._set("agreements", agreement["id"], {"nextInvoiceDate": start.isoformat()})
        return made

    def _first_period(self, agreement: Record, lines: list[Record]) -> date:
        for member in ("nextInvoiceDate", "billStartDate"):
            if agreement.get(member):
                return day(agreement[member])
        return min([day(line["effectiveDate"]) for line in lines], default=self.today()).replace(day=1)

    def _not_billable(self, agreement: Record) -> str | None:
        cycle = agreement.get("billingCycle") and self._record("billing_cycles", agreement["billingCycle"]["id"])
        if not cycle or cycle["billingOptions"] == "NotRecurring":
            return f"its billing cycle is {cycle and cycle['name']}"
        status = self.status_of(agreement)
        return None if status == "Active" else f"it is {status}"

    def _record(self, table: str, record_id: int) -> Record:
        record = self.tables[table].get(record_id)
        if record is None:
            raise ValueError(f"there is no record {record_id} in {table}")
        return record

    def _agreement(self, agreement_id: int) -> Record:
        return self._record("agreements", agreement_id)

    def _addition(self, agreement_id: int, addition_id: int) -> Record:
        line = self._record("additions", addition_id)
        if line["agreementId"] != agreement_id:
            raise ValueError(f"addition {addition_id} is not on agreement {agreement_id}")
        return line


def changed_now() -> Record:
    """The `_info` of a record that is changed at this moment."""
    return {"lastUpdated": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}


def day(text: str) -> date:
    """The day of a stored date or date-time."""
    return date.fromisoformat(text[:10])
