"""Whose line a record is: an id alone does not say that, because ConnectWise may give it to another line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cw_pipeline.billing.writes import Write
    from cw_pipeline.connectwise.models import Addition
    from cw_pipeline.warehouse.ledger import Known


def is_still(addition: Addition, serial_number: str, product_ids: Collection[int]) -> bool:
    """Whether a record with the id of a line of ours is that line, which had this serial number and these products.

    One more field has to match, and one is enough: people edit single fields, and ConnectWise may store no serial
    number.
    """
    if addition.serial_number == serial_number:
        return True
    identity = Identity.parse(serial_number)
    described = identity is not None and addition.invoice_description == identity.invoice_description
    return described or addition.product.id in product_ids


def shows_another(addition: Addition, serial_number: str) -> bool:
    """Whether a record shows another identity of ours: lines of ours share their products."""
    return addition.serial_number != serial_number and Identity.parse(addition.serial_number or "") is not None


def may_be_made_by(addition: Addition, write: Write, known: Mapping[int, Known]) -> bool:
    """Whether a line whose id ConnectWise answered can be the one that `write` created, whatever is wrong with it."""
    serial_number = write.identity.serial_number
    return (
        addition.serial_number in {None, serial_number}
        and addition.product.id == write.product_id
        and not is_known_as_another(addition.id, serial_number, known)
    )


def is_known_as_another(addition_id: int, serial_number: str, known: Mapping[int, Known]) -> bool:
    """Whether the ledger knows an id with another serial number."""
    return addition_id in known and known[addition_id].serial_number != serial_number
