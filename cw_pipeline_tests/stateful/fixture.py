"""What every move of a history acts on: the small MSP, whose warehouse can be lost, restored and rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cw_pipeline.billing.identity import Identity
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.stateful.backups import SET_UP, Backup
from cw_pipeline_tests.stateful.decisions import MONTHS, ORGANIZATIONS
from cw_pipeline_tests.stateful.looked_at import LookedAt
from cw_pipeline_tests.support.rows import fill, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Fixture(LookedAt):
    """What moves act on: syncs, what ends a disturbance, and what becomes of the warehouse."""

    def notice(self) -> None:
        """A clean sync of every month, after which whatever was invoiced is known to be."""
        self.heal()
        self.sync(MONTHS)

    def heal(self) -> None:
        """What disturbs is over, what was held on its way is carried out, and a warehouse that is behind rebuilt."""
        self._restart()
        if self.connectwise.settings.lists_lag:
            self.drift()
            self.connectwise.change_settings(lists_lag={})
        for month in MONTHS:
            self.sandbox.nordpass.set_report_final(str(month), final=True)
        if self.is_behind():
            self.rebuild()

    # --- the warehouse ---

    def rebuild(self) -> None:
        """Find our lines again."""
        written = self.msp.written()
        try:
            rebuild(self.new_run())
        except NotPossible:  # as it says, it is tried again
            assert self.connectwise.settings.lists_lag, "every list was whole"
            rebuild(self.new_run())
        assert self.msp.written() == written
        self._known_pushes |= {(month, push.run_id) for month, push in self.recorded.items()}

    def backup(self) -> Backup:
        """A copy of the warehouse as it is now."""
        return Backup(rows_of(self.warehouse), dict(self.recorded), frozenset(self._known_pushes), self._lines())

    def lose(self, *, storage_too: bool, rebuilt: bool) -> None:
        """The warehouse is lost, and mapped again as it was; then it is rebuilt, or synced, which finds as much."""
        if not self._may_lose():
            return
        self._restart()
        rows = rows_of(self.warehouse)
        fill(self.warehouse, {name: rows[name] for name in SET_UP})
        with self.warehouse.transaction() as session:
            session.get_one(tables.IntegrationRow, 1).rebuilt_at = None
        self._map_again(self.mappings())
        self._forget()
        self._known_pushes = set()
        if storage_too:
            self.recorded = {}
        if rebuilt:
            self.rebuild()
        elif not self.is_behind():
            self.notice()

    def restore(self, backup: Backup, *, storage_too: bool) -> None:
        """The warehouse is restored and mapped as it was at last; unless Dagster tells on it, it is rebuilt at once."""
        if not self._may_lose():
            return
        self._restart()
        mappings, products, now = self.mappings(), self.products(), self._lines()
        fill(self.warehouse, backup.rows)
        self._map_again(mappings)
        for plan in Plan:
            self.msp.bill_as(plan, products.get(plan))
        self._forget()
        self._known_pushes = set(backup.known_pushes)
        changed = {line for line in now.keys() | backup.lines.keys() if now.get(line) != backup.lines.get(line)}
        self.marks.unclear |= {line.case for line in self.oracle.lines() if line.id in changed}
        if storage_too:
            self.recorded = dict(backup.recorded)
        if not self.is_behind():
            self.rebuild()

    def _may_lose(self) -> bool:
        """What lies on another company's agreement is not found again, and a rebuild needs somewhere to look."""
        mappings = self.mappings()
        for line in self.oracle.lines():
            mapping = next((one for one in mappings.values() if one.organization_id == line.organization_id), None)
            if mapping is None or mapping.company_id != line.company_id:
                self.marks.unknowable.add(line.case)
        return bool(mappings)

    def _forget(self) -> None:
        """Nobody remembers what was changed; a line is found as whose its serial number says by now."""
        self.marks.lose()
        self.people.settled.clear()
        shown = self.people.shown()
        for line in self.oracle.lines():
            now = str(self.oracle.record(line.id).get("serialNumber")) if line.id in shown else ""
            if line.id in shown and now != self.oracle.first(line.id)["serialNumber"]:
                says = Identity.parse(now)
                self.marks.unknowable |= {line.case} | ({(says.organization_id, str(says.month))} if says else set())

    def _map_again(self, mappings: dict[int, tables.CompanyMappingRow]) -> None:
        for place in ORGANIZATIONS:
            self.unmap(place)
        for place, one in mappings.items():
            self.map(place, one.agreement_id, one.bill_from)

    def _lines(self) -> dict[int, tuple[Any, ...]]:
        shown = self.people.shown()
        members = ("quantity", "effectiveDate", "cancelledDate")
        records = {line.id: self.oracle.record(line.id) for line in self.oracle.lines() if line.id in shown}
        return {number: tuple(record.get(name) for name in members) for number, record in records.items()}

    # --- amid a sync ---

    def kill(self) -> None:
        """End the process that syncs."""
        self._moments.kill()

    def invoicing_meanwhile(self, agreement: int) -> Callable[[], None]:
        """ConnectWise invoices an agreement in the middle of a sync."""
        mapped = [place for place, mapping in self.mappings().items() if mapping.agreement_id == agreement]
        about_to_be = {(organization_id(place), str(month)) for place in mapped for month in MONTHS}
        return self.people.invoicing_meanwhile(agreement, about_to_be)
