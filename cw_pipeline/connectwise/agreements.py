"""What the product asks about agreements and their lines, and what it writes to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.fields import MOST_DIGITS, can_be_sent
from cw_pipeline.connectwise.record_list import RecordList, Unreadable, record_list
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date
    from decimal import Decimal

_AGREEMENTS = "/finance/agreements"
_RECAPS = "/finance/agreementrecap/"  # with a closing slash, unlike most of ConnectWise's lists
_BILLING_CYCLES = "/finance/billingCycles"


class Agreements(Endpoints):
    """Agreements, their lines, and what they are invoiced by."""

    def agreements(self, *, company_ids: Iterable[int]) -> RecordList[models.Agreement]:
        """Return the agreements of these companies, whatever their status."""
        return self._records.by_reference(_AGREEMENTS, models.Agreement, "company/id", company_ids)

    def agreements_by_id(self, ids: Iterable[int]) -> RecordList[models.Agreement]:
        """Return the agreements with these ids, whatever their status. An id that does not exist is left out."""
        return self._records.by_ids(_AGREEMENTS, models.Agreement, ids)

    def agreement(self, agreement_id: int) -> models.Agreement:
        """Return one agreement.

        Raises:
            NotFound: There is no such agreement.
        """
        return self._records.one(f"{_AGREEMENTS}/{agreement_id}", models.Agreement)

    def agreement_recaps(self) -> Iterator[models.AgreementRecap | Unreadable]:
        """Yield, for each agreement, what ConnectWise says was last invoiced.

        Raises:
            MissingRight: The role may not read it. Which right it needs is not documented.
        """
        return self._records.each(_RECAPS, models.AgreementRecap)

    def billing_cycles(self) -> RecordList[models.BillingCycle]:
        """Return how often agreements can be invoiced."""
        return record_list(self._records.each(_BILLING_CYCLES, models.BillingCycle))

    def agreement_count(self) -> int:
        """How many agreements the API member sees; proves the right to inquire them."""
        return self._records.count(_AGREEMENTS)

    def additions(
        self, agreement_id: int, *, wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True
    ) -> RecordList[models.Addition]:
        """Return the lines of the agreement, cancelled ones included, that are `wanted` as ConnectWise sends them.

        Of the others only the id is looked at, so that an unreadable line that is not ours stops nothing.
        """
        return record_list(self._records.each(_additions(agreement_id), models.Addition, wanted=wanted))

    def addition(self, agreement_id: int, addition_id: int) -> models.Addition:
        """Return one line.

        Raises:
            NotFound: There is no such line on the agreement.
        """
        return self._records.one(f"{_additions(agreement_id)}/{addition_id}", models.Addition)

    def create_addition(self, agreement_id: int, addition: models.NewAddition) -> models.Addition:
        """Create a line and return it as ConnectWise answers it. The caller compares it with what was meant.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been created: look for it before trying again.
        """
        return self._records.write("POST", _additions(agreement_id), addition.body(), models.Addition)

    def set_quantity(self, agreement_id: int, addition_id: int, quantity: Decimal) -> models.Addition:
        """Set a line's quantity and return the line as ConnectWise answers it.

        The caller compares the quantity: ConnectWise is known to answer 200 to some changes that it ignores.

        Raises:
            ValueError: The quantity is negative, or has more digits than can be sent.
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been set: read the line before trying again.
        """
        if not can_be_sent(quantity) or quantity < 0:
            msg = f"the quantity of a line cannot be negative or of more than {MOST_DIGITS} digits: {quantity}"
            raise ValueError(msg)
        change = [{"op": "replace", "path": "quantity", "value": quantity}]
        path = f"{_additions(agreement_id)}/{addition_id}"
        return self._records.write("PATCH", path, change, models.Addition)

    def set_last_day(self, agreement_id: int, addition_id: int, last_day: date | None) -> models.Addition:
        """Set a line's last day, or none, and return the line as ConnectWise answers it; the caller compares it.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been set: read the line before trying again.
        """
        change: dict[str, object] = {"op": "remove", "path": "cancelledDate"}
        if last_day is not None:
            change = {"op": "replace", "path": "cancelledDate", "value": models.midnight(last_day)}
        path = f"{_additions(agreement_id)}/{addition_id}"
        return self._records.write("PATCH", path, [change], models.Addition)


def _additions(agreement_id: int) -> str:
    return f"{_AGREEMENTS}/{agreement_id}/additions"
