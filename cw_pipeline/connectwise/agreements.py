"""Agreements and their lines: what the product reads and writes."""

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
_RECAPS = "/finance/agreementrecap/"  # with a closing slash, unlike most lists
_BILLING_CYCLES = "/finance/billingCycles"


class Agreements(Endpoints):
    """Agreements, their lines, and their billing cycles."""

    def agreements(self, *, company_ids: Iterable[int]) -> RecordList[models.Agreement]:
        """The agreements of these companies, whatever their status."""
        return self._by_reference(_AGREEMENTS, models.Agreement, "company/id", company_ids)

    def agreements_by_id(self, ids: Iterable[int]) -> RecordList[models.Agreement]:
        """The agreements with these ids, whatever their status. An id that does not exist is left out."""
        return self._by_ids(_AGREEMENTS, models.Agreement, ids)

    def agreement(self, agreement_id: int) -> models.Agreement:
        """The agreement with this id.

        Raises:
            NotFound: There is no such agreement.
        """
        return self._one(f"{_AGREEMENTS}/{agreement_id}", models.Agreement)

    def agreement_recaps(self) -> Iterator[models.AgreementRecap | Unreadable]:
        """The invoice recap of every agreement.

        Raises:
            MissingRight: The role lacks the right, which ConnectWise does not document.
        """
        return self._each(_RECAPS, models.AgreementRecap)

    def billing_cycles(self) -> RecordList[models.BillingCycle]:
        """The billing cycles that an agreement can have."""
        return record_list(self._each(_BILLING_CYCLES, models.BillingCycle))

    def agreement_count(self) -> int:
        """How many agreements the API member sees; proves the right to read them."""
        return self._count(_AGREEMENTS)

    def additions(
        self, agreement_id: int, *, wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True
    ) -> RecordList[models.Addition]:
        """The agreement's lines, cancelled ones included, that are `wanted` as ConnectWise sends them.

        Of the others only the id is read, so that an unreadable line that is not ours stops nothing.
        """
        return record_list(self._each(_additions(agreement_id), models.Addition, wanted=wanted))

    def addition(self, agreement_id: int, addition_id: int) -> models.Addition:
        """One line.

        Raises:
            NotFound: There is no such line on the agreement.
        """
        return self._one(f"{_additions(agreement_id)}/{addition_id}", models.Addition)

    def create_addition(self, agreement_id: int, addition: models.NewAddition) -> models.Addition:
        """Create a line, and return it as ConnectWise answers it, which may differ from what was sent.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been created: look for it before trying again.
        """
        return self._write("POST", _additions(agreement_id), addition.body(), models.Addition)

    def set_quantity(self, agreement_id: int, addition_id: int, quantity: Decimal) -> models.Addition:
        """Set a line's quantity, and return the line as ConnectWise answers it.

        The caller has to compare the quantity: ConnectWise answers 200 to some changes that it ignores.

        Raises:
            ValueError: The quantity is negative, or has more digits than can be sent.
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been set: read the line before trying again.
        """
        if not can_be_sent(quantity) or quantity < 0:
            msg = f"the quantity of a line cannot be negative or of more than {MOST_DIGITS} digits: {quantity}"
            raise ValueError(msg)
        return self._patch(agreement_id, addition_id, {"op": "replace", "path": "quantity", "value": quantity})

    def set_last_day(self, agreement_id: int, addition_id: int, last_day: date | None) -> models.Addition:
        """Set a line's last day, or remove it, and return the line as ConnectWise answers it.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been set: read the line before trying again.
        """
        if last_day is None:
            return self._patch(agreement_id, addition_id, {"op": "remove", "path": "cancelledDate"})
        change = {"op": "replace", "path": "cancelledDate", "value": models.midnight(last_day)}
        return self._patch(agreement_id, addition_id, change)

    def _patch(self, agreement_id: int, addition_id: int, change: Mapping[str, object]) -> models.Addition:
        return self._write("PATCH", f"{_additions(agreement_id)}/{addition_id}", [change], models.Addition)


def _additions(agreement_id: int) -> str:
    return f"{_AGREEMENTS}/{agreement_id}/additions"
