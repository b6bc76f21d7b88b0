"""Lines and agreements that lead to holds."""

from __future__ import annotations

from cw_pipeline_tests.billing.examples import (
    INVOICED,
    a_line,
    an_agreement,
)

INVOICED_ELSEWHERE = a_line(1, 5, agreement_id=20, effective=INVOICED)
EDITED = a_line(1, 5, effective=INVOICED)
EDITED_LEDGER = {1: [10]}
DELETED = an_agreement(company_deleted=True)
INACTIVE = an_agreement(active=False)
NEVER = an_agreement(next_invoice=None, never_invoiced=True)
DELETED_AND_INACTIVE = an_agreement(company_deleted=True, active=False)
