"""Every request that changes something in ConnectWise: POST and PATCH of an agreement's lines, POST of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.agreements import additions_path
from cw_pipeline.connectwise.catalog import CATALOG
from cw_pipeline.connectwise.errors import RecordUnreadable, UncertainWrite
from cw_pipeline.connectwise.fields import MOST_DIGITS, can_be_sent
from cw_pipeline.connectwise.records import Endpoints
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

    from cw_pipeline.connectwise.retry_rules import Method

RecordT = TypeVar("RecordT", bound=BaseModel)


class Writes(Endpoints):
    """What the product writes. Each method returns the record as ConnectWise answers it.

    That may differ from what was sent. No method deletes, replaces, or writes a company, so an API member with the
    least rights is enough.
    """

    def create_addition(self, agreement_id: int, addition: models.NewAddition) -> models.Addition:
        """Create a line.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been created: look for it before trying again.
        """
        return self._write("POST", additions_path(agreement_id), addition.body(), models.Addition)

    def set_quantity(self, agreement_id: int, addition_id: int, quantity: Decimal) -> models.Addition:
        """Set a line's quantity.

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
        """Set a line's last day, or remove it.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: It may or may not have been set: read the line before trying again.
        """
        if last_day is None:
            return self._patch(agreement_id, addition_id, {"op": "remove", "path": "cancelledDate"})
        change = {"op": "replace", "path": "cancelledDate", "value": models.midnight(last_day)}
        return self._patch(agreement_id, addition_id, change)

    def create_catalog_item(self, item: models.NewCatalogItem) -> models.CatalogItem:
        """Create a product.

        Raises:
            Refused: For example because the identifier exists already; nothing was written.
            UncertainWrite: It may or may not have been created: look for its identifier before trying again.
        """
        return self._write("POST", CATALOG, item.body(), models.CatalogItem)

    def _patch(self, agreement_id: int, addition_id: int, change: Mapping[str, object]) -> models.Addition:
        return self._write("PATCH", f"{additions_path(agreement_id)}/{addition_id}", [change], models.Addition)

    def _write(self, method: Method, path: str, body: object, model: type[RecordT]) -> RecordT:
        """Send a write.

        Raises:
            UncertainWrite: It may or may not have been carried out; the answer may not show it.
        """
        document = self._http.request(method, path, body=body).document
        try:
            return read_record(document, model, endpoint=f"{method} {path}")
        except RecordUnreadable as error:
            msg = f"{error} ConnectWise answered as if the write had worked; read back what it has now."
            raise UncertainWrite(msg) from error
