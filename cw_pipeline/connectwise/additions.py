"""The lines of agreements: what the product reads and writes of ConnectWise's additions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.fields import MOST_DIGITS, can_be_sent
from cw_pipeline.connectwise.record_list import RecordList, record_list
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from decimal import Decimal


class Additions(Endpoints):
    """Additions, as ConnectWise calls the lines of an agreement."""

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
    return f"/finance/agreements/{agreement_id}/additions"
