"""Named faults, which show people what the product does when something goes wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cw_pipeline.sandbox.connectwise.rights import Right
from cw_pipeline.sandbox.control import ControlRefused, SandboxControl
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.wire import Record

_REFUSAL = (
    '{"code":"InvalidObject","message":"addition object is invalid","errors":[{"code":"InvalidField",'
    '"message":"The product is not active.","resource":"addition","field":"product"}]}'
)
_MORE_SEATS = 3


def last_month() -> str:
    """The last closed month, which the faults are about."""
    first_day = datetime.now(UTC).date().replace(day=1)
    return f"{first_day - timedelta(days=1):%Y-%m}"


def _nordpass_down(control: SandboxControl) -> None:
    control.act("add_fault", kind=FaultKind.STATUS, path="^/nordpass", times=None)


def _report_not_final(control: SandboxControl) -> None:
    control.act("set_report_final", month=last_month(), final=False)


def _connectwise_down(control: SandboxControl) -> None:
    control.act("add_fault", kind=FaultKind.RESET_BEFORE, path="^(?!/nordpass)", times=None)


def _slow(control: SandboxControl) -> None:
    control.act("add_fault", kind=FaultKind.SLOW, seconds=2.0, times=None)


def _right_missing(control: SandboxControl) -> None:
    control.act("set_role", rights=[right for right in control.act("role") if right != Right.AGREEMENTS_INQUIRE])


def _rejected(control: SandboxControl) -> None:
    _use_more_seats(control)
    _disturb_writes(control, kind=FaultKind.STATUS, status=400, reply=_REFUSAL)


def _unconfirmed(control: SandboxControl) -> None:
    _use_more_seats(control)
    _disturb_writes(control, kind=FaultKind.SILENT_200)


def _held(control: SandboxControl) -> None:
    line = _use_more_seats(control)
    control.act("edit_agreement", agreement_id=line["agreementId"], cancelledFlag=True)


def _edited(control: SandboxControl) -> None:
    line, _ = _lines(control)[-1]
    _edit(control, line, quantity=line["quantity"] + _MORE_SEATS)


def _by_hand(control: SandboxControl) -> None:
    line, _ = _lines(control)[0]
    first = line["effectiveDate"]
    copy = control.act("duplicate_addition", agreement_id=line["agreementId"], addition_id=line["id"])
    a_year_ago = f"{int(first[:4]) - 1}{first[4:]}"
    unlabelled = {"serialNumber": None, "invoiceDescription": None}
    _edit(control, line | {"id": copy}, **unlabelled, effectiveDate=a_year_ago, cancelledDate=None)


NAMED: dict[str, Callable[[SandboxControl], None]] = {
    "nordpass-down": _nordpass_down,
    "report-not-final": _report_not_final,
    "connectwise-down": _connectwise_down,
    "slow": _slow,
    "right-missing": _right_missing,
    "rejected": _rejected,
    "unconfirmed": _unconfirmed,
    "held": _held,
    "edited": _edited,
    "by-hand": _by_hand,
}
"""What switches each fault on; it raises `ControlRefused` if there is no suitable line."""


def switch_off(control: SandboxControl) -> None:
    """Switch all faults off. Edits and usage stay."""
    control.act("clear_faults")
    control.act("set_report_final", month=last_month(), final=True)
    control.act("set_role", rights=[*control.act("role"), Right.AGREEMENTS_INQUIRE])


def _disturb_writes(control: SandboxControl, **fault: object) -> None:
    for method in ("POST", "PATCH"):
        control.act("add_fault", method=method, path="/additions", times=None, **fault)


def _edit(control: SandboxControl, line: Record, **fields: object) -> None:
    control.act("edit_addition", agreement_id=line["agreementId"], addition_id=line["id"], **fields)


def _lines(control: SandboxControl) -> list[tuple[Record, Record]]:
    """The last month's lines with seats on active agreements, each with its organization's usage row."""
    month = last_month()
    agreements = control.act("records", table="agreements")
    cancelled = {agreement["id"] for agreement in agreements if agreement.get("cancelledFlag")}
    usage = {row["organization_id"]: row for row in control.act("usage", month=month)}
    lines: list[tuple[Record, Record]] = []
    for line in control.act("records", table="additions"):
        prefix, _, organization = line.get("serialNumber", "").rpartition(":")
        has_seats = prefix.startswith(f"NP:{month}:") and line["quantity"] > 0 and organization in usage
        if has_seats and line["agreementId"] not in cancelled:
            lines.append((line, usage[organization]))
    if not lines:
        raise ControlRefused(f"There is no line of {month} on an active agreement. Sync that month first.")
    return lines


def _use_more_seats(control: SandboxControl) -> Record:
    """Let the customer of a line use more seats, so that there is something to write, and return the line."""
    line, row = _lines(control)[0]
    seats = row["consumed_licenses"] + _MORE_SEATS
    control.act("set_usage", organization_id=row["organization_id"], month=last_month(), seats=seats)
    return line
