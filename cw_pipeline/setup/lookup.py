"""Find the record that a person names by its id or exact name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from cw_pipeline.setup.errors import UnknownChoice
from cw_pipeline.sync.choice import Choice
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
    """The imported company and agreement that are asked for: an agreement by name must be the company's.

    Raises:
        UnknownChoice: If one does not exist, or several have the name.
    """
    the_company = find_listed("company", company, session.scalars(select(CompanyRow)).all())
    text = str(agreement).strip()
    by_id = session.get(AgreementRow, int(text)) if is_number(text) else None
    if by_id is not None:  # another company's too, so that the refusal can name that company
        return the_company, by_id
    its_own = select(AgreementRow).where(AgreementRow.company_id == the_company.id, AgreementRow.gone_at.is_(None))
    return the_company, find(f"agreement of {the_company.name}", agreement, session.scalars(its_own).all())


def find_listed(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The record with this id or exact name, a gone one only if no other has it.

    Raises:
        UnknownChoice: If there is none, or several have the name.
    """
    listed = [one for one in records if one.gone_at is None]
    gone = [one for one in records if one.gone_at is not None]
    return find(what, asked, gone if _fitting(asked, gone) and not _fitting(asked, listed) else listed)


def find(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The record with this id or, if there is none, with exactly this name.

    Raises:
        UnknownChoice: If there is none, or several have the name.
    """
    fitting = _fitting(asked, records)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnknownChoice(f"Several have the name of the {what} {asked}: name its id.", map(name_and_id, fitting))
    by_name = sorted(records, key=lambda one: one.name.casefold())
    raise UnknownChoice(f"There is no {what} {asked}.", map(name_and_id, by_name), near=str(asked))


def organizations_named(session: Session, asked: Iterable[str]) -> list[OrganizationRow]:
    """The organizations with these ids or exact names.

    Raises:
        UnknownChoice: If there is none, or several have the name.
    """
    known = session.scalars(select(OrganizationRow)).all()
    return [find("organization", one, known) for one in asked]


def choice_of(warehouse: Warehouse, organizations: Iterable[str], limit: int) -> Choice:
    """For whom a push is asked for: these organizations, by id or exact name, and at most so many; none for all.

    Raises:
        UnknownChoice: If there is no such organization, or several have the name.
    """
    with warehouse.transaction() as session:
        return Choice(frozenset(one.id for one in organizations_named(session, organizations)), limit)


def organization_ids(session: Session, asked: str) -> set[str]:
    """The ids of the organizations with this id or exact name: those that NordPass listed, and those in the ledger.

    Raises:
        UnknownChoice: If there is none.
    """
    listed = session.scalars(select(OrganizationRow)).all()
    in_ledger = set(session.scalars(select(LedgerEntry.organization_id).distinct()))
    found = {one.id for one in _fitting(asked, listed)} | {one for one in in_ledger if one == asked.strip()}
    if not found:
        choices = [*map(name_and_id, listed), *sorted(in_ledger - {one.id for one in listed})]
        raise UnknownChoice(f"There is no organization {asked}.", choices, near=asked)
    return found


def _fitting(asked: int | str, records: Sequence[ImportedT]) -> Sequence[ImportedT]:
    text = str(asked).strip()
    by_id = [one for one in records if str(one.id) == text]
    return by_id or [one for one in records if one.name.strip() == text]


def is_number(text: str) -> bool:
    """Whether the text can be a ConnectWise id."""
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - what an INTEGER column can hold


def record_named(what: str, records: Iterable[ChoiceT], name: str | None) -> ChoiceT:
    """The active record of a setup table with this name or, if none is given, the usual one.

    Raises:
        UnknownChoice: If there is none, or there are several.
    """
    choices = [record for record in records if not record.inactive_flag]
    if name is None and (usual := usual_record(choices)):
        return usual
    fitting = [record for record in choices if name and record.name.casefold() == name.strip().casefold()]
    if len(fitting) == 1:
        return fitting[0]
    problem = f"The {what} has to be chosen." if choices else f"ConnectWise has no {what} yet: create one there."
    if name is not None:
        problem = f"There {'are several' if fitting else 'is no'} {what} {name}."
    raise UnknownChoice(problem, sorted(record.name for record in choices), near=name)


def usual_record(records: Iterable[ChoiceT]) -> ChoiceT | None:
    """The only active record of a setup table, or the default one; None if there is no such."""
    choices = [record for record in records if not record.inactive_flag]
    usual = choices if len(choices) == 1 else [record for record in choices if record.default_flag]
    return usual[0] if len(usual) == 1 else None
