"""How far the set-up has come, and which months still have to be pushed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.reports.agreement_terms import changed_agreements
from cw_pipeline.reports.listings import gone_mappings
from cw_pipeline.reports.readiness import missing_to_be_active
from cw_pipeline.sync.due import unpushed_months
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.connection_key import psa_of
from cw_pipeline.warehouse.previews import lines_with
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, IntegrationRow, OrganizationRow, PushRow
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse

_TICK = time(0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class HeldLine:
    """A line that waits for a person, as its month was pushed last.

    Attributes:
        seats: Those of the usage row; beside it, the quantity that the line loses or that is held.
        reason: What is so, and what to do about this line, with its ids.
        what_to_do: What a person can do about any line of this outcome, a sentence.
    """

    month: Month
    organization_id: str
    organization_name: str
    plan: str
    outcome: Outcome
    seats: Decimal
    reason: str
    what_to_do: str


@dataclass(frozen=True)
class Status:
    """The state of the integration.

    Attributes:
        state: How far the set-up has come.
        site: The ConnectWise site, None before the first connection.
        company_id: The ConnectWise company id, None before the first connection.
        missing: What is missing to become active, a sentence each.
        mapped: Companies that are mapped.
        mapped_organizations: The organizations that they are mapped to.
        unmapped_companies: Imported companies that are not, without those that are gone.
        unmapped_organizations: MSP-managed organizations that no company has, without those that are gone.
        gone: What the last import no longer found although it is mapped, a sentence each.
        agreement_changed: Which mapped agreements the last import found billed otherwise than was accepted, a sentence
            each.
        unpushed_months: Closed months that have to be pushed (again).
        why_unpushed: Why each of them has to be.
        held: How many lines wait for a person, by month.
        held_lines: Those lines.
        last_sync: When the last push ended.
        next_tick: When the schedule is next due.
    """

    state: State
    site: str | None
    company_id: str | None
    missing: tuple[str, ...]
    mapped: int
    mapped_organizations: int
    unmapped_companies: int
    unmapped_organizations: int
    gone: tuple[str, ...]
    agreement_changed: tuple[str, ...]
    unpushed_months: tuple[Month, ...]
    why_unpushed: dict[str, str]
    held: dict[str, int]
    held_lines: tuple[HeldLine, ...]
    last_sync: datetime | None
    next_tick: datetime


def status(warehouse: Warehouse, *, first_month: Month, now: datetime) -> Status:
    """How far the set-up has come at `now`; `first_month` is the first month that is ever synced."""
    with warehouse.transaction() as session:
        integration = session.get(IntegrationRow, 1)
        psa = psa_of(integration) if integration else ""
        held_lines = tuple(_held_lines(session, psa))
        unpushed = unpushed_months(session, psa, first_month, now)
        return Status(
            state=integration.state if integration else State.NOT_CONNECTED,
            site=integration.site_url if integration else None,
            company_id=integration.company_id if integration else None,
            missing=missing_to_be_active(session),
            mapped=session.scalar(select(func.count(CompanyMappingRow.company_id.distinct()))) or 0,
            mapped_organizations=session.scalar(select(func.count()).select_from(CompanyMappingRow)) or 0,
            unmapped_companies=_unmapped_companies(session),
            unmapped_organizations=_unmapped_organizations(session),
            gone=tuple(gone_mappings(session)),
            agreement_changed=tuple(changed_agreements(session)),
            unpushed_months=tuple(unpushed),
            why_unpushed={str(month): why.value for month, why in unpushed.items()},
            held=dict(Counter(str(line.month) for line in held_lines)),
            held_lines=held_lines,
            last_sync=session.scalar(select(func.max(PushRow.pushed_at)).where(PushRow.psa == psa)),
            next_tick=next_tick(now),
        )


def _held_lines(session: Session, psa: str) -> Iterator[HeldLine]:
    names = dict(session.execute(select(OrganizationRow.id, OrganizationRow.name)).tuples().all())
    for month, line in lines_with(session, psa, HELD):
        yield HeldLine(
            month=month,
            organization_id=line.organization_id,
            organization_name=names.get(line.organization_id, line.organization_id),
            plan=line.plan,
            outcome=line.outcome,
            seats=line.seats,
            reason=line.reason,
            what_to_do=WAYS_OUT[line.outcome],
        )


def next_tick(now: datetime) -> datetime:
    """The next 00:30 UTC on the first day of a month, after `now`."""
    this = datetime.combine(Month.of(now).first_day, _TICK)
    return this if this > now else datetime.combine(Month.of(now).plus(1).first_day, _TICK)


def _unmapped_companies(session: Session) -> int:
    mapped = select(CompanyMappingRow.company_id)
    wanted = (
        select(func.count()).select_from(CompanyRow).where(CompanyRow.gone_at.is_(None), CompanyRow.id.not_in(mapped))
    )
    return session.scalar(wanted) or 0


def _unmapped_organizations(session: Session) -> int:
    mapped = select(CompanyMappingRow.organization_id)
    wanted = (
        select(func.count())
        .select_from(OrganizationRow)
        .where(OrganizationRow.gone_at.is_(None), OrganizationRow.msp_managed, OrganizationRow.id.not_in(mapped))
    )
    return session.scalar(wanted) or 0
