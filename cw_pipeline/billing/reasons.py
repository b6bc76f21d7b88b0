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
from cw_pipeline.billing.writes import Write


@dataclass(frozen=True)
class CannotBeRead:
    """Records in ConnectWise that may concern the organization's month cannot be read."""

    organization_id: str
    unread: tuple[Unread, ...]


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
        edited: Invoiced lines that differ from what the ledger accounts for.
        vanished: The addition ids of lines that are gone, or that belong to other lines now.
        claimed: Lines that show this identity but were written with another one.
        short: Invoiced lines of which the invoice left seats out.
        copies: Copies of lines that may have been invoiced.
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
class BilledByHand:
    """`lines` kept by hand bill the same product in the `window` of a line of `identity`."""

    identity: Identity
    window: Window
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Waiting:
    """Seats are not added while others cannot be taken away, for the reason `on`."""

    on: Reason


Reason: TypeAlias = Usage | Balance | Write | CannotBeRead | Moved | InvoiceUnclear | Unusual | BilledByHand | Waiting
"""A `Usage` row that is not billed; a `Balance` that decided; a `Write` of a stale line, or one that is held.

The line's outcome says which.
"""


@dataclass(frozen=True)
class LineWarnings:
    """`lines` with which something is wrong although their quantity is right, and usage that is unusual."""

    identity: Identity
    lines: tuple[Line, ...] = ()
    unusual: Unusual | None = None
