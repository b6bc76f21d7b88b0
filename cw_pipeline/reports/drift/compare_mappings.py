"""Compare mapped companies and agreements with what ConnectWise shows, already read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.holds import is_changed
from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.reports.drift.findings import Finding, Kind
from cw_pipeline.wording import hold_reasons
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Unread
    from cw_pipeline.connectwise import models

_BILL_ELSEWHERE = "set its lines that are not invoiced to 0 there and map the company to another agreement"


def drifted_company(
    mapping: CompanyMapping, company: models.Company | None, agreement: Agreement | None
) -> Iterator[Finding]:
    """How a mapped company differs from what was imported: one finding at most."""
    expected = f"{mapping.company_name} ({mapping.company_id})"
    gone = company is None or company.deleted_flag
    if agreement is not None and agreement.company_id != mapping.company_id:
        kind = Kind.COMPANY_MERGED if gone else Kind.AGREEMENT_MOVED
        found = f"agreement {agreement.id} belongs to {agreement.company_name} ({agreement.company_id})"
        what_to_do = hold_reasons.bill_the_new_owner(agreement, mapping)
    elif gone:
        kind, found = Kind.COMPANY_GONE, "no such company"
        what_to_do = f"Restore it in ConnectWise, or {hold_reasons.to_another_company(mapping)}."
    elif company is not None and company.name != mapping.company_name:
        kind, found = Kind.COMPANY_RENAMED, f"{company.name} ({company.id})"
        what_to_do = "Run `cw-pipeline import` to take the new name."
    else:
        return
    yield Finding.of_mapping(kind, mapping, expected, found, what_to_do)


def drifted_agreement(mapping: CompanyMapping, agreement: Agreement | None, today: date) -> Iterator[Finding]:
    """Why a mapped agreement can bill nothing more, or has other terms than were accepted: one finding at most."""
    kind, expected = Kind.AGREEMENT_NOT_BILLABLE, "an active agreement"
    what_to_do = f"Renew it in ConnectWise, or {_BILL_ELSEWHERE}."
    if agreement is None:
        found = "no such agreement, or the API member's role does not show it"
        what_to_do = "Let the role show it, or map the company to another agreement."
    elif agreement.never_invoiced:
        found = "never invoiced next"
        what_to_do = hold_reasons.settle_never_invoiced(None)
    elif not agreement.active:
        found = "not active"
    elif agreement.end_date is not None and agreement.end_date < today:
        found = f"ended on {agreement.end_date}"
    elif is_changed(agreement, mapping):
        kind, found = Kind.AGREEMENT_CHANGED, in_words(agreement.terms)
        expected = in_words(mapping.terms) if mapping.terms else "an agreement that can be billed"
        what_to_do = hold_reasons.accept_terms(agreement, mapping, _BILL_ELSEWHERE)
    else:
        return
    yield Finding.of_mapping(kind, mapping, expected, found, what_to_do)


def unread_finding(record: Unread, mappings: Iterable[CompanyMapping]) -> Finding:
    """A record that cannot be read, with the mapped organization that it concerns."""
    identity = next(filter(None, map(Identity.parse, record.serial_numbers)), None) if record.addition_id else None
    if identity is None:
        concerned = (mapping for mapping in mappings if mapping.agreement_id == record.agreement_id)
    else:
        concerned = (mapping for mapping in mappings if as_marked(mapping.organization_id) == identity.organization_id)
    mapping = next(concerned, None)
    return Finding(
        Kind.UNREADABLE,
        month=identity and identity.month,
        organization_id=mapping and mapping.organization_id,
        organization_name=mapping and mapping.organization_name,
        agreement_id=record.agreement_id,
        addition_id=record.addition_id,
        expected="a record that can be read",
        found=f"{record.what}: {record.why}",
        what_to_do="Look at it again later." if record.passes else hold_reasons.CORRECT_IT,
    )
