"""The collections of records that can be listed, counted and read: their paths, rights and queries."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cw_pipeline.sandbox.connectwise import billed
from cw_pipeline.sandbox.connectwise.additions import COMPUTED, WRITABLE
from cw_pipeline.sandbox.connectwise.catalog import FIELDS as CATALOG_FIELDS
from cw_pipeline.sandbox.connectwise.errors import no_permission
from cw_pipeline.sandbox.connectwise.listing import Resource
from cw_pipeline.sandbox.connectwise.rights import Right
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record

_SETUP_FIELDS = frozenset({"id", "name", "defaultFlag", "inactiveFlag"})
_CHANGED = frozenset({"lastUpdated", "_info/lastUpdated"})


def _references(*names: str) -> frozenset[str]:
    return frozenset(f"{name}/{member}" for name in names for member in ("id", "name", "identifier"))


COMPANY = Resource(
    fields=_references("status", "country") | _CHANGED | {
        "id", "identifier", "name", "addressLine1", "city", "phoneNumber", "website", "leadFlag", "deletedFlag",
        "dateDeleted", "deletedBy", "dateAcquired",
    },
    children=frozenset({"types/id", "types/name"}),
    table="companies",
)  # fmt: skip
# Without agreementStatus: ConnectWise does not document whether conditions may use it.
AGREEMENT = Resource(
    fields=_references("type", "company", "parentAgreement", "billingCycle") | _CHANGED | {
        "id", "name", "startDate", "endDate", "noEndingDateFlag", "cancelledFlag", "dateCancelled", "billStartDate",
        "nextInvoiceDate", "prorateFlag", "billAmount", "periodType",
    },
    table="agreements",
)  # fmt: skip
_ADDITION_FIELDS = ((WRITABLE | COMPUTED) - {"agreementStatus", "product", "_info"}) | _references("product") | _CHANGED
ADDITION = Resource(fields=_ADDITION_FIELDS, table="additions")
ADDITION_WITHOUT_FORWARD_ONLY = replace(ADDITION, forward_only=False)
CATALOG_ITEM = Resource(
    fields=CATALOG_FIELDS | _references("subcategory", "type", "category", "unitOfMeasure") | _CHANGED, table="catalog"
)
RECAP = Resource(
    fields=frozenset({"id", "agreementStatus", "lastInvoiceNumber", "nextInvoiceDate"}), table="agreements"
)
SETUP = Resource(fields=_SETUP_FIELDS | _CHANGED)
BILLING_CYCLE = Resource(fields=frozenset({"id", "identifier", "name", "defaultFlag", "billingOptions"}) | _CHANGED)
SUBCATEGORY = Resource(fields=_SETUP_FIELDS | _references("category") | _CHANGED, forward_only=False)


@dataclass(frozen=True)
class Collection:
    """One kind of record under one path.

    Attributes:
        path: Without a closing slash.
        kind: The record's name in errors.
        right: Needed for reading.
        resource: What its lists support.
        records: All records, as the API shows them.
        list_suffix: The end of the list's path.
        counted: Whether it can be counted.
    """

    path: str
    kind: str
    right: Right
    resource: Resource
    records: Callable[[ConnectWise], list[Record]]
    list_suffix: str = ""
    counted: bool = True


def company(state: ConnectWise, record: Record) -> Record:
    """A company as the API shows it."""
    return _dates(state, record, "dateAcquired", "dateDeleted")


def agreement(state: ConnectWise, record: Record) -> Record:
    """An agreement as the API shows it, with its company's present name and its status."""
    company_id = record["company"]["id"]
    owner = state.tables["companies"].get(company_id, {})
    shown = {
        **record,
        "company": {"id": company_id, **{name: owner[name] for name in ("identifier", "name") if name in owner}},
        "agreementStatus": state.status_of(record),
    }
    if cycle := record.get("billingCycle"):
        shown["billingCycle"] = {"id": cycle["id"], "name": state.tables["billing_cycles"][cycle["id"]]["name"]}
    if next_invoice := record.get("nextInvoiceDate"):
        # Sites differ in the format; here agreements do.
        shown["nextInvoiceDate"] = next_invoice[:10] if record["id"] % 2 else f"{next_invoice[:10]}T00:00:00Z"
    return _dates(state, shown, "startDate", "endDate", "dateCancelled", "billStartDate", "nextInvoiceDate")


