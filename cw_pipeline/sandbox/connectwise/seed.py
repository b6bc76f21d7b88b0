"""The data of a fresh sandbox, which depends only on the month."""

from datetime import date, timedelta
from decimal import Decimal

from cw_pipeline.sandbox.connectwise.company_names import COMPANY_NAMES
from cw_pipeline.sandbox.wire import Record

_INFO: Record = {"lastUpdated": "2024-01-15T08:00:00Z"}
_FIRST_COMPANY_ID = 101
_FIRST_AGREEMENT_ID = 1001
_MONTHLY: Record = {"id": 2}
_NO_CYCLE: Record = {"id": 9}
_DOLLAR: Record = {"id": 1, "symbol": "$", "currencyCode": "USD", "numberOfDecimals": 2, "name": "US Dollar"}

CLIENT, PROSPECT, VENDOR, PARTNER, FORMER = range(1, 6)
_COMPANY_TYPES = {CLIENT: "Client", PROSPECT: "Prospect", VENDOR: "Vendor", PARTNER: "Partner", FORMER: "Former client"}
ACTIVE, INACTIVE, CREDIT_HOLD, NOT_APPROVED = range(1, 5)
_COMPANY_STATUSES = {ACTIVE: "Active", INACTIVE: "Inactive", CREDIT_HOLD: "Credit hold", NOT_APPROVED: "Not approved"}
# Only the last of these counts; a cycle's name is free text.
_BILLING_CYCLES = {
    1: ("WEEK", "Weekly", "Weekly"),
    2: ("MONTH", "Monthly", "Monthly"),
    3: ("2WEEK", "Every two weeks", "BiWeekly"),
    4: ("2MON", "Every two months", "BiMonthly"),
    5: ("QUART", "Quarterly", "Quarterly"),
    6: ("HALF", "Half-yearly", "SemiAnnual"),
    7: ("YEAR", "Yearly", "Yearly"),
    9: ("NONE", "None", "NotRecurring"),
}
_AGREEMENT_TYPES = {1: "Managed Services", 2: "Security", 3: "Block Time"}

Tables = dict[str, list[Record]]


def seed_tables(today: date) -> Tables:
    """All tables of a fresh sandbox on this day."""
    companies = _companies()
    agreements = _agreements(companies, today.replace(day=1))
    return {
        "companies": companies,
        "company_types": _named(_COMPANY_TYPES),
        "company_statuses": _named(_COMPANY_STATUSES),
        "billing_cycles": [
            {
                "id": key,
                "identifier": identifier,
                "name": name,
                "defaultFlag": key == _MONTHLY["id"],
                "billingOptions": options,
                "_info": _INFO,
            }
            for key, (identifier, name, options) in _BILLING_CYCLES.items()
        ],
        "agreements": agreements,
        "additions": _additions(agreements, today.replace(day=1)),
        **_products(),
    }


