"""The lines that go on being billed, and that nobody changes any more, when their organization is unmapped."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.setup.errors import listed
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.tables import LedgerEntry

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def left_behind(session: Session, psa: str) -> dict[str, str]:
    """The lines with seats that are not known to be invoiced, in a sentence for each organization that has any.

    By the organization's id as a line is marked with it.
    """
    months = session.scalars(select(LedgerEntry.month).where(LedgerEntry.psa == psa).distinct()).all()
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for number, written in ledger.written_lines(session, psa, months).items():
        identity = Identity.parse(written.serial_number)
        if identity is None or written.invoiced or written.quantities == NOTHING:
            continue
        seats = " or ".join(map(str, sorted(written.quantities)))
        lines[identity.organization_id].append(
            f"line {number} of {seats} for {identity.month} on agreement {written.agreement_id}"
        )
    return {
        organization_id: (
            "While no company has the organization, nobody changes its lines, and those that are not known to be "
            f"invoiced are billed as they are: {listed(of_one)}. Set those to 0 in ConnectWise that are not to be."
        )
        for organization_id, of_one in lines.items()
    }
