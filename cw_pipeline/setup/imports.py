"""Import companies and agreements from ConnectWise. Only people do this, never the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import UnknownChoice, listed
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.list_update import Changes, update_list
from cw_pipeline.sync.agreement_facts import terms_shown
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, ImportSelectionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cw_pipeline.connectwise import models
    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class ImportReport(Changes):
    """What an import of companies changed.

    Attributes:
        types: The names of the chosen company types; empty means all.
        statuses: The names of the chosen company statuses, likewise.
        unreadable: What is listed and cannot be read, a sentence each; its row is kept.
    """

    types: tuple[str, ...]
    statuses: tuple[str, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class AgreementsReport(Changes):
    """What an import of agreements changed.

    Attributes:
        agreement_changed: The mapped agreements whose terms differ from what was accepted, a sentence each.
        unreadable: What is listed and cannot be read, a sentence each; its row is kept.
    """

    agreement_changed: tuple[str, ...]
    unreadable: tuple[str, ...]


def import_companies(
    client: ConnectWiseClient,
    warehouse: Warehouse,
    type_names: Sequence[str] | None = None,
    status_names: Sequence[str] | None = None,
    *,
    accept_warnings: bool = False,
) -> ImportReport:
    """Import the companies of any of these types and statuses, and remember the choice.

    Names are compared without regard to capitals. If only one of the two is given, or one is empty, the other means
    all; if neither is given, the remembered choice is taken. Mappings are kept.

    Raises:
        UnknownChoice: If a name does not exist, or nothing is given and nothing was chosen before.
        TooManyGone: If the list looks cut short, and `accept_warnings` is not set; nothing is changed.
    """
    with warehouse.transaction() as session:
        require_connected(session, client)
        remembered = session.get(ImportSelectionRow, 1)
    types = {record.id: record.name for record in client.company_types()}
    statuses = {record.id: record.name for record in client.company_statuses()}
    if type_names is not None or status_names is not None:
        type_ids = _ids("company type", types, type_names or ())
        status_ids = _ids("company status", statuses, status_names or ())
    else:
        type_ids, status_ids = _remembered(remembered, types, statuses)
    now = datetime.now(UTC)
    listed_now = client.companies(type_ids=type_ids, status_ids=status_ids)
    kept = {record.id for record in listed_now.unreadable}
    with setup_transaction(warehouse) as session:
        require_connected(session, client)
        before = _selection(session.get(ImportSelectionRow, 1))
        chosen = session.merge(ImportSelectionRow(id=1, type_ids=type_ids, status_ids=status_ids, chosen_at=now))
        changes = update_list(
            session,
            CompanyRow,
            [_company(company, now) for company in listed_now.records],
            now=now,
            accept_warnings=accept_warnings,
            is_expected=lambda company: company.id not in kept,
        )
        after = {**(_selection(chosen) or {}), **changes.made}
        log_action(session, AuditAction.IMPORT, "companies", before=before, after=after)
    return ImportReport(
        **vars(changes),
        types=tuple(types[number] for number in type_ids),
        statuses=tuple(statuses[number] for number in status_ids),
        unreadable=tuple(_unreadable(f"Company {record.id}", record.why) for record in listed_now.unreadable),
    )


def import_agreements(
    client: ConnectWiseClient, warehouse: Warehouse, *, accept_warnings: bool = False
) -> AgreementsReport:
    """Import the agreements, of every status, of the imported companies that are not gone.

    Mappings from before terms were stored get their agreement's terms.

    Raises:
        TooManyGone: If the list looks cut short, and `accept_warnings` is not set; nothing is changed.
    """
    with warehouse.transaction() as session:
        require_connected(session, client)
        companies = frozenset(session.scalars(select(CompanyRow.id).where(CompanyRow.gone_at.is_(None))))
    now = datetime.now(UTC)
    cycles = {cycle.id: cycle.billing_options for cycle in client.billing_cycles().records}
    listed_now = client.agreements(company_ids=companies)
    kept = {record.id for record in listed_now.unreadable}
    with setup_transaction(warehouse) as session:
        require_connected(session, client)
        changes = update_list(
            session,
            AgreementRow,
            [_agreement(agreement, cycles, now) for agreement in listed_now.records],
            now=now,
            accept_warnings=accept_warnings,
            is_expected=lambda agreement: (
                agreement.company_id in companies and agreement.id not in kept and not listed_now.nameless
            ),
        )
        for mapping in session.scalars(select(CompanyMappingRow).where(CompanyMappingRow.prorates.is_(None))):
            if mapping.agreement.terms is not None:
                mapping.terms = mapping.agreement.terms
        agreement_changed = tuple(agreement_terms.changed_agreements(session))
        log_action(session, AuditAction.IMPORT, "agreements", after=changes.made or None)
    unreadable = [_unreadable(f"Agreement {record.id}", record.why) for record in listed_now.unreadable]
    unreadable += [_unreadable("An agreement", why) for why in listed_now.nameless]
    return AgreementsReport(**vars(changes), agreement_changed=agreement_changed, unreadable=tuple(unreadable))


def _unreadable(what: str, why: str) -> str:
    return (
        f"{what} cannot be read: {why.rstrip('.')}. What was known of it stays. Correct that in ConnectWise, then "
        "import again."
    )


def _selection(selection: ImportSelectionRow | None) -> dict[str, list[int]] | None:
    return None if selection is None else {"type_ids": selection.type_ids, "status_ids": selection.status_ids}


def _remembered(
    selection: ImportSelectionRow | None, types: Mapping[int, str], statuses: Mapping[int, str]
) -> tuple[list[int], list[int]]:
    if selection is None:
        raise UnknownChoice(
            "Which companies to import was not chosen yet. Choose company types "
            f"({listed(sorted(types.values()))}) and statuses ({listed(sorted(statuses.values()))}).",
            (),
        )
    for what, ids, records in (("types", selection.type_ids, types), ("statuses", selection.status_ids, statuses)):
        if not set(ids) <= records.keys():
            raise UnknownChoice(
                f"Some of the company {what} that were chosen before no longer exist in ConnectWise. Choose again.",
                sorted(records.values()),
            )
    return selection.type_ids, selection.status_ids


def _ids(what: str, records: Mapping[int, str], names: Iterable[str]) -> list[int]:
    ids: set[int] = set()
    for name in names:
        matching = {number for number, known in records.items() if known.casefold() == name.strip().casefold()}
        if not matching:
            raise UnknownChoice(f"There is no {what} {name}.", sorted(records.values()), near=name)
        ids |= matching
    return sorted(ids)


def _company(company: models.Company, now: datetime) -> CompanyRow:
    return CompanyRow(
        id=company.id,
        identifier=company.identifier,
        name=company.name,
        status=company.status.name if company.status else None,
        types=sorted(kind.name or str(kind.id) for kind in company.types),
        imported_at=now,
        gone_at=None,
    )


def _agreement(agreement: models.Agreement, cycles: Mapping[int, str | None], now: datetime) -> AgreementRow:
    return AgreementRow(
        id=agreement.id,
        company_id=agreement.company.id,
        name=agreement.name,
        status="Cancelled" if agreement.cancelled_flag else agreement.agreement_status or "Unknown",
        billing_cycle=agreement.billing_cycle.name if agreement.billing_cycle else None,
        terms=terms_shown(agreement, cycles),
        bill_start_date=agreement.bill_start_date,
        end_date=None if agreement.no_ending_date_flag else agreement.end_date,
        next_invoice_date=agreement.next_invoice_date,
        currency=agreement.currency,
        imported_at=now,
        gone_at=None,
    )