def months_after(month: date, months: int) -> date:
    """The first day of the month so many months later, or earlier if negative."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _named(names: dict[int, str]) -> list[Record]:
    return [
        {"id": key, "name": name, "defaultFlag": key == 1, "inactiveFlag": False, "_info": _INFO}
        for key, name in names.items()
    ]


def _timestamp(day: date) -> str:
    return f"{day}T00:00:00Z"


def _companies() -> list[Record]:
    companies = [_company(index, name) for index, name in enumerate(COMPANY_NAMES)]
    # Deleted twins of companies that were entered again.
    for index in (3, 22, 45):
        twin = _company(len(companies), COMPANY_NAMES[index])
        twin |= {"identifier": f"{twin['identifier']}-old", "deletedFlag": True, "deletedBy": "admin1"}
        companies.append({**twin, "dateDeleted": "2023-05-02T10:00:00Z"})
    return companies


def _company(index: int, name: str) -> Record:
    types = {5: [PROSPECT], 11: [CLIENT, PARTNER], 12: [VENDOR], 17: [FORMER], 23: [CLIENT, VENDOR], 31: [PARTNER]}
    statuses = {17: INACTIVE, 26: CREDIT_HOLD, 37: NOT_APPROVED, 58: INACTIVE}
    status = statuses.get(index, ACTIVE)
    return {
        "id": _FIRST_COMPANY_ID + index,
        "identifier": "".join(filter(str.isalnum, name))[:20] or f"company{index}",
        "name": name,
        "status": {"id": status, "name": _COMPANY_STATUSES[status]},
        "addressLine1": f"{index + 1} Main Street",
        "city": "Springfield",
        "country": {"id": 1, "name": "United States"},
        "phoneNumber": f"555{index:07d}",
        "deletedFlag": False,
        "leadFlag": False,
        "types": [{"id": key, "name": _COMPANY_TYPES[key]} for key in types.get(index, [CLIENT])],
        "_info": _INFO,
    }


def _agreements(companies: list[Record], month: date) -> list[Record]:
    """For each company an agreement to bill seats on, then agreements of all kinds that are not suitable."""
    started = {"startDate": _timestamp(months_after(month, -30)), "billStartDate": _timestamp(months_after(month, -30))}
    agreements: list[Record] = []

    def add(company: Record, name: str, type_id: int = 1, **members: object) -> Record:
        agreement: Record = {
            "id": _FIRST_AGREEMENT_ID + len(agreements),
            "name": name,
            "type": {"id": type_id, "name": _AGREEMENT_TYPES[type_id]},
            "company": {"id": company["id"]},
            "contact": {"id": 1, "name": "Pat Doe"},
            **started,
            "noEndingDateFlag": True,
            "cancelledFlag": False,
            "billingCycle": _MONTHLY,
            "prorateFlag": False,
            "nextInvoiceDate": month.isoformat(),
            "billAmount": Decimal(0),
            "periodType": "Current",
            "employeeCompRate": "Actual",
            "invoicingCycle": "CalendarYear",
            "billTime": "Billable",
            "billExpenses": "Billable",
            "billProducts": "Billable",
            "currency": _DOLLAR,
            "_info": _INFO,
            **members,
        }
        agreements.append({member: value for member, value in agreement.items() if value is not None})
        return agreement

    clients = [company for company in companies if not company["deletedFlag"]]
    for index, company in enumerate(clients):
        add(company, "Managed Services", **_billing(index, month))
    for index, company in enumerate(clients):
        match index % 8:
            case 1:
                add(company, "Security Bundle", 2)
            case 2:
                ended = months_after(month, -3) - timedelta(days=1)
                add(company, "Managed Services (old)", noEndingDateFlag=False, endDate=_timestamp(ended))
            case 3:
                cancelled = _timestamp(months_after(month, -4))
                add(company, "Cancelled contract", cancelledFlag=True, dateCancelled=cancelled)
            case 4:
                starts = months_after(month, 2)
                future: Record = {"startDate": _timestamp(starts), "billStartDate": _timestamp(starts)}
                add(company, "Next contract", **future, nextInvoiceDate=starts.isoformat())
            case 5:
                parent = agreements[index]
                add(company, "Branch office", parentAgreement={"id": parent["id"], "name": parent["name"]})
            case 6:
                add(company, "Block of hours", 3, billingCycle=_NO_CYCLE, nextInvoiceDate=None, billStartDate=None)
            case _:
                pass
    return agreements


def _billing(index: int, month: date) -> Record:
    """Terms and dates of an active agreement, in every relation of its next invoice to the month."""
    ways: list[Record] = [
        {},
        {"prorateFlag": True},
        {"nextInvoiceDate": months_after(month, -1).isoformat()},
        {},
        {"nextInvoiceDate": months_after(month, -2).replace(day=15).isoformat()},
        {"nextInvoiceDate": None},
        {"billStartDate": None},
        {"prorateFlag": True, "nextInvoiceDate": months_after(month, -1).replace(day=15).isoformat()},
        {"nextInvoiceDate": month.replace(day=15).isoformat()},
        {
            "billStartDate": _timestamp(months_after(month, 1)),
            "nextInvoiceDate": months_after(month, 1).isoformat(),
        },
        {"nextInvoiceDate": None, "billStartDate": None},
        {"nextInvoiceDate": months_after(month, 1).isoformat()},
    ]
    return ways[index % len(ways)]


def _additions(agreements: list[Record], month: date) -> list[Record]:
    """Lines of other vendors, which nobody else may touch."""
    since = _timestamp(months_after(month, -20))
    additions: list[Record] = []
    for index, agreement in enumerate(agreements):
        for product in (1, 2) if index % 3 == 0 else (2,) if index % 3 == 1 else ():
            additions.append(
                {
                    "id": 5001 + len(additions),
                    "agreementId": agreement["id"],
                    "product": {"id": product},
                    "quantity": 5 + index % 20,
                    "lessIncluded": 1 if product == 1 else 0,
                    "unitPrice": Decimal("22.00") if product == 1 else Decimal("65.50"),
                    "unitCost": Decimal("12.35"),
                    "billCustomer": "NoCharge" if index % 11 == 0 else "Billable",
                    "effectiveDate": since,
                    "taxableFlag": True,
                    "_info": _INFO,
                }
            )
    # Entered before the length was checked: every change of it is refused.
    additions[1] |= {"serialNumber": "OLD-ASSET-" + "0" * 50}
    # Ended long ago.
    additions[2] |= {"cancelledDate": _timestamp(months_after(month, -12) - timedelta(days=1))}
    return additions


def _products() -> Tables:
    items = [
        ("M365-BP", "Microsoft 365 Business Premium", 2, "NonInventory", "22.00", "18.50", False),
        ("BACKUP-SRV", "Server backup", 2, "Service", "65.50", "31.00", False),
        ("NORDPASS-BUS", "NordPass Business seat", 3, "Agreement", "4.99", "2.50", False),
        ("NORDPASS-ENT", "NordPass Enterprise seat", 3, "Agreement", "7.49", "3.90", False),
        ("NORDPASS-2022", "NordPass seat (old price)", 3, "Agreement", "3.49", "2.00", True),
        ("SEC-BUNDLE", "Security bundle", 3, "Bundle", "49.00", "30.00", False),
        ("AV-EP", "Endpoint protection", 3, "NonInventory", "5.25", "2.75", False),
        ("LAPTOP-14", "Laptop 14 inch", 1, "Inventory", "1199.00", "950.00", False),
        ("DOCK-USBC", "Docking station", 1, "Inventory", "189.90", "140.00", False),
        ("HELPDESK", "Help desk, per user", 4, "Service", "35.00", "20.00", False),
        ("ONSITE-HR", "On-site hour", 4, "Service", "140.00", "70.00", False),
        ("FIREWALL-OLD", 'Firewall 19" rack', 1, "Inventory", "899.00", "650.00", True),
        ("DOMAIN", "Domain & DNS", 2, "Agreement", "3.00", "1.10", False),
    ]
    subcategories = {1: "Devices", 2: "Cloud services", 3: "Security software", 4: "Labour"}
    categories = {1: "Hardware", 2: "Software & Services"}
    types = {1: ("Inventory", "InventoryPart"), 2: ("Subscription", "NonInventoryPart"), 3: ("Labour", "Service")}

    def category(subcategory: int) -> Record:
        key = 1 if subcategory == 1 else 2
        return {"id": key, "name": categories[key]}

    def type_of(product_class: str) -> Record:
        key = {"Inventory": 1, "Service": 3}.get(product_class, 2)
        return {"id": key, "name": types[key][0]}

    return {
        "catalog": [
            {
                "id": key,
                "identifier": identifier,
                "description": description,
                "customerDescription": description,
                "subcategory": {"id": subcategory, "name": subcategories[subcategory]},
                "category": category(subcategory),
                "type": type_of(product_class),
                "productClass": product_class,
                "unitOfMeasure": {"id": 1, "name": "Each"},
                "price": Decimal(price),
                "cost": Decimal(cost),
                "inactiveFlag": inactive,
                "taxableFlag": True,
                "_info": _INFO,
            }
            for key, (identifier, description, subcategory, product_class, price, cost, inactive) in enumerate(items, 1)
        ],
        "product_types": [
            {**row, "typeXref": types[row["id"]][1]} for row in _named({key: name for key, (name, _) in types.items()})
        ],
        "subcategories": [{**row, "category": category(row["id"])} for row in _named(subcategories)],
        "units": _named({1: "Each", 2: "Seat", 3: "Hour"}),
    }
