"""The two requests that change what ConnectWise bills: create a line, or set the quantity of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.window import Window

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line


@dataclass(frozen=True)
class CreateLine:
    """Create a line with `quantity` seats, billed from `effective_date` to `cancelled_date`, its last day.

    A line of a `trial` month is billed to nobody.
    """

    identity: Identity
    agreement_id: int
    product_id: int
    quantity: Decimal
    effective_date: date
    cancelled_date: date
    trial: bool = False
    before: ClassVar[Decimal] = Decimal(0)

    @property
    def window(self) -> Window:
        """The days on which it is billed."""
        return Window(self.effective_date, self.cancelled_date)


@dataclass(frozen=True)
class SetQuantity:
    """Set the quantity of a line from `before` to `quantity`. It keeps its dates."""

    identity: Identity
    agreement_id: int
    product_id: int
    addition_id: int
    before: Decimal
    quantity: Decimal
    effective_date: date

    @classmethod
    def of(cls, line: Line, identity: Identity, quantity: Decimal) -> SetQuantity:
        """The write that sets the quantity of `line`, which carries `identity`.

        A line without an `effectiveDate` is taken to begin with its usage month.
        """
        return cls(
            identity=identity,
            agreement_id=line.agreement_id,
            product_id=line.product_id,
            addition_id=line.addition_id,
            before=line.quantity,
            quantity=quantity,
            effective_date=line.effective_date or identity.month.first_day,
        )


Write: TypeAlias = CreateLine | SetQuantity


def takes_away(write: Write) -> bool:
    """Whether the line carries fewer seats after `write`; such writes come first."""
    return write.quantity < write.before
