"""How agreements are billed: what rules out a mapping, what to warn of, and which changed since they were mapped."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import Terms
from cw_pipeline.billing.terms import NEVER, OF_PARTS_OF_A_MONTH, OF_SEVERAL_MONTHS, can_be_billed
from cw_pipeline.warehouse.mappings import company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow
from cw_pipeline.wording.commands import map_command
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


def why_not_billable(agreement: AgreementRow) -> str | None:
    """Why an agreement cannot bill a month's seats once and in full; None if it can."""
    terms, which = agreement.terms, f"the agreement {name_and_id(agreement)}"
    if terms is None:
        return f"how {which} is billed was not imported yet: run `cw-pipeline import`"
    if terms.cycle in NEVER:
        return f"{which} has no billing cycle that recurs, so nothing on it is invoiced month by month"
    if terms.cycle in OF_PARTS_OF_A_MONTH:
        return f"{which} is billed {terms.cycle}, so a month's seats would be on several invoices"
    if not can_be_billed(terms):
        return f"{which} is {in_words(terms)}, so a month's seats would be billed in part only"
    return None


def warnings(agreement: AgreementRow) -> tuple[str, ...]:
    """What may go wrong with billing an agreement that can be mapped."""
    found: list[str] = []
    which = f"The agreement {name_and_id(agreement)}"
    if agreement.cycle in OF_SEVERAL_MONTHS:
        found.append(
            f"{which} is billed {agreement.cycle}: ConnectWise may invoice a month's seats late, several months at "
            "once."
        )
    elif agreement.cycle not in (None, "Monthly"):
        found.append(
            f"{which} has an unknown billing cycle ({agreement.cycle}): ConnectWise may invoice a month's seats late, "
            "several times, or not at all."
        )
    if agreement.parent_agreement_id is not None:
        found.append(
            f"{which} is a child of {agreement.parent_agreement_id}: it is invoiced with its parent, and its own next "
            "invoice date may not move."
        )
    return tuple(found)


def changed_agreements(session: Session) -> Iterator[str]:
    """The mapped agreements whose terms differ from what was accepted, and what to do, a sentence each."""
    # Only the columns: whole rows of all mappings take several times as long to read.
    names = [field.name for field in fields(Terms)]
    columns = [getattr(row, name) for row in (CompanyMappingRow, AgreementRow) for name in names]
    rows = session.execute(select(CompanyMappingRow.organization_id, *columns).join(CompanyMappingRow.agreement))
    changed = [
        organization_id
        for organization_id, *terms in rows
        if terms[: len(names)] != terms[len(names) :] or not can_be_billed(Terms(*terms[len(names) :]))
    ]
    for mapping in company_mappings(session, CompanyMappingRow.organization_id.in_(changed)):
        agreement, accepted, terms = mapping.agreement, mapping.terms, mapping.agreement.terms
        if accepted is None or terms is None or agreement.gone_at:
            continue
        before = f" and was {in_words(accepted)} when it was mapped" if accepted != terms else ""
        otherwise = (
            "map the company to another agreement"
            if why_not_billable(agreement)
            else f"accept it with {map_command(mapping.company_id, agreement.id, mapping.organization_id)}"
        )
        yield (
            f"The agreement {name_and_id(agreement)} of {name_and_id(mapping.company)} is {in_words(terms)}{before}: "
            f"its lines are held. Set that back in ConnectWise and run `cw-pipeline import`, or {otherwise}."
        )
