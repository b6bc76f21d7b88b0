"""Suggesting which organization belongs to which company, by their names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process
from sqlalchemy import select

from cw_pipeline.reports import agreement_terms
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse

LEAST_SCORE = 75
"""Names less alike than this (of 100) are not suggested."""
MOST_CANDIDATES = 10
"""How many organizations are kept for a company, the most alike ones. Where other companies are more like all of them,
it has no suggestion until those are mapped."""

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
    """A company and the organization that may be its.

    Attributes:
        company: The company.
        agreement: Its agreement; None where a person has to choose, which `reason` explains.
        organization: The organization; in one suggestion at most.
        score: How much alike the names are, up to 100.
        certain: Whether the names are the same, nobody else has them, and there is one agreement without a warning.
        reason: Why it is suggested, and what is open.
    """

    company: Named
    agreement: Named | None
    organization: Named
    score: int
    certain: bool
    reason: str


def suggest_mappings(warehouse: Warehouse) -> tuple[Suggestion, ...]:
    """Suggest organizations for the companies that are not mapped, the likeliest first. Nothing is changed."""
    with warehouse.transaction() as session:
        mapped = session.scalars(select(CompanyMappingRow)).all()
        companies = session.scalars(
            select(CompanyRow).where(CompanyRow.gone_at.is_(None)).order_by(CompanyRow.id)
        ).all()
        organizations = session.scalars(
            select(OrganizationRow)
            .where(OrganizationRow.gone_at.is_(None), OrganizationRow.msp_managed)
            .order_by(OrganizationRow.id)
        ).all()
        agreements = _open_agreements(session)
    names = _Names(companies, organizations)
    mapped_companies = {mapping.company_id for mapping in mapped}
    mapped_organizations = {mapping.organization_id for mapping in mapped}
    pairs = _best_pairs(
        [company for company in companies if company.id not in mapped_companies],
        [organization for organization in organizations if organization.id not in mapped_organizations],
        names,
    )
    return tuple(
        _suggestion(company, organization, score, agreements[company.id], names)
        for company, organization, score in pairs
    )


@dataclass(frozen=True)
class NormalName:
    """A name as it is compared.

    Attributes:
        words: The name without capitals, accents, punctuation and legal form; empty if nothing of it is a word.
        legal_form: The legal form that it ends with, empty if there is none.
    """

    words: str
    legal_form: str


def normalized(name: str) -> NormalName:
    """The name as it is compared with others."""
    text = unicodedata.normalize("NFKD", name).casefold().translate(_LETTERS)
    text = _APOSTROPHES.sub("", _DOTS_BETWEEN_LETTERS.sub("", _ACCENTS.sub("", text)))
    words = [_SPELLED_OUT.get(word, word) for word in _NOT_IN_WORDS.sub(" ", text).split()]
    end = len(words)
    while end > 1 and (words[end - 1] in _LEGAL_FORMS or (end < len(words) and words[end - 1] in _WITHIN_LEGAL_FORMS)):
        end -= 1
    return NormalName(" ".join(words[:end]), " ".join(words[end:]))


class _Names:
    """Normalized names, and how many companies or organizations share one."""

    def __init__(self, companies: Iterable[CompanyRow], organizations: Iterable[OrganizationRow]) -> None:
        self._of: dict[int | str, NormalName] = {row.id: normalized(row.name) for row in (*companies, *organizations)}
        self._companies = Counter(self[company] for company in companies)
        self._organizations = Counter(self[organization] for organization in organizations)

    def __getitem__(self, row: CompanyRow | OrganizationRow) -> str:
        return self._of[row.id].words

    def sorted_words(self, row: CompanyRow | OrganizationRow) -> str:
        """The name with its words in the order of the alphabet."""
        return " ".join(sorted(self[row].split()))

    def legal_forms(self, *rows: CompanyRow | OrganizationRow) -> frozenset[str]:
        """The legal forms that the names have, without those that have none."""
        return frozenset(self._of[row.id].legal_form for row in rows) - {""}

    def are_unique(self, name: str) -> bool:
        """Whether one company and one organization have it."""
        return self._companies[name] == 1 and self._organizations[name] == 1


def _best_pairs(
    companies: Sequence[CompanyRow], organizations: Sequence[OrganizationRow], names: _Names
) -> list[tuple[CompanyRow, OrganizationRow, int]]:
    """The most alike pairs, each company and each organization in one at most."""
    alike = sorted(
        _alike(companies, organizations, names),
        key=lambda pair: (-pair[2], names[pair[0]] != names[pair[1]], pair[0].id, pair[1].id),
    )
    taken: set[int | str] = set()
    pairs: list[tuple[CompanyRow, OrganizationRow, int]] = []
    for company, organization, score in alike:
        if company.id not in taken and organization.id not in taken:
            taken |= {company.id, organization.id}
            pairs.append((company, organization, int(score)))
    return pairs


def _alike(
    companies: Sequence[CompanyRow], organizations: Sequence[OrganizationRow], names: _Names
) -> Iterator[tuple[CompanyRow, OrganizationRow, float]]:
    """Each company with the organizations that are most like it, whatever the order of their words."""
    organizations = [organization for organization in organizations if names[organization]]
    choices = [names.sorted_words(organization) for organization in organizations]
    for company in companies:
        for _, score, index in process.extract(
            names.sorted_words(company),
            choices,
            scorer=fuzz.ratio,
            score_cutoff=LEAST_SCORE,
            limit=MOST_CANDIDATES,
        ):
            yield company, organizations[index], score


def _suggestion(
    company: CompanyRow, organization: OrganizationRow, score: int, agreements: Sequence[AgreementRow], names: _Names
) -> Suggestion:
    same = names[company] == names[organization]
    about_names = "The names are the same." if same else f"The names are alike ({score} of 100)."
    agreement = agreements[0] if len(agreements) == 1 else None
    doubts = [*_doubts(company, organization, agreements, names)]
    return Suggestion(
        company=Named(company.id, company.name),
        agreement=Named(agreement.id, agreement.name) if agreement else None,
        organization=Named(organization.id, organization.name),
        score=score,
        certain=same and not doubts,
        reason=" ".join((about_names, *doubts)),
    )


def _doubts(
    company: CompanyRow, organization: OrganizationRow, agreements: Sequence[AgreementRow], names: _Names
) -> Iterator[str]:
    if names[company] == names[organization] and not names.are_unique(names[company]):
        yield "Several companies or organizations have this name."
    if len(names.legal_forms(company, organization)) > 1:
        yield "The legal forms differ."
    if not agreements:
        yield "The company has no active agreement."
    elif len(agreements) > 1:
        yield f"The company has {len(agreements)} active agreements: choose one."
    elif why_not := agreement_terms.why_not_billable(agreements[0]):
        yield f"It cannot be mapped: {why_not}."
    else:
        yield from agreement_terms.warnings(agreements[0])


def _open_agreements(session: Session) -> defaultdict[int, list[AgreementRow]]:
    agreements: defaultdict[int, list[AgreementRow]] = defaultdict(list)
    for agreement in session.scalars(
        select(AgreementRow)
        .where(AgreementRow.gone_at.is_(None), AgreementRow.status == "Active")
        .order_by(AgreementRow.id)
    ):
        agreements[agreement.company_id].append(agreement)
    return agreements
