"""Facts to try the rule on, short enough to be read in a test.

Unless a test says otherwise: March 2026, organization `org-1` mapped to agreement 10 of company 1 since January,
whose next invoice is that of 1 April; Business is product 100 and Enterprise product 200. Agreement 11 is another
agreement of company 1 and agreement 20 is one of company 2, both with the same next invoice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Terms, Usage, Written
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import LicenseType, Month, Plan, add_months, day_before
from cw_pipeline.wording.previews import preview_in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cw_pipeline.billing.preview import Preview, PreviewLine
    from cw_pipeline.billing.writes import Write

MARCH = Month(2026, 3)
JANUARY = Month(2026, 1)
TODAY = date(2026, 3, 31)
OPEN = date(2026, 4, 1)
"""The first day of a period that is not invoiced yet."""
INVOICED = date(2026, 3, 1)
"""The first day of a period that was invoiced."""
ORGANIZATION = "org-1"
PRODUCTS = {Plan.BUSINESS: 100, Plan.ENTERPRISE: 200}
MONTHLY = Terms(cycle="Monthly", period_type="Current", parent_agreement_id=None, prorates=False)
PRORATED = replace(MONTHLY, prorates=True)


def used(
    seats: int,
    plan: Plan = Plan.BUSINESS,
    *,
    license_type: LicenseType = LicenseType.STANDARD,
    managed: bool = True,
    organization_id: str = ORGANIZATION,
) -> Usage:
    """A row of the usage report."""
    return Usage(organization_id, f"Name of {organization_id}", plan, license_type, managed, seats)


def mapped_to(
    agreement_id: int,
    company_id: int = 1,
    *,
    bill_from: Month = JANUARY,
    organization_id: str = ORGANIZATION,
    terms: Terms | None = None,
) -> CompanyMapping:
    """A mapping of an organization to an agreement."""
    name = f"Name of {organization_id}"
    return CompanyMapping(organization_id, name, company_id, agreement_id, bill_from, terms=terms)


def an_agreement(
    agreement_id: int = 10,
    company_id: int = 1,
    *,
    next_invoice: date | None = OPEN,
    bill_start: date | None = None,
    end: date | None = None,
    active: bool = True,
    company_deleted: bool = False,
    never_invoiced: bool = False,
    terms: Terms = MONTHLY,
) -> Agreement:
    """An agreement; its dates are given as ConnectWise would show them."""
    return Agreement(
        id=agreement_id,
        name=f"Agreement {agreement_id}",
        company_id=company_id,
        company_name=f"Company {company_id}",
        company_deleted=company_deleted,
        active=active,
        end_date=end,
        bill_start_date=bill_start,
        next_invoice_date=next_invoice,
        never_invoiced=never_invoiced,
        terms=terms,
    )


def a_line(
    addition_id: int,
    quantity: int | str,
    plan: Plan = Plan.BUSINESS,
    *,
    effective: date | None = OPEN,
    cancelled: date | None = None,
    agreement_id: int = 10,
    product_id: int | None = None,
    month: Month = MARCH,
    organization_id: str = ORGANIZATION,
) -> Line:
    """One of our lines; `product_id` None means its plan's product, `cancelled` None a month's last day."""
    if cancelled is None and effective is not None:
        cancelled = day_before(add_months(effective, 1))
    return Line(
        addition_id=addition_id,
        agreement_id=agreement_id,
        product_id=PRODUCTS[plan] if product_id is None else product_id,
        serial_number=Identity(month, plan, organization_id).serial_number,
        quantity=Decimal(quantity),
        effective_date=effective,
        cancelled_date=cancelled,
    )


def _written(addition_id: int, quantities: Iterable[int | Decimal], lines: Iterable[Line]) -> Written:
    """What the ledger knows of a line, which has the dates that it was written with; or of one that is gone."""
    line = next((line for line in lines if line.addition_id == addition_id), None)
    return Written(
        agreement_id=line.agreement_id if line else 10,
        serial_number=line.serial_number if line else "NP:2026-03:B:another",
        quantities=frozenset(Decimal(quantity) for quantity in quantities),
        effective_date=(line.effective_date if line else None) or OPEN,
        cancelled_date=line.cancelled_date if line else None,
    )


def the_facts(
    *lines: Line,
    mappings: Sequence[CompanyMapping] | None = None,
    agreements: Iterable[Agreement] = (),
    products: Mapping[Plan, int] | None = None,
    ledger: Mapping[int, Iterable[int]] | None = None,
    found: Collection[int] = (),
    seen_invoiced: Collection[int] = (),
    accepted: Collection[int] = (),
    released: Collection[str] = (),
) -> Facts:
    """Facts with these lines; `agreements` replace those of the same id.

    `ledger` is by addition id. It also has the lines that were `found`, `seen_invoiced` or `accepted`, with the
    quantity that they show. Of `released` organizations a person released what the report of March says.
    """
    known = {agreement.id: agreement for agreement in (an_agreement(10), an_agreement(11), an_agreement(20, 2))}
    known.update({agreement.id: agreement for agreement in agreements})
    by_serial_number: dict[str, tuple[Line, ...]] = {}
    for line in lines:
        by_serial_number[line.serial_number] = (*by_serial_number.get(line.serial_number, ()), line)
    marked = {
        line.addition_id: [line.quantity] for line in lines if line.addition_id in {*found, *seen_invoiced, *accepted}
    }
    written = {key: _written(key, known, lines) for key, known in (marked | dict(ledger or {})).items()}
    return Facts(
        mappings={mapping.organization_id: mapping for mapping in ([mapped_to(10)] if mappings is None else mappings)},
        products=PRODUCTS if products is None else products,
        agreements=known,
        lines=by_serial_number,
        ledger={
            key: replace(one, found=key in found, invoiced=key in seen_invoiced, accepted=key in accepted)
            for key, one in written.items()
        },
        today=TODAY,
        released=frozenset((MARCH, organization_id) for organization_id in released),
    )


def preview_of(facts: Facts, *rows: Usage, month: Month = MARCH) -> Preview:
    """The month's preview for these usage rows."""
    return preview_in_words(preview_month(month, rows, facts), facts)


def row_line(preview: Preview) -> PreviewLine:
    """The line of the only usage row."""
    (line,) = (line for line in preview.lines if not line.also)
    return line


def also(preview: Preview) -> list[PreviewLine]:
    """What happens beside the usage rows."""
    return [line for line in preview.lines if line.also]


def writes_of(preview: Preview) -> list[Write]:
    """Every write of the preview, in its order."""
    return [write for line in preview.lines for write in line.writes]


def changes_of(preview: Preview) -> set[tuple[int | None, int, int]]:
    """What the preview writes: addition id (None: a new line), quantity before and after."""
    return {(line_of(write), int(write.before), int(write.quantity)) for write in writes_of(preview)}


def line_of(write: Write) -> int | None:
    """The addition id of the line that is written; None: a new line."""
    return write.addition_id if isinstance(write, SetQuantity) else None
