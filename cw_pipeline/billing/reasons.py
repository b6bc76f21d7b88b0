"""Why a preview line came to its outcome: what a sentence has to name. `wording.previews` has the sentences."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from cw_pipeline.billing.balance import Balance
from cw_pipeline.billing.facts import Line, Unread, Usage
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.unusual import Unusual
from cw_pipeline.billing.window import Window
from cw_pipeline.billing.writes import SetQuantity, Write
from cw_pipeline.vocabulary import Month


@dataclass(frozen=True)
class Stale:
    """An open line is set to 0 although its plan may be in use."""

    write: SetQuantity


@dataclass(frozen=True)
class WithoutProduct:
    """No seats are moved away from a line whose plan lost its product."""

    write: SetQuantity


@dataclass(frozen=True)
class CannotBeRead:
    """Something in ConnectWise that may concern the organization's month cannot be read."""

    organization_id: str
    month: Month
    found: tuple[Unread, ...]


@dataclass(frozen=True)
class Moved:
    """`seats` of the month were invoiced to another company, on `line` and perhaps others."""

    identity: Identity
    line: Line
    seats: Decimal


@dataclass(frozen=True)
class InvoiceUnclear:
    """It is unknown what the lines of a plan billed.

    Attributes:
        identity: Whose they are.
        edited: Invoiced lines that are not as the ledger accounts for.
        vanished: The addition ids of lines that are gone, or another line's by now.
        claimed: Lines that show this identity and were written with another one.
        short: Invoiced lines of which the invoice left seats out.
        copies: Copies of lines, which may have been invoiced.
        unclear: Other lines that may have been invoiced.
    """

    identity: Identity
    edited: tuple[Line, ...]
    vanished: tuple[int, ...]
    claimed: tuple[Line, ...]
    short: tuple[Line, ...]
    copies: tuple[Line, ...]
    unclear: tuple[Line, ...]


@dataclass(frozen=True)
class WriteHeld:
    """A write must not be made on its agreement as that is now; the line's outcome says why."""

    write: Write


@dataclass(frozen=True)
class BilledByHand:
    """`lines` that people keep by hand bill the same product in the `window` of a line of `identity`."""

    identity: Identity
    window: Window
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Waiting:
    """Seats are not added while others, for the reason `on`, cannot be taken away."""

    on: Reason


Reason: TypeAlias = (
    Usage
    | Balance
    | Stale
    | WithoutProduct
    | CannotBeRead
    | Moved
    | InvoiceUnclear
    | Unusual
    | WriteHeld
    | BilledByHand
    | Waiting
)
"""A `Usage` row where it is not billed, a `Balance` where that decided."""


@dataclass(frozen=True)
class LineWarnings:
    """Something is wrong with lines although their quantity is right, or the usage that they bill is unusual."""

    identity: Identity
    lines: tuple[Line, ...] = ()
    unusual: Unusual | None = None
