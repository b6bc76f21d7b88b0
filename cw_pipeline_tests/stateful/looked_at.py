"""Pushes of exactly the previews that a person looked at, some time before."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.writes import CreateLine, Write
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.sync.previews import make_previews
from cw_pipeline.sync.reviewed import PreviewOutdated, require_unchanged
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.pushes import PushedMonth
from cw_pipeline_tests.stateful.syncs import Syncs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cw_pipeline.warehouse.previews import StoredPreview


class LookedAt(Syncs):
    """What a person looked at, and its push."""

    def push_looked_at(self, looked_at: Mapping[Month, StoredPreview]) -> None:
        """The whole sync of these months: each is written exactly as its preview says, or not at all."""
        self._let_go()
        before, written, settled = self._quantities(), self.msp.written(), self._settled_quantities()
        pushed, run, refused = list[PushedMonth](), self.new_run(), set[Month]()

        def is_wanted(now: StoredPreview) -> bool:
            with suppress(PreviewOutdated):
                require_unchanged(looked_at[now.preview.month], now)
                return True
            refused.add(now.preview.month)
            return False

        with suppress(ConnectWiseError, SyncError):
            fetched = [month for month in looked_at if self._fetch(month)]
            if fetched:
                self._push(run, fetched, make_previews(run, fetched), pushed, is_wanted=is_wanted)
        assert refused.isdisjoint(month.preview.month for month in pushed)
        assert pushed or self.msp.written() == written
        if all(month.succeeded for month in pushed) and not self.sandbox.faults.records():
            done = [looked_at[month.preview.month].preview for month in pushed]
            writes = [write for preview in done for line in preview.lines for write in line.writes]
            self._check_written(before, writes)
        self._check_ours_once()
        assert self._settled_quantities() == settled

    def _check_written(self, before: Mapping[int, Decimal], writes: Sequence[Write]) -> None:
        """Nothing but these writes changed a quantity in ConnectWise, and each of them did."""
        agreements = {record["id"]: record["agreementId"] for record in self.connectwise.records("additions")}
        changed = {key: quantity for key, quantity in self._quantities().items() if before.get(key) != quantity}
        created = sorted((agreements[key], quantity) for key, quantity in changed.items() if key not in before)
        assert created == sorted((one.agreement_id, one.quantity) for one in writes if isinstance(one, CreateLine))
        assert {key: quantity for key, quantity in changed.items() if key in before} == {
            one.addition_id: one.quantity for one in writes if not isinstance(one, CreateLine)
        }

    def _quantities(self) -> dict[int, Decimal]:
        return {record["id"]: Decimal(str(record["quantity"])) for record in self.connectwise.records("additions")}