def recap(state: ConnectWise, record: Record) -> Record:
    """An agreement's invoice recap, with those of its members that are simulated."""
    shown = agreement(state, record)
    result: Record = {"id": record["id"], "agreementStatus": shown["agreementStatus"]}
    if "nextInvoiceDate" in shown:
        result["nextInvoiceDate"] = shown["nextInvoiceDate"]
    if last := state.last_invoice(record["id"]):
        result["lastInvoiceNumber"] = str(last["number"])
    return _dates(state, result, "nextInvoiceDate", "lastInvoiceNumber")


def _recaps(state: ConnectWise) -> list[Record]:
    if not state.settings.agreement_recap:
        raise no_permission()
    return [recap(state, record) for record in _visible(state)]


def _agreements(state: ConnectWise) -> list[Record]:
    return [agreement(state, record) for record in _visible(state)]


def _visible(state: ConnectWise) -> list[Record]:
    hidden = state.settings.hidden_agreement_types
    return [record for record in state.tables["agreements"].values() if record["type"]["id"] not in hidden]


def _dates(state: ConnectWise, record: Record, *members: str) -> Record:
    if state.settings.unset_dates == "absent":
        return record
    return {**dict.fromkeys(members, ""), **record}


def _table(name: str) -> Callable[[ConnectWise], list[Record]]:
    return lambda state: list(state.tables[name].values())


def _setup(path: str, table: str, kind: str) -> Collection:
    return Collection(path, kind, Right.TABLE_SETUP_INQUIRE, SETUP, _table(table))


COLLECTIONS = (
    # Before the companies and agreements, whose single records would match these paths too.
    _setup("/company/companies/types", "company_types", "CompanyType"),
    _setup("/company/companies/statuses", "company_statuses", "CompanyStatus"),
    Collection(
        "/company/companies",
        "Company",
        Right.COMPANY_INQUIRE,
        COMPANY,
        lambda state: [company(state, record) for record in state.tables["companies"].values()],
    ),
    Collection("/finance/agreements", "Agreement", Right.AGREEMENTS_INQUIRE, AGREEMENT, _agreements),
    Collection(
        "/finance/agreementrecap",
        "AgreementRecap",
        Right.AGREEMENTS_INQUIRE,
        RECAP,
        _recaps,
        list_suffix="/",
        counted=False,
    ),
    Collection(
        "/finance/billingCycles", "BillingCycle", Right.TABLE_SETUP_INQUIRE, BILLING_CYCLE, _table("billing_cycles")
    ),
    Collection("/finance/invoices", "Invoice", Right.INVOICING_INQUIRE, billed.INVOICE, billed.invoices),
    Collection("/procurement/catalog", "CatalogItem", Right.CATALOG_INQUIRE, CATALOG_ITEM, _table("catalog")),
    Collection("/procurement/products", "ProductItem", Right.PRODUCTS_INQUIRE, billed.PRODUCT, billed.products),
    _setup("/procurement/types", "product_types", "ProductType"),
    Collection(
        "/procurement/subcategories",
        "SubCategory",
        Right.TABLE_SETUP_INQUIRE,
        SUBCATEGORY,
        _table("subcategories"),
        list_suffix="/",
    ),
    _setup("/procurement/unitOfMeasures", "units", "UnitOfMeasure"),
)

REFUSED_WRITES: tuple[tuple[str, str, Right], ...] = (
    ("POST", "/company/companies", Right.COMPANY_ADD),
    ("PUT", "/company/companies/{id:int}", Right.COMPANY_EDIT),
    ("PATCH", "/company/companies/{id:int}", Right.COMPANY_EDIT),
    ("DELETE", "/company/companies/{id:int}", Right.COMPANY_DELETE),
    ("PUT", "/finance/agreements/{id:int}", Right.AGREEMENTS_EDIT),
    ("PATCH", "/finance/agreements/{id:int}", Right.AGREEMENTS_EDIT),
    ("DELETE", "/finance/agreements/{id:int}", Right.AGREEMENTS_DELETE),
    ("PUT", "/finance/agreements/{agreement_id:int}/additions/{id:int}", Right.AGREEMENTS_EDIT),
    ("PUT", "/procurement/catalog/{id:int}", Right.CATALOG_EDIT),
    ("PATCH", "/procurement/catalog/{id:int}", Right.CATALOG_EDIT),
    ("DELETE", "/procurement/catalog/{id:int}", Right.CATALOG_DELETE),
)
"""ConnectWise's writes that the sandbox does not carry out, even for a role with the right."""
