"""What people do by hand in the simulated ConnectWise PSA."""

from typing import Any

from cw_pipeline.sandbox.connectwise.books import Books
from cw_pipeline.sandbox.wire import Record


class ConnectWise(Books):
    """The records, their invoices, and what people do.

    People's acts are not bound by the API's rules, and tests may spoil records. Records that are returned are copies.
    """

    def additions(self, agreement_id: int) -> list[Record]:
        """The agreement's additions as stored, ordered by id."""
        with self.lock:
            self._agreement(agreement_id)
            return [dict(line) for line in sorted(self.additions_of(agreement_id), key=lambda line: line["id"])]

    def edit_addition(self, agreement_id: int, addition_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of an addition; None removes one."""
        with self.lock:
            self._addition(agreement_id, addition_id)
            return dict(self.update("additions", addition_id, fields))

    def duplicate_addition(self, agreement_id: int, addition_id: int) -> int:
        """Copy an addition on its agreement; return the copy's id."""
        with self.lock:
            return int(self.insert("additions", _without_id(self._addition(agreement_id, addition_id)))["id"])

    def delete_addition(self, agreement_id: int, addition_id: int) -> None:
        """Delete an addition."""
        with self.lock:
            self._addition(agreement_id, addition_id)
            self.remove("additions", addition_id)

    def edit_agreement(self, agreement_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of an agreement; None removes one. `company` and `billingCycle` are an id or `{"id": …}`."""
        with self.lock:
            self._agreement(agreement_id)
            return dict(self.update("agreements", agreement_id, self._agreement_fields(fields)))

    def copy_agreement(self, agreement_id: int, **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """Copy an agreement with its additions, edit the copy as `edit_agreement` does, and return its id."""
        with self.lock:
            original = self._agreement(agreement_id)
            copy = self.insert("agreements", _without_id(original) | self._agreement_fields(fields))
            for line in self.additions(agreement_id):
                self.insert("additions", _without_id(line) | {"agreementId": copy["id"]})
            return int(copy["id"])

    def edit_company(self, company_id: int, **fields: Any) -> Record:  # noqa: ANN401 - any JSON
        """Change members of a company; None removes one."""
        with self.lock:
            self._record("companies", company_id)
            return dict(self.update("companies", company_id, fields))

    def remove_company(self, company_id: int, *, merged_into: int | None = None) -> None:
        """Remove a company, as a merge does; its agreements go to the company that it was merged into."""
        with self.lock:
            self._record("companies", company_id)
            for agreement in list(self.tables["agreements"].values()):
                if merged_into is not None and agreement["company"]["id"] == company_id:
                    self._set("agreements", agreement["id"], {"company": {"id": merged_into}})
            self.remove("companies", company_id)

    def _agreement_fields(self, fields: Record) -> Record:
        references = {
            name: {"id": fields[name]} for name in ("company", "billingCycle") if isinstance(fields.get(name), int)
        }
        changes = fields | references
        if changes.get("billingCycle"):
            self._record("billing_cycles", changes["billingCycle"]["id"])
        return changes

    def _addition(self, agreement_id: int, addition_id: int) -> Record:
        line = self._record("additions", addition_id)
        if line["agreementId"] != agreement_id:
            raise ValueError(f"addition {addition_id} is not on agreement {agreement_id}")
        return line


def _without_id(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "id"}
