"""Which record a person means, by its id or name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from cw_pipeline.setup.errors import UnknownChoice
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.models import Choice

ChoiceT = TypeVar("ChoiceT", bound="Choice")
ImportedT = TypeVar("ImportedT", CompanyRow, AgreementRow, OrganizationRow)


def company_and_agreement(
    session: Session, company: int | str, agreement: int | str
) -> tuple[CompanyRow, AgreementRow]:
    """The company and its agreement that are meant, each by id or exact name.

    Raises:
        UnknownChoice: If one does not exist, or the name fits several.
    """
    the_company = listed_or_gone("company", company, session.scalars(select(CompanyRow)).all())
    return the_company, _agreement_of(session, the_company, agreement)


def _agreement_of(session: Session, company: CompanyRow, asked: int | str) -> AgreementRow:
    """An agreement by name among the company's, or any by id, so that the refusal can say whose it is."""
    text = str(asked).strip()
    by_id = session.get(AgreementRow, int(text)) if is_number(text) else None
    if by_id is not None:
        return by_id
    own = session.scalars(
        select(AgreementRow).where(AgreementRow.company_id == company.id, AgreementRow.gone_at.is_(None))
    ).all()
    return the_one(f"agreement of {company.name}", asked, own)


def listed_or_gone(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The one that is meant by id or exact name among those that are listed or, if it is none of them, that are gone.

    Raises:
        UnknownChoice: If there is none, or the name fits several.
    """
    text = str(asked).strip()
    listed = [one for one in records if one.gone_at is None]
    gone = [one for one in records if one.gone_at is not None and text in {str(one.id), one.name.strip()}]
    found = any(text in {str(one.id), one.name.strip()} for one in listed)
    return the_one(what, asked, listed if found or not gone else gone)


def the_one(what: str, asked: int | str, records: Sequence[ImportedT]) -> ImportedT:
    """The record of this id or, if there is none, of exactly this name.

    Raises:
        UnknownChoice: If there is none, or the name fits several.
    """
    text = str(asked).strip()
    for one in records:
        if str(one.id) == text:
            return one
    fitting = [one for one in records if one.name.strip() == text]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UnknownChoice(
            f"There are several with the name of the {what} {text}: name its id.", map(name_and_id, fitting)
        )
    raise UnknownChoice(
        f"There is no {what} {text}.", map(name_and_id, sorted(records, key=lambda one: one.name.casefold()))
    )


def is_number(text: str) -> bool:
    """Whether the text can be a ConnectWise id."""
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - what an INTEGER column can hold


def record_named(what: str, records: Iterable[ChoiceT], name: str | None) -> ChoiceT:
    """The record of a setup table with this name or, if none is given, the only or the default one.

    Raises:
        UnknownChoice: If there is none, or there are several.
    """
    choices = [record for record in records if not record.inactive_flag]
    if name is not None:
        fitting = [record for record in choices if record.name.casefold() == name.strip().casefold()]
        problem = f"There {'are several' if fitting else 'is no'} {what} {name}."
    else:
        fitting = choices if len(choices) == 1 else [record for record in choices if record.default_flag]
        problem = f"The {what} has to be chosen." if choices else f"ConnectWise has no {what} yet: create one there."
    if len(fitting) == 1:
        return fitting[0]
    raise UnknownChoice(problem, sorted(record.name for record in choices))
