"""The terms of an agreement, as a row has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Terms

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow


def terms_of(row: AgreementRow | CompanyMappingRow | None) -> Terms | None:
    """The terms of an imported agreement, or those accepted with a mapping; None where nobody recorded them."""
    if row is None or row.prorates is None:
        return None
    return Terms(row.cycle, row.period_type, row.parent_agreement_id, row.prorates)
