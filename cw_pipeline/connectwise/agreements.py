"""Agreements and their lines, the billing cycles that they have, and the recaps of their invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.record_list import RecordList, Unreadable, record_list
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_AGREEMENTS = "/finance/agreements"
_RECAPS = "/finance/agreementrecap/"  # with a closing slash, unlike most lists
_BILLING_CYCLES = "/finance/billingCycles"


class Agreements(Endpoints):
    """Agreements, their billing cycles, and their lines, which ConnectWise calls additions."""

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

    def additions(
        self, agreement_id: int, *, wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True
    ) -> RecordList[models.Addition]:
        """The agreement's lines, cancelled ones included, that are `wanted` as ConnectWise sends them.

        Of the others only the id is read, so that an unreadable line that is not ours stops nothing.
        """
        return record_list(self._each(additions_path(agreement_id), models.Addition, wanted=wanted))

    def addition(self, agreement_id: int, addition_id: int) -> models.Addition:
        """One line.

        Raises:
            NotFound: There is no such line on the agreement.
        """
        return self._one(f"{additions_path(agreement_id)}/{addition_id}", models.Addition)

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


def additions_path(agreement_id: int) -> str:
    """The path of an agreement's lines."""
    return f"{_AGREEMENTS}/{agreement_id}/additions"
