"""The warehouse's tables, in a module for each subject.

Everybody imports them from here: they refer to each other by name, so that one is of use only with all the others.
Their names end in `Row`, so that none is taken for the domain's value of the same name; a ledger and an audit log have
entries.
"""

from cw_pipeline.warehouse.tables.audit import AuditEntry
from cw_pipeline.warehouse.tables.base import Base
from cw_pipeline.warehouse.tables.ledger import LedgerEntry, LockHolderRow
from cw_pipeline.warehouse.tables.months import (
    MonthErrorRow,
    OrganizationUsageRow,
    PreviewLineRow,
    PreviewRow,
    PushLineRow,
    PushRow,
    ReleasedUsageRow,
    UndoneRunRow,
    UsageReportRow,
)
from cw_pipeline.warehouse.tables.setup import (
    AgreementRecapRow,
    AgreementRow,
    CompanyMappingRow,
    CompanyRow,
    ImportSelectionRow,
    IntegrationRow,
    LineByHandRow,
    OrganizationRow,
    PendingOrganizationRow,
    ProductMappingRow,
    ProductRow,
    RightUseRow,
)

__all__ = [
    "AgreementRecapRow",
    "AgreementRow",
    "AuditEntry",
    "Base",
    "CompanyMappingRow",
    "CompanyRow",
    "ImportSelectionRow",
    "IntegrationRow",
    "LedgerEntry",
    "LineByHandRow",
    "LockHolderRow",
    "MonthErrorRow",
    "OrganizationRow",
    "OrganizationUsageRow",
    "PendingOrganizationRow",
    "PreviewLineRow",
    "PreviewRow",
    "ProductMappingRow",
    "ProductRow",
    "PushLineRow",
    "PushRow",
    "ReleasedUsageRow",
    "RightUseRow",
    "UndoneRunRow",
    "UsageReportRow",
]
