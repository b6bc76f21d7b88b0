"""Importing companies and agreements from ConnectWise: only ever a person's act, never the schedule's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.setup import terms
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import UnknownChoice, listed
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.reconcile import Changes, reconcile, require_most_are_there
from cw_pipeline.sync.agreement_facts import terms_shown
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, ImportSelectionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cw_pipeline.connectwise import models
    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class ImportReport(Changes):
    """What an import of companies changed; deleted companies are left out.

    Attributes:
        types: Names of the company types that were chosen; empty means all.
        statuses: Names of the company statuses that were chosen; empty means all.
        gone_but_mapped: Those of `gone` that are mapped: what is billed for them needs a decision.
        unreadable: What is listed and cannot be read, a sentence each; what was known of it stays.
    """

    types: tuple[str, ...]
    statuses: tuple[str, ...]
    gone_but_mapped: tuple[Named, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class AgreementsReport(Changes):
    """What an import of agreements changed.

    Attributes:
        gone_but_mapped: Those of `gone` that a company is mapped with.
        agreement_changed: Which mapped agreements are billed otherwise than was accepted, a sentence each.
        unreadable: What is listed and cannot be read, a sentence each; what was known of it stays.
    """

    gone_but_mapped: tuple[Named, ...]
    unreadable: tuple[str, ...]
    agreement_changed: tuple[str, ...]


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
        NotConnected: If nothing is connected.
        WrongCompany: If another company is connected.
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
    answered = client.companies(type_ids=type_ids, status_ids=status_ids)
    found = [_company(company, now) for company in answered.records]
    unreadable = {one.id for one in answered.unreadable}
    with setup_transaction(warehouse) as session:
        require_connected(session, client)
        before = _selection(session.get(ImportSelectionRow, 1))
        chosen = session.merge(ImportSelectionRow(id=1, type_ids=type_ids, status_ids=status_ids, chosen_at=now))
        changes = reconcile(
            session,
            session.scalars(select(CompanyRow)).all(),
            found,
            now=now,
            expected=lambda company: company.id not in unreadable,
        )
        mapped = set(session.scalars(select(CompanyMappingRow.company_id)))
        if not accept_warnings:
            require_most_are_there("companies", "ConnectWise", changes, mapped)
        after = {**(_selection(chosen) or {}), **changes.made}
        log_action(session, AuditAction.IMPORT, "companies", before=before, after=after)
    return ImportReport(
        **vars(changes),
        types=tuple(types[number] for number in type_ids),
        statuses=tuple(statuses[number] for number in status_ids),
        gone_but_mapped=tuple(company for company in changes.gone if company.id in mapped),
        unreadable=tuple(_unreadable(f"Company {one.id}", one.why) for one in answered.unreadable),
    )


def _remembered(
    selection: ImportSelectionRow | None, types: Mapping[int, str], statuses: Mapping[int, str]
) -> tuple[list[int], list[int]]:
    if selection is None:
        raise UnknownChoice(
            "Which companies to import was not chosen yet. Choose company types "
            f"({listed(sorted(types.values()))}) and statuses ({listed(sorted(statuses.values()))}).",
            (),
        )
    _require_known("company types", selection.type_ids, types)
    _require_known("company statuses", selection.status_ids, statuses)
    return selection.type_ids, selection.status_ids


def import_agreements(
    client: ConnectWiseClient, warehouse: Warehouse, *, accept_warnings: bool = False
) -> AgreementsReport:
    """Import the agreements, of every status, of the imported companies that are not gone.

    Raises:
        TooManyGone: If the list looks cut short, and `accept_warnings` is not set; nothing is changed.
        NotConnected: If nothing is connected.
        WrongCompany: If another company is connected.
    """
    with warehouse.transaction() as session:
        require_connected(session, client)
        companies = frozenset(session.scalars(select(CompanyRow.id).where(CompanyRow.gone_at.is_(None))))
    now = datetime.now(UTC)
    cycles = {cycle.id: cycle.billing_options for cycle in client.billing_cycles().records}
    answered = client.agreements(company_ids=companies)
    found = [_agreement(agreement, cycles, now) for agreement in answered.records]
    unreadable = {one.id for one in answered.unreadable}
    with setup_transaction(warehouse) as session:
        require_connected(session, client)
        changes = reconcile(
            session,
            session.scalars(select(AgreementRow)).all(),
            found,
            now=now,
            expected=lambda agreement: (
                agreement.company_id in companies and agreement.id not in unreadable and not answered.nameless
            ),
        )
        mapped = set(session.scalars(select(CompanyMappingRow.agreement_id)))
        if not accept_warnings:
            require_most_are_there("agreements", "ConnectWise", changes, mapped)
        terms.record_where_missing(session)
        agreement_changed = tuple(agreement_terms.changed_agreements(session))
        log_action(session, AuditAction.IMPORT, "agreements", after=changes.made or None)
    return AgreementsReport(
        **vars(changes),
        gone_but_mapped=tuple(agreement for agreement in changes.gone if agreement.id in mapped),
        unreadable=(
            *(_unreadable(f"Agreement {one.id}", one.why) for one in answered.unreadable),
            *(_unreadable("An agreement", why) for why in answered.nameless),
        ),
        agreement_changed=agreement_changed,
    )


def _unreadable(what: str, why: str) -> str:
    return (
        f"{what} cannot be read: {why.rstrip('.')}. What was known of it stays. Correct that in "
        "ConnectWise, then import again."
    )


def _selection(selection: ImportSelectionRow | None) -> dict[str, list[int]] | None:
    return None if selection is None else {"type_ids": selection.type_ids, "status_ids": selection.status_ids}


def _ids(what: str, records: dict[int, str], names: Iterable[str]) -> list[int]:
    ids: set[int] = set()
    for name in names:
        fitting = {number for number, known in records.items() if known.casefold() == name.strip().casefold()}
        if not fitting:
            raise UnknownChoice(f"There is no {what} {name}.", sorted(records.values()))
        ids |= fitting
    return sorted(ids)


def _require_known(what: str, ids: Iterable[int], records: Mapping[int, str]) -> None:
    if not set(ids) <= records.keys():
        problem = f"Some of the {what} that were chosen before no longer exist in ConnectWise. Choose anew."
        raise UnknownChoice(problem, sorted(records.values()))


def _company(company: models.Company, now: datetime) -> CompanyRow:
    return CompanyRow(
        id=company.id,
        identifier=company.identifier,
        name=company.name,
        status=company.status.name if company.status else None,
        types=sorted(one.name or str(one.id) for one in company.types),
        imported_at=now,
        gone_at=None,
    )


def _agreement(agreement: models.Agreement, cycles: Mapping[int, str | None], now: datetime) -> AgreementRow:
    billed = terms_shown(agreement, cycles)
    return AgreementRow(
        id=agreement.id,
        company_id=agreement.company.id,
        name=agreement.name,
        status="Cancelled" if agreement.cancelled_flag else agreement.agreement_status or "Unknown",
        billing_cycle=agreement.billing_cycle.name if agreement.billing_cycle else None,
        cycle=billed.cycle,
        period_type=billed.period_type,
        parent_agreement_id=billed.parent_agreement_id,
        prorates=billed.prorates,
        bill_start_date=agreement.bill_start_date,
        end_date=None if agreement.no_ending_date_flag else agreement.end_date,
        next_invoice_date=agreement.next_invoice_date,
        imported_at=now,
        gone_at=None,
    )
