"""Faults by name, for people who want to see what the product shows when something goes wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cw_pipeline.sandbox.connectwise.rights import Right
from cw_pipeline.sandbox.control import ControlRefused, SandboxControl
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.wire import Record

_LINES = "/additions"
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
    control.add_fault(FaultKind.STATUS, path="^/nordpass", times=None)


def _report_not_final(control: SandboxControl) -> None:
    control.set_report_final(last_month(), final=False)


def _connectwise_down(control: SandboxControl) -> None:
    control.add_fault(FaultKind.RESET_BEFORE, path="^(?!/nordpass)", times=None)


def _slow(control: SandboxControl) -> None:
    control.add_fault(FaultKind.SLOW, seconds=2.0, times=None)


def _right_missing(control: SandboxControl) -> None:
    control.set_role(right for right in control.role() if right != Right.AGREEMENTS_INQUIRE)


def _rejected(control: SandboxControl) -> None:
    _use_more_seats(control)
    for method in ("POST", "PATCH"):
        control.add_fault(FaultKind.STATUS, method=method, path=_LINES, times=None, status=400, reply=_REFUSAL)


def _unconfirmed(control: SandboxControl) -> None:
    _use_more_seats(control)
    for method in ("POST", "PATCH"):
        control.add_fault(FaultKind.SILENT_200, method=method, path=_LINES, times=None)


def _held(control: SandboxControl) -> None:
    line = _use_more_seats(control)
    control.edit_agreement(line["agreementId"], cancelledFlag=True)


def _edited(control: SandboxControl) -> None:
    line, _ = _lines(control)[-1]
    control.edit_addition(line["agreementId"], line["id"], quantity=line["quantity"] + _MORE_SEATS)


def _by_hand(control: SandboxControl) -> None:
    line, _ = _lines(control)[0]
    agreement_id, first = line["agreementId"], line["effectiveDate"]
    copy = control.duplicate_addition(agreement_id, line["id"])
    a_year_ago = f"{int(first[:4]) - 1}{first[4:]}"
    of_ours = {"serialNumber": None, "invoiceDescription": None}
    control.edit_addition(agreement_id, copy, **of_ours, effectiveDate=a_year_ago, cancelledDate=None)


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
"""What switches each fault on. Raises `ControlRefused` if there is no line that it could concern."""


def switch_off(control: SandboxControl) -> None:
    """Switch all faults off. What people edited or used stays."""
    control.clear_faults()
    control.set_report_final(last_month(), final=True)
    control.set_role({*control.role(), Right.AGREEMENTS_INQUIRE})


def _lines(control: SandboxControl) -> list[tuple[Record, Record]]:
    """The last month's lines with seats on them, each with its organization's row in the usage report.

    Nothing is written to cancelled agreements, so their lines are left out.
    """
    month = last_month()
    cancelled = {one["id"] for one in control.records("agreements") if one.get("cancelledFlag")}
    usage = {row["organization_id"]: row for row in control.usage(month)}
    lines: list[tuple[Record, Record]] = []
    for line in control.records("additions"):
        prefix, _, organization = line.get("serialNumber", "").rpartition(":")
        has_seats = prefix.startswith(f"NP:{month}:") and line["quantity"] > 0 and organization in usage
        if has_seats and line["agreementId"] not in cancelled:
            lines.append((line, usage[organization]))
    if not lines:
        raise ControlRefused(f"There is no line of {month} on an active agreement. Sync that month first.")
    return lines


def _use_more_seats(control: SandboxControl) -> Record:
    """Let the customer of a line use more seats, so that there is something to write; the line."""
    line, row = _lines(control)[0]
    control.set_usage(row["organization_id"], last_month(), row["consumed_licenses"] + _MORE_SEATS)
    return line
