"""The terms of an agreement that a person accepts with a mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.reports.agreement_terms import mapped_agreements, warnings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline.warehouse.terms import terms_of
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import Terms
    from cw_pipeline.warehouse.tables import AgreementRow


def accept(mapping: CompanyMappingRow, terms: Terms | None) -> None:
    """Remember with the mapping the terms on which it is made."""
    mapping.cycle = terms.cycle if terms else None
    mapping.period_type = terms.period_type if terms else None
    mapping.parent_agreement_id = terms.parent_agreement_id if terms else None
    mapping.prorates = terms.prorates if terms else None


def to_accept(agreement: AgreementRow, current: CompanyMappingRow | None) -> tuple[str, ...]:
    """What to know before a company is mapped with an agreement: nothing where those terms were accepted already."""
    if current is None or current.agreement_id != agreement.id:
        return warnings(agreement)
    accepted, now = terms_of(current), terms_of(agreement)
    if accepted is None or now is None or accepted == now:
        return ()
    change = f"{name_and_id(agreement)} was {in_words(accepted)} when it was mapped, and is {in_words(now)} now."
    return (f"The agreement {change}", *warnings(agreement))


def record_where_missing(session: Session) -> None:
    """Take the terms of agreements that were mapped before anybody recorded them as they are now."""
    for mapping, agreement in session.execute(mapped_agreements().where(CompanyMappingRow.prorates.is_(None))).tuples():
        accept(mapping, terms_of(agreement))
