"""Tables of the lines that people keep by hand, which the console and Dagster's UI share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.wording.by_hand import days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.reports.by_hand import LineByHand
    from cw_pipeline.setup.by_hand import Chosen
    from cw_pipeline.wording.cells import Table


def listed(lines: Sequence[LineByHand]) -> Table:
    """The lines that people keep by hand, and what is proposed or chosen for each."""
    headings = ("Line", "Company", "Agreement", "Organization", "Product", "Quantity", "Days", "Proposed", "Chosen")
    return headings, [
        (
            one.line.addition_id,
            one.agreement.company_name,
            f"{one.agreement.name} ({one.agreement.id})",
            ", ".join(one.organizations),
            one.product,
            one.line.quantity,
            days(one.line),
            f"{one.proposal} on {one.last_day}" if one.proposal == Act.END else one.proposal,
            one.choice,
        )
        for one in lines
    ]


def results(chosen: Sequence[Chosen]) -> Table:
    """What became of a person's choice for each line."""
    return ("Line", "Company", "Quantity", "Before", "Result"), [
        (
            one.kept.line.addition_id,
            one.kept.agreement.company_name,
            one.kept.line.quantity,
            days(one.kept.line),
            one.result,
        )
        for one in chosen
    ]
