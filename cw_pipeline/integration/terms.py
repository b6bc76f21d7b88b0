"""How an agreement is billed: whether that bars a mapping, what to know first, and what was accepted with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.commands import map_command
from cw_pipeline.billing.terms import NEVER, OF_PARTS_OF_A_MONTH, OF_SEVERAL_MONTHS, can_be_billed, in_words
from cw_pipeline.integration.reconcile import name_and_id
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping
from cw_pipeline.warehouse.terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import Terms


def accept(mapping: CompanyMapping, terms: Terms | None) -> None:
    """Remember with the mapping the terms on which it is made."""
    mapping.cycle = terms.cycle if terms else None
    mapping.period_type = terms.period_type if terms else None
    mapping.parent_agreement_id = terms.parent_agreement_id if terms else None
    mapping.prorates = terms.prorates if terms else None


def why_not_billable(agreement: Agreement) -> str | None:
    """Why an agreement cannot bill a month's seats once and in full; None where it can."""
    terms = terms_of(agreement)
    which = f"the agreement {name_and_id(agreement)}"
    if terms is None:
        return f"how {which} is billed was not imported yet: run `cw-pipeline import`"
    if terms.cycle in NEVER:
        return f"{which} has no billing cycle that recurs, so nothing on it is invoiced month by month"
    if terms.cycle in OF_PARTS_OF_A_MONTH:
        return f"{which} is billed {terms.cycle}, so a month's seats would be on several invoices"
    if not can_be_billed(terms):
        return f"{which} is {in_words(terms)}, so a month's seats would be billed in part only"
    return None


def warnings(agreement: Agreement) -> tuple[str, ...]:
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
            f"{which} is billed in a way that is not known here ({agreement.cycle}): ConnectWise may invoice a month's "
            "seats late, several times, or not at all."
        )
    if agreement.parent_agreement_id is not None:
        found.append(
            f"{which} is a child of {agreement.parent_agreement_id}: it is invoiced with its parent, and its own next "
            "invoice date may not move."
        )
    return tuple(found)


def to_accept(agreement: Agreement, current: CompanyMapping | None) -> tuple[str, ...]:
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
    for mapping, agreement in session.execute(_mapped().where(CompanyMapping.prorates.is_(None))).tuples():
        accept(mapping, terms_of(agreement))


def changed_agreements(session: Session) -> Iterator[str]:
    """The mapped agreements that are billed otherwise than was accepted, and what to do, a sentence each."""
    of_companies = _mapped().add_columns(Company).join(Company, Company.id == CompanyMapping.company_id)
    for mapping, agreement, company in session.execute(of_companies.order_by(Company.id)).tuples():
        accepted, now = terms_of(mapping), terms_of(agreement)
        bar = why_not_billable(agreement)
        if accepted is None or now is None or agreement.gone_at is not None or (accepted == now and bar is None):
            continue
        before = f" and was {in_words(accepted)} when it was mapped" if accepted != now else ""
        accept_it = f"accept it with {map_command(company.id, agreement.id, mapping.organization_id)}"
        yield (
            f"The agreement {name_and_id(agreement)} of {name_and_id(company)} is {in_words(now)}{before}: its lines "
            "are held. Set that back in ConnectWise and run `cw-pipeline import`, or "
            f"{'map the company to another agreement' if bar else accept_it}."
        )


def _mapped() -> Select[tuple[CompanyMapping, Agreement]]:
    return select(CompanyMapping, Agreement).join(Agreement, Agreement.id == CompanyMapping.agreement_id)
