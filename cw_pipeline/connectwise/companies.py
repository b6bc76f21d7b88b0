"""Companies, as the product reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.record_list import RecordList, record_list
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_COMPANIES = "/company/companies"


class Companies(Endpoints):
    """Companies, and the types and statuses that they are chosen by."""

    def companies(
        self, *, type_ids: Collection[int] = (), status_ids: Collection[int] = ()
    ) -> RecordList[models.Company]:
        """The companies that are not deleted, of any of these types and statuses (none given: of all).

        ConnectWise filters, and the client filters the readable ones again. Some sites answer a compound condition with
        an empty list although there are matches; then all companies are read.
        """
        types, statuses = frozenset(type_ids), frozenset(status_ids)
        existing = {"conditions": "deletedFlag = false"}
        chosen = dict(existing)
        if statuses:
            chosen["conditions"] += f" and status/id in ({','.join(map(str, sorted(statuses)))})"
        if types:  # `in` does not work on the fields of a child collection
            chosen["childConditions"] = " or ".join(f"types/id = {number}" for number in sorted(types))

        def is_chosen(company: models.Company) -> bool:
            of_type = not types or any(type_.id in types for type_ in company.types)
            of_status = not statuses or (company.status is not None and company.status.id in statuses)
            return of_type and of_status and not company.deleted_flag

        found = RecordList[models.Company](())
        if self._can_be_asked(_COMPANIES, " ".join(chosen.values())):
            found = record_list(self._each(_COMPANIES, models.Company, chosen))
        if chosen != existing and not (found.records or found.unreadable):
            found = record_list(self._each(_COMPANIES, models.Company, existing))
        return RecordList(tuple(filter(is_chosen, found.records)), found.unreadable)

    def companies_by_id(self, ids: Iterable[int]) -> RecordList[models.Company]:
        """The companies with these ids, deleted ones included. An id that does not exist is left out."""
        return self._by_ids(_COMPANIES, models.Company, ids)

    def company_types(self) -> Iterator[models.Choice]:
        """The company types."""
        return self._all(f"{_COMPANIES}/types", models.Choice)

    def company_statuses(self) -> Iterator[models.Choice]:
        """The company statuses."""
        return self._all(f"{_COMPANIES}/statuses", models.Choice)

    def company_count(self) -> int:
        """How many companies the API member sees; proves the right to read them."""
        return self._count(_COMPANIES)
