"""The state of the simulated ConnectWise PSA: its records and invoices, the API member's role, and the switches."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.sandbox.connectwise.seed import seed_tables
from cw_pipeline.sandbox.connectwise.settings import Settings
from cw_pipeline.sandbox.wire import Record

if TYPE_CHECKING:
    from cw_pipeline.sandbox.connectwise.invoicing import Invoice, WrittenOff

Table = dict[int, Record]


class Store:
    """The tables, the invoices, the role and the switches.

    Args:
        lock: Guards everything that the sandbox holds.
        today: The sandbox's calendar day.
        changed: Called after each change.
        saved: What `snapshot` returned; None for new data.
    """

    def __init__(
        self, *, lock: RLock, today: Callable[[], date], changed: Callable[[], None], saved: Record | None
    ) -> None:
        self.lock = lock
        self.today = today
        self.changed = changed
        self.settings = Settings.model_validate(saved["settings"]) if saved else Settings()
        self.role = frozenset(Right(right) for right in saved["role"]) if saved else SEED_ROLE
        # A table that an older version did not save begins as in a fresh sandbox.
        tables = seed_tables(today()) | (cast("dict[str, list[Record]]", saved["tables"]) if saved else {})
        # JSON has no numbers as keys, so a saved table is the list of its records.
        self.tables: dict[str, Table] = {
            name: {record["id"]: record for record in rows} for name, rows in tables.items()
        }
        self._next_ids: dict[str, int] = {name: max(rows, default=0) + 1 for name, rows in self.tables.items()}
        self._next_ids |= {"invoices": 1} | (saved["next_ids"] if saved else {})
        self._invoices: list[Invoice] = saved["invoices"] if saved else []
        self._written_off: list[WrittenOff] = saved.get("written_off", []) if saved else []
        self._lists_to_miss = Counter[tuple[str, int]]()

    def snapshot(self) -> Record:
        """The whole state, as JSON values."""
        return {
            "settings": self.settings.model_dump(),
            "role": sorted(self.role),
            "tables": {name: list(rows.values()) for name, rows in self.tables.items()},
            "next_ids": self._next_ids,
            "invoices": self._invoices,
            "written_off": self._written_off,
        }

    def insert(self, table: str, record: Record) -> Record:
        """Store the record under a new id, and return it."""
        with self.lock:
            stored = self._store(table, {"id": self._next_id(table), **record})
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

    def records(self, table: str) -> list[Record]:
        """All records of a table as stored."""
        with self.lock:
            return [dict(record) for record in self.tables[table].values()]

    def additions_of(self, agreement_id: int) -> list[Record]:
        """The stored additions of an agreement."""
        return [line for line in self.tables["additions"].values() if line["agreementId"] == agreement_id]

    def misses_list(self, table: str, record_id: int) -> bool:
        """Whether a list still lacks the record's latest write; counts the list."""
        missed = self._lists_to_miss[table, record_id] > 0
        self._lists_to_miss[table, record_id] -= missed
        return missed

    def status_of(self, agreement: Record) -> str:
        """The agreement's status, by its dates and `cancelledFlag`."""
        today = self.today()
        if agreement["cancelledFlag"]:
            return "Cancelled"
        if agreement.get("startDate") and day(agreement["startDate"]) > today:
            return "Inactive"
        end = end_of(agreement)
        return "Expired" if end and end < today else "Active"

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

    def _next_id(self, kind: str) -> int:
        taken = self._next_ids[kind]
        self._next_ids[kind] = taken + 1
        return taken

    def _set(self, table: str, record_id: int, changes: Record) -> Record:
        return self._store(table, {**self.tables[table][record_id], **changes})

    def _store(self, table: str, record: Record) -> Record:
        record_id: int = record["id"]
        members = {**record, "_info": _changed_now()}
        stored = {name: value for name, value in members.items() if value is not None}
        self.tables[table][record_id] = stored
        lags: dict[str, int] = {**self.settings.lists_lag}
        self._lists_to_miss[table, record_id] = lags.get(table, 0)
        return stored

    def _record(self, table: str, record_id: int) -> Record:
        record = self.tables[table].get(record_id)
        if record is None:
            raise ValueError(f"there is no record {record_id} in {table}")
        return record

    def _agreement(self, agreement_id: int) -> Record:
        return self._record("agreements", agreement_id)


def _changed_now() -> Record:
    return {"lastUpdated": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}


def day(text: str) -> date:
    """The day of a stored date or date-time."""
    return date.fromisoformat(text[:10])


def end_of(agreement: Record) -> date | None:
    """The agreement's last day; None when it has none."""
    if agreement.get("noEndingDateFlag") or not agreement.get("endDate"):
        return None
    return day(agreement["endDate"])
