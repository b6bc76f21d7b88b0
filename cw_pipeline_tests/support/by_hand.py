"""Lines that people keep by hand, in the sandbox."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.connectwise.state import ConnectWise
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.active import Active

BUSINESS_PRODUCT = 3
_PRODUCTS = {"Business": BUSINESS_PRODUCT, "Enterprise": 4}


def keep_by_hand(
    connectwise: ConnectWise,
    agreement_id: int,
    quantity: int = 12,
    *,
    product_id: int = BUSINESS_PRODUCT,
    first: date = date(2024, 8, 1),
    last: date | None = None,
    **members: Any,  # noqa: ANN401 - any JSON
) -> int:
    """Let a person add a line for the product; its id."""
    line = {
        "agreementId": agreement_id,
        "product": {"id": product_id},
        "quantity": quantity,
        "lessIncluded": 0,
        "unitPrice": 4,
        "unitCost": 2,
        "billCustomer": "Billable",
        "effectiveDate": f"{first}T00:00:00Z",
        "cancelledDate": f"{last}T00:00:00Z" if last else None,
        "taxableFlag": True,
        **members,
    }
    return int(connectwise.insert("additions", line)["id"])


def keep_by_hand_beside(sandbox: Sandbox, active: Active, month: Month, count: int) -> list[tuple[int, int]]:
    """Let people add a line for as many organizations with usage, of its plan's product: each with its agreement."""
    rows = {row["organization_id"]: row for row in active.billed_usage(sandbox, month)}
    billed = [mapped for mapped in active.mapped if mapped.organization_id in rows][:count]
    return [
        (
            keep_by_hand(
                sandbox.connectwise, one.agreement_id, product_id=_PRODUCTS[rows[one.organization_id]["plan"]]
            ),
            one.agreement_id,
        )
        for one in billed
    ]


def last_day_of(connectwise: ConnectWise, agreement_id: int, addition_id: int) -> date | None:
    """A line's last day, as ConnectWise has it."""
    (line,) = (one for one in connectwise.additions(agreement_id) if one["id"] == addition_id)
    last = line.get("cancelledDate")
    return date.fromisoformat(last[:10]) if last else None
