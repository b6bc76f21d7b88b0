"""How far the setup has come, what it still lacks, and which months have to be pushed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.billing.preview import PushedPart, seats_at_stake
from cw_pipeline.reports.agreement_terms import changed_agreements
from cw_pipeline.reports.listings import gone_mappings
from cw_pipeline.sync.due_months import Why, previews_to_approve, unpushed_months
from cw_pipeline.tenant_file import DEFAULT_SCHEDULE, MonthlySchedule
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.mappings import company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import lines_with, pushed_part
from cw_pipeline.warehouse.tables import (
    CompanyMappingRow,
    CompanyRow,
    IntegrationRow,
    OrganizationRow,
    ProductMappingRow,
    PushRow,
)
from cw_pipeline.wording.seats import how_much
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnExpressionArgument
    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class HeldLine:
    """A line that waits for a person's decision, from its month's latest push.

    Attributes:
        seats: The usage row's seats; of `credit_due`, the seats to credit; of a line beside the row, the quantity that
            it loses or that is held.
        reason: Why it is held and what to do about it, with its ids.
        what_to_do: What to do about any line with this outcome.
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
        site, company_id: None before the first connection.
        missing: What is missing to become active, a sentence each.
        mapped: The number of mapped companies.
        unmapped_companies: Imported companies that are not mapped and not gone.
        unmapped_organizations: MSP-managed organizations that are not mapped and not gone.
        gone: The mapped records that the last import no longer found, a sentence each.
        agreement_changed: The mapped agreements whose terms differ from what was accepted, a sentence each.
        trial_months: The mappings with trial months from the last closed month on, a sentence each.
        unpushed_months: Closed months that have to be pushed (again).
        why_unpushed: The reason for each of them.
        partly_pushed: How much is pushed of those whose last push left organizations out.
        to_approve: If pushes need approval, the preview of each of those months that waits for it.
        held: The number of held lines by month.
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
    trial_months: tuple[str, ...]
    unpushed_months: tuple[Month, ...]
    why_unpushed: dict[str, str]
    partly_pushed: dict[str, PushedPart]
    to_approve: dict[str, int]
    held: dict[str, int]
    held_lines: tuple[HeldLine, ...]
    last_sync: datetime | None
    next_tick: datetime

    def late(self, closed_by: datetime) -> dict[str, str]:
        """The unpushed months that were closed at that time, or that wait for approval, each with the reason."""
        return {
            month: why
            for month, why in self.why_unpushed.items()
            if month in self.to_approve or Month.parse(month).closes_at <= closed_by
        }


def status(
    warehouse: Warehouse,
    *,
    first_month: Month,
    now: datetime,
    schedule: MonthlySchedule = DEFAULT_SCHEDULE,
    approval: bool = False,
) -> Status:
    """The state of the integration at `now`.

    `first_month` is the first month that is ever synced; with `approval`, a person has to approve what is pushed.
    """
    with warehouse.transaction() as session:
        integration = session.get(IntegrationRow, 1)
        psa = connected_psa(session)
        held_lines, unpushed = _held_lines(session, psa), unpushed_months(session, psa, first_month, now)
        parts = {str(month): part for month in unpushed if (part := pushed_part(session, psa, month))}
        waiting = previews_to_approve(session, psa, unpushed) if approval else {}
        mapping = CompanyMappingRow

        def count(column: ColumnExpressionArgument[Any], *where: ColumnExpressionArgument[bool]) -> int:
            return session.scalar(select(func.count(column)).where(*where)) or 0

        return Status(
            state=integration.state if integration else State.NOT_CONNECTED,
            site=integration.site_url if integration else None,
            company_id=integration.company_id if integration else None,
            missing=missing_to_be_active(session),
            mapped=count(mapping.company_id.distinct()),
            mapped_organizations=count(mapping.organization_id),
            unmapped_companies=count(
                CompanyRow.id, CompanyRow.gone_at.is_(None), CompanyRow.id.not_in(select(mapping.company_id))
            ),
            unmapped_organizations=count(
                OrganizationRow.id,
                OrganizationRow.gone_at.is_(None),
                OrganizationRow.msp_managed,
                OrganizationRow.id.not_in(select(mapping.organization_id)),
            ),
            gone=tuple(gone_mappings(session)),
            agreement_changed=tuple(changed_agreements(session)),
            trial_months=tuple(_trial_months(session, Month.last_closed(now))),
            unpushed_months=tuple(unpushed),
            why_unpushed={
                str(month): _why(why, parts.get(str(month)), waiting.get(month)) for month, why in unpushed.items()
            },
            partly_pushed=parts,
            to_approve={str(month): preview_id for month, preview_id in waiting.items()},
            held=dict(Counter(str(line.month) for line in held_lines)),
            held_lines=held_lines,
            last_sync=session.scalar(select(func.max(PushRow.pushed_at)).where(PushRow.psa == psa)),
            next_tick=schedule.next_tick(now),
        )


def _why(why: Why, part: PushedPart | None, to_approve: int | None) -> str:
    """Why a month has to be pushed; a `part` of it may be pushed, or a preview wait for approval."""
    if to_approve is not None:
        return f"waits for approval: preview {to_approve}"
    return f"only {how_much(part)} are pushed" if why is Why.PARTLY and part else why.value


def missing_to_be_active(session: Session) -> tuple[str, ...]:
    """What the setup lacks and what to do, a sentence each; empty if the state is active."""
    integration = session.get(IntegrationRow, 1)
    if integration is not None and integration.state is State.ACTIVE:
        return ()
    missing: list[str] = []
    if integration is None or integration.state is State.DISCONNECTED:
        missing.append("ConnectWise is not connected: run `cw-pipeline connect`.")
    if session.scalars(select(ProductMappingRow).limit(1)).first() is None:
        missing.append(
            "No plan is mapped to a product: run `cw-pipeline products map` or `cw-pipeline products create`."
        )
    missing.append("The product mapping is not confirmed: run `cw-pipeline products confirm`.")
    return tuple(missing)


def _trial_months(session: Session, last_closed: Month) -> Iterator[str]:
    """The mappings that bill nobody for the last closed month or a later one, a sentence each."""
    for mapping in company_mappings(session, CompanyMappingRow.trial_months > 0):
        paid = mapping.bill_from.plus(mapping.trial_months)
        if paid > last_closed:
            yield (
                f"Trial months: {name_and_id(mapping.company)} with {name_and_id(mapping.organization)} is billed to "
                f"nobody from {mapping.bill_from} to {paid.plus(-1)}, and billed from {paid} on."
            )


def _held_lines(session: Session, psa: str) -> tuple[HeldLine, ...]:
    return tuple(
        HeldLine(
            month=month,
            organization_id=line.organization_id,
            organization_name=organization_name,
            plan=line.plan,
            outcome=line.outcome,
            seats=seats_at_stake(line.seats, line.to_credit),
            reason=line.reason,
            what_to_do=WAYS_OUT[line.outcome],
        )
        for month, line, organization_name in lines_with(session, psa, HELD)
    )
