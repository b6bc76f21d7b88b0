"""The rules for agreement additions: creating, changing and deleting them, and their computed members."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from cw_pipeline.sandbox.connectwise.errors import FieldError, Refusal, invalid_object, malformed, unknown_member
from cw_pipeline.sandbox.connectwise.invoicing import billed_quantity
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline.sandbox.wire import Record

BEFORE_BILL_START = "effectiveDate cannot be less than the agreement billing start date"
ALREADY_INVOICED = (
    "Since this period has already been invoiced there will not be an invoice generated for additional products for "
    "this period. Please prorate the agreement or update the start date to on or after the Next Invoice Date."
)

_NUMBERS = frozenset({"quantity", "lessIncluded", "unitPrice", "unitCost", "sequenceNumber"})
_TEXTS = {"serialNumber": 50, "invoiceDescription": 6000}
_FLAGS = frozenset({"taxableFlag", "purchaseItemFlag", "specialOrderFlag", "prorateCurrentPeriodFlag"})
_DATES = frozenset({"effectiveDate", "cancelledDate"})
_OTHER = frozenset({"product", "billCustomer", "opportunity", "invoiceGrouping", "customFields"})
WRITABLE = _NUMBERS | frozenset(_TEXTS) | _FLAGS | _DATES | _OTHER
COMPUTED = frozenset(
    {
        "id", "agreementId", "description", "billedQuantity", "uom", "extPrice", "extCost", "margin", "prorateCost",
        "proratePrice", "extendedProrateCost", "extendedProratePrice", "agreementStatus", "_info",
    }
)  # fmt: skip
_BILL_CUSTOMER = frozenset({"Billable", "DoNotBill", "NoCharge"})
_REQUIRED = ("product", "billCustomer")


def create(state: ConnectWise, agreement: Record, body: object) -> Record:
    """Add a line to an agreement; computed members are ignored.

    Raises:
        Refusal: the body breaks a rule.
    """
    sent = _members(body)
    missing = [name for name in _REQUIRED if sent.get(name) is None]
    if missing:
        raise invalid_object("Addition", *(_required(name) for name in missing))
    addition: Record = {
        "agreementId": agreement["id"],
        "quantity": 0,
        "lessIncluded": 0,
        "effectiveDate": f"{state.today()}T00:00:00Z",
        **dict.fromkeys(sorted(_FLAGS), False),
        **{name: value for name, value in sent.items() if name in WRITABLE and value is not None},
    }
    addition["product"] = {"id": _product(state, addition["product"])["id"]}
    item = state.tables["catalog"][addition["product"]["id"]]
    addition.setdefault("unitPrice", item["price"])
    addition.setdefault("unitCost", item["cost"])
    _check_object(addition)
    _check_dates(agreement, addition)
    _check_agreement_status(state, agreement)
    if not state.settings.keeps_serial_numbers:
        addition.pop("serialNumber", None)
    return state.insert("additions", addition)


def patch(state: ConnectWise, agreement: Record, addition: Record, body: object) -> Record:
    """Change a line by an array of operations, after which the whole object has to be valid.

    Raises:
        Refusal: the body breaks a rule.
    """
    changes = _operations(body)
    if state.settings.additions_need_custom_fields and "customFields" not in changes:
        raise invalid_object("Addition", _required("customFields"))
    if "product" in changes:
        item = _product(state, changes["product"])
        changes = {"unitPrice": item["price"], "unitCost": item["cost"], **changes, "product": {"id": item["id"]}}
    _check_agreement_status(state, agreement)
    merged = {name: value for name, value in {**addition, **changes}.items() if value is not None}
    _check_object(merged)
    if "effectiveDate" in changes:
        _check_dates(agreement, merged)
    next_invoice = _next_invoice(agreement)
    invoiced = next_invoice is not None and day(addition["effectiveDate"]) < next_invoice
    if invoiced and not state.settings.accepts_writes_on_invoiced_additions:
        raise invalid_object("Addition", FieldError("InvalidField", ALREADY_INVOICED, "effectiveDate"))
    return state.update("additions", addition["id"], changes)


def delete(state: ConnectWise, addition: Record) -> None:
    """Delete a line.

    Raises:
        Refusal: 409 when it is on an invoice.
    """
    if state.is_invoiced(addition["id"]) and not state.settings.accepts_delete_of_invoiced_additions:
        raise Refusal(409, "Conflict", "The record is in use.")
    state.remove("additions", addition["id"])


def rendered(state: ConnectWise, addition: Record) -> Record:
    """The line as the API shows it, with those of its computed members that are simulated."""
    item = state.tables["catalog"][addition["product"]["id"]]
    return {
        **addition,
        **{name: Decimal(addition[name]) for name in ("quantity", "lessIncluded", "unitPrice", "unitCost")},
        "product": {"id": item["id"], "identifier": item["identifier"], "serializedFlag": False},
        "description": item["description"],
        "billedQuantity": billed_quantity(addition),
        "agreementStatus": state.status_of(state.tables["agreements"][addition["agreementId"]]),
    }


def _members(body: object) -> Record:
    if not isinstance(body, dict):
        raise malformed("The body has to be an Addition object.")
    members = cast("Record", body)
    for name in members:
        if name not in WRITABLE | COMPUTED:
            raise unknown_member(name, "Addition")
    return members


def _operations(body: object) -> Record:
    if not isinstance(body, list):
        raise malformed("The body has to be an array of operations.")
    changes: Record = {}
    for operation in cast("list[object]", body):
        if not isinstance(operation, dict):
            raise malformed("An operation has to be an object.")
        members = cast("Record", operation)
        path = str(members.get("path", "")).removeprefix("/")
        if members.get("op") not in {"add", "replace", "remove"}:
            raise malformed(f"'{members.get('op')}' is not an operation.")
        if "/" in path or path in COMPUTED:
            # ConnectWise answers 200 to a sub-path and changes nothing.
            continue
        if path not in WRITABLE:
            raise unknown_member(path, "Addition")
        changes[path] = None if members["op"] == "remove" else members.get("value")
    return changes


def _product(state: ConnectWise, reference: object) -> Record:
    product_id = cast("Record", reference).get("id") if isinstance(reference, dict) else None
    item = state.tables["catalog"].get(product_id) if isinstance(product_id, int) else None
    if item is None:
        raise invalid_object("Addition", FieldError("NotFound", f"Product {product_id} not found.", "product"))
    if item["productClass"] == "Bundle":
        message = "A product of the class Bundle cannot be an addition."
        raise invalid_object("Addition", FieldError("InvalidField", message, "product"))
    return item


def _check_object(addition: Record) -> None:
    errors = [error for name, value in sorted(addition.items()) if (error := _fault_of(name, value))]
    errors += [_required(name) for name in (*_REQUIRED, "quantity", "effectiveDate") if name not in addition]
    if errors:
        raise invalid_object("Addition", *errors)


def _fault_of(name: str, value: Any) -> FieldError | None:  # noqa: ANN401 - any JSON
    if name in _NUMBERS:
        return _number_fault(name, value)
    if name in _TEXTS:
        return _text_fault(name, value)
    if name in _DATES and not _is_date(value):
        return FieldError("InvalidField", f"The {name} field is not a date.", name)
    if name in _FLAGS and not isinstance(value, bool):
        return FieldError("InvalidField", f"The {name} field is not a boolean.", name)
    if name == "billCustomer" and value not in _BILL_CUSTOMER:
        return FieldError("InvalidField", f"The {name} field is not one of {', '.join(sorted(_BILL_CUSTOMER))}.", name)
    return None


def _number_fault(name: str, value: object) -> FieldError | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return FieldError("InvalidField", f"The {name} field is not a number.", name)
    if name == "quantity" and value < 0:
        return FieldError("OutOfRange", "The quantity field cannot be negative.", name)
    return None


def _text_fault(name: str, value: object) -> FieldError | None:
    if not isinstance(value, str):
        return FieldError("InvalidField", f"The {name} field is not a string.", name)
    if len(value) > _TEXTS[name]:
        message = f"The field {name} must be a string with a maximum length of {_TEXTS[name]}."
        return FieldError("MaxLengthField", message, name)
    return None


def _is_date(value: object) -> bool:
    try:
        datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _check_dates(agreement: Record, addition: Record) -> None:
    effective = day(addition["effectiveDate"])
    if agreement.get("billStartDate") and effective < day(agreement["billStartDate"]):
        raise invalid_object("Addition", FieldError("InvalidField", BEFORE_BILL_START, "effectiveDate"))
    next_invoice = _next_invoice(agreement)
    if next_invoice and not agreement["prorateFlag"] and effective < next_invoice:
        raise invalid_object("Addition", FieldError("InvalidField", ALREADY_INVOICED, "effectiveDate"))


def _next_invoice(agreement: Record) -> date | None:
    return day(agreement["nextInvoiceDate"]) if agreement.get("nextInvoiceDate") else None


def _check_agreement_status(state: ConnectWise, agreement: Record) -> None:
    status = state.status_of(agreement)
    if status != "Active" and not state.settings.accepts_writes_on_inactive_agreements:
        message = f"The agreement is {status}."
        raise invalid_object("Addition", FieldError("InvalidField", message, "agreementId"))


def _required(name: str) -> FieldError:
    return FieldError("MissingRequiredField", f"The {name} field is required.", name)
