"""Suggest which organization belongs to which company, by their names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rapidfuzz import fuzz, process
from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.reports.listings import active_agreements
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.tables import AgreementRow

LEAST_SCORE = 75
"""Names less alike than this (of 100) are not suggested."""
MOST_CANDIDATES = 10
"""How many organizations are considered for a company, the most alike ones. If other companies are more like all of
them, it has no suggestion until those are mapped."""

_LEGAL_FORMS = frozenset(
    {
        "ab", "ag", "aps", "as", "asa", "bv", "bvba", "co", "corp", "doo", "eood", "gesmbh", "gmbh", "inc", "kft", "kg",
        "kk", "llc", "llp", "lp", "ltd", "ltda", "mbh", "nv", "ohg", "oo", "oy", "oyj", "plc", "pte", "pty", "sa",
        "sarl", "sas", "se", "sl", "slu", "sp", "spa", "srl", "sro", "uab", "ug", "zoo", "zrt",
    }
)  # fmt: skip
_WITHIN_LEGAL_FORMS = frozenset({"and", "z"})  # GmbH & Co. KG, Sp. z o.o.
_SPELLED_OUT = {"company": "co", "corporation": "corp", "incorporated": "inc", "limited": "ltd"}
_DOTS_BETWEEN_LETTERS = re.compile(r"(?<=\b\w)\.(?=\w\b)|(?<=\b\w)\.(?=\s|$)")
_APOSTROPHES = re.compile("['`\u00b4\u2019]")
_NOT_IN_WORDS = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")  # only these: in other scripts such marks are letters
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "&": " and ", "+": " and "})


@dataclass(frozen=True)
class Suggestion:
    """A company and the organization that it may be; each of them is in one suggestion at most.

    Attributes:
        agreement: The company's only active agreement; None if it has none or several.
        to_choose: Of several active agreements those that can be billed.
        score: How much alike the names are, up to 100.
        certain: Whether the organization is certain, and there is one agreement without a warning.
        organization_certain: Whether the names are the same, and nobody else has them.
        reason: Why this is suggested, and what is doubtful.
    """

    company: Named
    agreement: Named | None
    to_choose: tuple[Named, ...]
    organization: Named
    score: int
    certain: bool
    organization_certain: bool
    reason: str


class NormalName(NamedTuple):
    """A name as it is compared.

    Attributes:
        words: The name without capitals, accents, punctuation and legal form; may be empty.
        legal_form: The legal form that the name ends with; may be empty.
    """

    words: str
    legal_form: str

    @property
    def sorted_words(self) -> str:
        """The words in the order of the alphabet."""
        return " ".join(sorted(self.words.split()))


_Names: TypeAlias = "Mapping[int | str, NormalName]"  # by the id of a company or organization


def suggest_mappings(warehouse: Warehouse) -> tuple[Suggestion, ...]:
    """Suggest organizations for the companies that are not mapped, the likeliest first. Nothing is changed."""
    with warehouse.transaction() as session:
        companies = session.scalars(select(CompanyRow).where(CompanyRow.gone_at.is_(None))).all()
        is_mappable = (OrganizationRow.gone_at.is_(None), OrganizationRow.msp_managed)
        organizations = session.scalars(select(OrganizationRow).where(*is_mappable).order_by(OrganizationRow.id)).all()
        taken: set[int | str] = set()
        for mapping in session.scalars(select(CompanyMappingRow)):
            taken |= {mapping.company_id, mapping.organization_id}
        agreements = active_agreements(session)
    names = {row.id: normalized(row.name) for row in (*companies, *organizations)}
    times = [Counter(names[row.id].words for row in rows) for rows in (companies, organizations)]
    shared = {words for counts in times for words, number in counts.items() if number > 1}
    pairs = sorted(
        alike(
            [row for row in companies if row.id not in taken],
            [row for row in organizations if row.id not in taken],
            names,
        ),
        key=lambda pair: (-pair[2], names[pair[0].id].words != names[pair[1].id].words, pair[0].id, pair[1].id),
    )
    suggestions: list[Suggestion] = []
    for company, organization, score in pairs:
        if not taken & {company.id, organization.id}:
            taken |= {company.id, organization.id}
            same = names[company.id].words == names[organization.id].words
            doubts = list(_doubts_about_names(names[company.id], names[organization.id], shared))
            own = agreements.get(company.id, ())
            suggestions.append(_suggestion(company, organization, int(score), own, doubts, same=same))
    return tuple(suggestions)


def normalized(name: str) -> NormalName:
    """The name as it is compared with others."""
    text = unicodedata.normalize("NFKD", name).casefold().translate(_LETTERS)
    text = _APOSTROPHES.sub("", _DOTS_BETWEEN_LETTERS.sub("", _ACCENTS.sub("", text)))
    words = [_SPELLED_OUT.get(word, word) for word in _NOT_IN_WORDS.sub(" ", text).split()]
    end = len(words)
    while end > 1 and (words[end - 1] in _LEGAL_FORMS or (end < len(words) and words[end - 1] in _WITHIN_LEGAL_FORMS)):
        end -= 1
    return NormalName(" ".join(words[:end]), " ".join(words[end:]))


def alike(
    companies: Sequence[CompanyRow], organizations: Sequence[OrganizationRow], names: _Names
) -> Iterator[tuple[CompanyRow, OrganizationRow, float]]:
    """Each company with the organizations that are most like it, whatever the order of their words, and the score."""
    organizations = [organization for organization in organizations if names[organization.id].words]
    choices = [names[organization.id].sorted_words for organization in organizations]
    for company in companies:
        for _, score, index in process.extract(
            names[company.id].sorted_words,
            choices,
            scorer=fuzz.ratio,
            score_cutoff=LEAST_SCORE,
            limit=MOST_CANDIDATES,
        ):
            yield company, organizations[index], score


def _suggestion(
    company: CompanyRow,
    organization: OrganizationRow,
    score: int,
    agreements: Sequence[AgreementRow],
    doubts: Sequence[str],
    *,
    same: bool,
) -> Suggestion:
    """A suggestion whose names are the `same` or alike, with these `doubts` about them."""
    about_agreements = list(_doubts_about_agreements(agreements))
    agreement = agreements[0] if len(agreements) == 1 else None
    to_choose = () if agreement else (row for row in agreements if not agreement_terms.why_not_billable(row))
    about_names = "The names are the same." if same else f"The names are alike ({score} of 100)."
    return Suggestion(
        company=Named(company.id, company.name),
        agreement=Named(agreement.id, agreement.name) if agreement else None,
        to_choose=tuple(Named(row.id, row.name) for row in to_choose),
        organization=Named(organization.id, organization.name),
        score=score,
        certain=same and not doubts and not about_agreements,
        organization_certain=same and not doubts,
        reason=" ".join((about_names, *doubts, *about_agreements)),
    )


def _doubts_about_names(company: NormalName, organization: NormalName, shared: Collection[str]) -> Iterator[str]:
    if company.words == organization.words and company.words in shared:
        yield "Several companies or organizations have this name."
    if company.legal_form and organization.legal_form and company.legal_form != organization.legal_form:
        yield "The legal forms differ."


def _doubts_about_agreements(agreements: Sequence[AgreementRow]) -> Iterator[str]:
    if not agreements:
        yield "The company has no active agreement."
    elif len(agreements) > 1:
        billable = sum(agreement_terms.why_not_billable(row) is None for row in agreements)
        of_them = "" if billable == len(agreements) else f", of which {billable or 'none'} can be billed"
        yield f"The company has {len(agreements)} active agreements{of_them}{': choose one' if billable > 1 else ''}."
    elif why_not := agreement_terms.why_not_billable(agreements[0]):
        yield f"It cannot be mapped: {why_not}."
    else:
        yield from agreement_terms.warnings(agreements[0])
