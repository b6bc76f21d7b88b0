"""Agreements, the billing cycles that they have, and the recaps of their invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.record_list import RecordList, Unreadable, record_list
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_AGREEMENTS = "/finance/agreements"
_RECAPS = "/finance/agreementrecap/"  # with a closing slash, unlike most lists
_BILLING_CYCLES = "/finance/billingCycles"


class Agreements(Endpoints):
    """Agreements and their billing cycles. None is ever written."""

    def agreements(self, *, company_ids: Iterable[int]) -> RecordList[models.Agreement]:
        """The agreements of these companies, whatever their status."""
        return self._by_reference(_AGREEMENTS, models.Agreement, "company/id", company_ids)

    def agreements_by_id(self, ids: Iterable[int]) -> RecordList[models.Agreement]:
        """The agreements with these ids, whatever their status. An id that does not exist is left out."""
        return self._by_ids(_AGREEMENTS, models.Agreement, ids)

    def agreement(self, agreement_id: int) -> models.Agreement:
        """The agreement with this id.

        Raises:
            NotFound: There is no such agreement.
        """
        return self._one(f"{_AGREEMENTS}/{agreement_id}", models.Agreement)

    def agreement_recaps(self) -> Iterator[models.AgreementRecap | Unreadable]:
        """The invoice recap of every agreement.

        Raises:
            MissingRight: The role lacks the right, which ConnectWise does not document.
        """
        return self._each(_RECAPS, models.AgreementRecap)

    def billing_cycles(self) -> RecordList[models.BillingCycle]:
        """The billing cycles that an agreement can have."""
        return record_list(self._each(_BILLING_CYCLES, models.BillingCycle))

    def agreement_count(self) -> int:
        """How many agreements the API member sees; proves the right to read them."""
        return self._count(_AGREEMENTS)
