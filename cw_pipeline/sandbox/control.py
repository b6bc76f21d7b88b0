"""A client of the control interface, for processes other than the sandbox's."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import requests

from cw_pipeline.sandbox.connectwise.invoicing import Invoice
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.nordpass.state import ErrorFormat
from cw_pipeline.sandbox.wire import Record, dumps, loads

_TIMEOUT_SECONDS = 30


class ControlRefused(ValueError):
    """The sandbox refused an act: it names something that does not exist, or a value that is not possible."""


class SandboxControl:
    """Does what people do in either service, and switches faults, in a sandbox that runs in another process.

    Every method raises `ControlRefused` when the sandbox refuses, and `requests.RequestException` when it cannot be
    reached.

    Args:
        url: The sandbox's address.
        ca_bundle: The PEM file of its certificate authority.
    """

    def __init__(self, url: str, ca_bundle: Path) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_bundle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    # NordPass

    def set_usage(self, organization_id: str, month: str, seats: int | None) -> None:
        """Set an organization's seats of a month; None takes its row out of the report."""
        self._act("set_usage", organization_id=organization_id, month=month, seats=seats)

    def usage(self, month: str) -> list[Record]:
        """The rows of a month's report."""
        return cast("list[Record]", self._act("usage", month=month))

    def set_report_final(self, month: str, *, final: bool) -> None:
        """Say whether a month's report is final."""
        self._act("set_report_final", month=month, final=final)

    def set_error_format(self, error_format: ErrorFormat) -> None:
        """Say how NordPass words its refusals from now on."""
        self._act("set_error_format", error_format=error_format)

    def organizations(self) -> list[Record]:
        """All organizations."""
        return cast("list[Record]", self._act("organizations"))

    def edit_organization(self, organization_id: str, **fields: object) -> Record:
        """Change `plan`, `license_type`, `status` or `msp_managed`."""
        return cast("Record", self._act("edit_organization", organization_id=organization_id, **fields))

    # ConnectWise

    def remove_organization(self, organization_id: str) -> None:
        """Delete an organization for good."""
        self._act("remove_organization", organization_id=organization_id)

    def records(self, table: str) -> list[Record]:
        """All records of a table, such as `companies` or `agreements`, as stored."""
        return cast("list[Record]", self._act("records", table=table))

    def additions(self, agreement_id: int) -> list[Record]:
        """The agreement's additions as stored."""
        return cast("list[Record]", self._act("additions", agreement_id=agreement_id))

    def edit_addition(self, agreement_id: int, addition_id: int, **fields: object) -> Record:
        """Change members of an addition; None removes one."""
        return cast("Record", self._act("edit_addition", agreement_id=agreement_id, addition_id=addition_id, **fields))

    def duplicate_addition(self, agreement_id: int, addition_id: int) -> int:
        """Copy an addition on its agreement; return the copy's id."""
        return cast("int", self._act("duplicate_addition", agreement_id=agreement_id, addition_id=addition_id))

    def delete_addition(self, agreement_id: int, addition_id: int) -> None:
        """Delete an addition."""
        self._act("delete_addition", agreement_id=agreement_id, addition_id=addition_id)

    def edit_agreement(self, agreement_id: int, **fields: object) -> Record:
        """Change members of an agreement; None removes one. `company` and `billingCycle` are ids."""
        return cast("Record", self._act("edit_agreement", agreement_id=agreement_id, **fields))

    def copy_agreement(self, agreement_id: int, **fields: object) -> int:
        """Copy an agreement with its additions, with these members changed; return the copy's id."""
        return cast("int", self._act("copy_agreement", agreement_id=agreement_id, **fields))

    def edit_company(self, company_id: int, **fields: object) -> Record:
        """Change members of a company; None removes one."""
        return cast("Record", self._act("edit_company", company_id=company_id, **fields))

    def remove_company(self, company_id: int, *, merged_into: int | None = None) -> None:
        """Let a company vanish, as a merge does; its agreements go to the company that it was merged into."""
        self._act("remove_company", company_id=company_id, merged_into=merged_into)

    def invoice(self, agreement_id: int | None = None, *, until: date | None = None) -> list[Invoice]:
        """Invoice one agreement, or all: one period, or all that begin on or before `until`; return what was made."""
        return cast("list[Invoice]", self._act("invoice", agreement_id=agreement_id, until=until))

    def invoices(self) -> list[Invoice]:
        """All invoices that stand, as they were when they were made."""
        return cast("list[Invoice]", self._act("invoices"))

    def edit_invoice(
        self, number: int, *, status: str | None = None, quantities: Mapping[int, Decimal] | None = None
    ) -> Invoice:
        """Change an invoice's status, or the quantities of its lines by addition id; of 0, a line is taken off."""
        return cast("Invoice", self._act("edit_invoice", number=number, status=status, quantities=quantities))

    def delete_invoice(self, number: int, *, moves_date: bool = True) -> None:
        """Delete an invoice, and move the agreement's next invoice date back to its period unless told not to."""
        self._act("delete_invoice", number=number, moves_date=moves_date)

    def write_off_period(self, agreement_id: int) -> date:
        """Let the agreement's next invoice date move one period on with nothing billed; return the new date."""
        return date.fromisoformat(cast("str", self._act("write_off_period", agreement_id=agreement_id)))

    def reopen_period(self, agreement_id: int) -> date:
        """Take back the agreement's last writing off; return the next invoice date, which is that period's again."""
        return date.fromisoformat(cast("str", self._act("reopen_period", agreement_id=agreement_id)))

    def role(self) -> list[str]:
        """The rights of the API member."""
        return cast("list[str]", self._act("role"))

    def set_role(self, rights: Iterable[str]) -> None:
        """Give the API member exactly these rights."""
        self._act("set_role", rights=list(rights))

    def settings(self) -> Record:
        """The switches of the simulated ConnectWise."""
        return cast("Record", self._act("settings"))

    def change_settings(self, **settings: object) -> Record:
        """Set switches by name."""
        return cast("Record", self._act("change_settings", **settings))

    # Both

    def add_fault(self, kind: FaultKind, **options: object) -> int:
        """Switch a fault on, with the options of `Faults.add`; return its id."""
        return cast("int", self._act("add_fault", kind=kind, **options))

    def faults(self) -> list[Record]:
        """The faults that are switched on, with how often each has hit."""
        return cast("list[Record]", self._act("faults"))

    def release_fault(self, fault_id: int) -> None:
        """Let the requests go that the fault holds."""
        self._act("release_fault", fault_id=fault_id)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._act("clear_faults")

    def journal(self) -> list[Record]:
        """Every request to either service: `number`, `time`, `method`, `path`, `query`, `body`, `status`."""
        return cast("list[Record]", self._act("journal"))

    def clear_journal(self) -> None:
        """Forget all requests."""
        self._act("clear_journal")

    def _act(self, act: str, **arguments: Any) -> object:  # noqa: ANN401 - any JSON
        reply = self._session.post(f"{self._url}/sandbox/{act}", data=dumps(arguments), timeout=_TIMEOUT_SECONDS)
        document = loads(reply.content)
        if not reply.ok:
            raise ControlRefused(cast("Record", document)["error"])
        return document
