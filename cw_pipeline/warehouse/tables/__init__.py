"""The warehouse's tables, in a module for each subject.

Everybody imports them from here: they refer to each other by name, so that one is of use only with all the others.
"""

from cw_pipeline.warehouse.tables.base import Base
from cw_pipeline.warehouse.tables.ledger import PERSONS_WORD, SEEN, SETTLED, EntryKind, LedgerEntry, LockHolder
from cw_pipeline.warehouse.tables.months import (
    AcceptedAbsence,
    MonthError,
    Preview,
    PreviewLine,
    Push,
    PushLine,
    UsageReport,
    UsageRow,
)
from cw_pipeline.warehouse.tables.setup import (
    Agreement,
    AgreementRecap,
    AuditEntry,
    Company,
    CompanyMapping,
    ImportSelection,
    Integration,
    Organization,
    PendingOrganization,
    Product,
    ProductMapping,
    RightUse,
)

__all__ = [
    "PERSONS_WORD",
    "SEEN",
    "SETTLED",
    "AcceptedAbsence",
    "Agreement",
    "AgreementRecap",
    "AuditEntry",
    "Base",
    "Company",
    "CompanyMapping",
    "EntryKind",
    "ImportSelection",
    "Integration",
    "LedgerEntry",
    "LockHolder",
    "MonthError",
    "Organization",
    "PendingOrganization",
    "Preview",
    "PreviewLine",
    "Product",
    "ProductMapping",
    "Push",
    "PushLine",
    "RightUse",
    "UsageReport",
    "UsageRow",
]
