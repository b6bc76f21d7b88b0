"""Find the record that a person names by its id or exact name.

A name that nothing has, or that several have, raises `UnknownChoice` with what could be chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from cw_pipeline.setup.errors import UnknownChoice
from cw_pipeline.sync.chosen_organizations import Choice
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, LedgerEntry, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise import models
    from cw_pipeline.warehouse.database import Warehouse

ChoiceT = TypeVar("ChoiceT", bound="models.Choice")
ImportedT = TypeVar("ImportedT", CompanyRow, AgreementRow, OrganizationRow)


def company_and_agreement(
    session: Session, company: int | str, agreement: int | str
) -> tuple[CompanyRow, AgreementRow]:
    """An imported company and one of its agreements; another company's agreement is found by its id alone."""
    company_row = find_listed("company", company, session.scalars(select(CompanyRow)).all())
    text = str(agreement).strip()
    by_id = session.get(AgreementRow, int(text)) if is_number(text) else None
    if by_id is not None:  # another company's too, so that the refusal can name that company
        return company_row, by_id
    own = select(AgreementRow).where(AgreementRow.company_id == company_row.id, AgreementRow.gone_at.is_(None))
    return company_row, find(f"agreement of {company_row.name}", agreement, session.scalars(own).all())


def find_listed(what: str, name: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The record with this id or exact name, a gone one only if no other has it."""
    listed = [record for record in records if record.gone_at is None]
    gone = [record for record in records if record.gone_at is not None]
    return find(what, name, gone if _matching(name, gone) and not _matching(name, listed) else listed)


def find(what: str, name: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The record with this id or, if none has it, with exactly this name."""
    matching = _matching(name, records)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UnknownChoice(f"Several have the name of the {what} {name}: name its id.", map(name_and_id, matching))
    by_name = sorted(records, key=lambda record: record.name.casefold())
    raise UnknownChoice(f"There is no {what} {name}.", map(name_and_id, by_name), near=str(name))


def _matching(name: int | str, records: Sequence[ImportedT]) -> Sequence[ImportedT]:
    text = str(name).strip()
    by_id = [record for record in records if str(record.id) == text]
    return by_id or [record for record in records if record.name.strip() == text]


def organizations_named(session: Session, names: Iterable[str]) -> list[OrganizationRow]:
    """The organizations with these ids or exact names."""
    organizations = session.scalars(select(OrganizationRow)).all()
    return [find("organization", name, organizations) for name in names]


def choice_of(warehouse: Warehouse, organizations: Iterable[str], limit: int) -> Choice:
    """Whom to push: these organizations, by id or exact name, and at most so many; none for all."""
    with warehouse.transaction() as session:
        chosen = organizations_named(session, organizations)
        return Choice(frozenset(organization.id for organization in chosen), limit)


def organization_ids(session: Session, name: str) -> set[str]:
    """The ids of the organizations with this id or exact name: of NordPass and in the ledger.

    All of them, if several have the name.
    """
    organizations = session.scalars(select(OrganizationRow)).all()
    in_ledger = set(session.scalars(select(LedgerEntry.organization_id).distinct()))
    ids = {organization.id for organization in _matching(name, organizations)} | (in_ledger & {name.strip()})
    if not ids:
        only_in_ledger = in_ledger - {organization.id for organization in organizations}
        choices = [*map(name_and_id, organizations), *sorted(only_in_ledger)]
        raise UnknownChoice(f"There is no organization {name}.", choices, near=name)
    return ids


def is_number(text: str) -> bool:
    """Whether the text can be a ConnectWise id."""
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - what an INTEGER column can hold


def record_named(what: str, records: Iterable[ChoiceT], name: str | None) -> ChoiceT:
    """The active record of a setup table with this name or, if none is given, the usual one."""
    active = [record for record in records if not record.inactive_flag]
    if name is None and (usual := usual_record(active)):
        return usual
    matching = [record for record in active if name and record.name.casefold() == name.strip().casefold()]
    if len(matching) == 1:
        return matching[0]
    problem = f"The {what} has to be chosen." if active else f"ConnectWise has no {what} yet: create one there."
    if name is not None:
        problem = f"There {'are several' if matching else 'is no'} {what} {name}."
    raise UnknownChoice(problem, sorted(record.name for record in active), near=name)


def usual_record(records: Iterable[ChoiceT]) -> ChoiceT | None:
    """The only active record of a setup table, or the default one; None if there is no such."""
    active = [record for record in records if not record.inactive_flag]
    usual = active if len(active) == 1 else [record for record in active if record.default_flag]
    return usual[0] if len(usual) == 1 else None
