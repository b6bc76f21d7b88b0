"""The rules for creating catalog items."""

from typing import Any, cast

from cw_pipeline.sandbox.connectwise.errors import FieldError, invalid_object, malformed, unknown_member
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record

_REQUIRED = ("identifier", "description", "subcategory", "type", "customerDescription")
_LENGTHS = {"identifier": 75, "description": 60, "customerDescription": 6000, "integrationXRef": 50, "vendorSku": 50}
_REFERENCES = {"subcategory": "subcategories", "type": "product_types", "unitOfMeasure": "units"}
_CLASSES = frozenset({"Agreement", "Bundle", "Inventory", "NonInventory", "Service"})
_DEFAULTS: Record = {
    "inactiveFlag": False,
    "productClass": "NonInventory",
    "price": 0,
    "cost": 0,
    "taxableFlag": False,
    "unitOfMeasure": {"id": 1},
}
FIELDS = frozenset(
    {
        *_REQUIRED, *_LENGTHS, *_REFERENCES, *_DEFAULTS, "id", "category", "serializedFlag", "serializedCostFlag",
        "phaseProductFlag", "minStockLevel", "priceAttribute", "dropShipFlag", "specialOrderFlag", "manufacturer",
        "manufacturerPartNumber", "vendor", "notes", "sla", "entityType", "recurringFlag", "recurringRevenue",
        "recurringCost", "recurringOneTimeFlag", "recurringBillCycle", "recurringCycleType", "calculatedPriceFlag",
        "calculatedCostFlag", "calculatedPrice", "calculatedCost", "billableOption", "connectWiseID", "agreementType",
        "markupPercentage", "markupFlag", "autoUpdateUnitCostFlag", "autoUpdateUnitPriceFlag", "_info", "customFields",
    }
)  # fmt: skip


def create(state: ConnectWise, body: object) -> Record:
    """Add a product to the catalog.

    Raises:
        Refusal: the body breaks a rule, or the identifier is taken.
    """
    if not isinstance(body, dict):
        raise malformed("The body has to be a CatalogItem object.")
    sent = cast("Record", body)
    for name in sent:
        if name not in FIELDS:
            raise unknown_member(name, "CatalogItem")
    item = {**_DEFAULTS, **{name: value for name, value in sent.items() if value is not None and name != "id"}}
    errors = [
        FieldError("MissingRequiredField", f"The {name} field is required.", name)
        for name in _REQUIRED
        if not item.get(name)
    ]
    errors += [error for name, value in item.items() if (error := _fault_of(state, name, value))]
    if errors:
        raise invalid_object("CatalogItem", *errors)
    for name, table in _REFERENCES.items():
        item[name] = {"id": item[name]["id"], "name": state.tables[table][item[name]["id"]]["name"]}
    item["category"] = state.tables["subcategories"][item["subcategory"]["id"]]["category"]
    return state.insert("catalog", item)


def _fault_of(state: ConnectWise, name: str, value: Any) -> FieldError | None:  # noqa: ANN401 - any JSON
    if name in _LENGTHS and (not isinstance(value, str) or len(value) > _LENGTHS[name]):
        message = f"The field {name} must be a string with a maximum length of {_LENGTHS[name]}."
        return FieldError("MaxLengthField", message, name)
    if name == "identifier" and any(
        item["identifier"].casefold() == value.casefold() for item in state.tables["catalog"].values()
    ):
        return FieldError("ObjectExists", f"The identifier {value} already exists.", name)
    if name in _REFERENCES:
        record_id = cast("Record", value).get("id") if isinstance(value, dict) else None
        if record_id not in state.tables[_REFERENCES[name]]:
            return FieldError("NotFound", f"{name} {record_id} not found.", name)
    if name == "productClass" and value not in _CLASSES:
        return FieldError("InvalidField", f"The productClass field is not one of {', '.join(sorted(_CLASSES))}.", name)
    return None
