"""The commands that sentences advise, ready to be pasted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from decimal import Decimal

    from cw_pipeline.billing.facts import Line
    from cw_pipeline.billing.identity import Identity

SYNC_AGAIN = "Then sync the month again."


def for_tenant(text: str, tenant: str | None) -> str:
    """The text with its commands for the tenant with this key."""
    return text.replace("`cw-pipeline ", f"`cw-pipeline --tenant {tenant} ") if tenant else text


def accept_command(identity: Identity, *, credited: Decimal | int | None = None) -> str:
    """The command that accepts an organization's invoiced lines, or records a credit for them."""
    seats = "" if credited is None else f" --credited {credited}"
    whose = f"--month {identity.month} --organization {shlex.quote(identity.organization_id)}"
    return f"`cw-pipeline lines accept {whose}{seats}`"


def release_command(month: Month, organization_id: str) -> str:
    """The command that releases an organization's unusual usage."""
    return f"`cw-pipeline lines release --month {month} --organization {shlex.quote(organization_id)}`"


def month_options(first: Month, last: Month) -> str:
    """The command-line options for the months from `first` to `last`."""
    return f"--month {first}" if first == last else f"--from {first} --to {last}"


def sync_or_approve(unpushed: Collection[str], to_approve: Mapping[str, int], *, approval: bool) -> str:
    """What to do for unpushed months: approve the previews that wait for it, and sync the other months.

    If pushes need `approval`, the others are to be previewed: nobody is advised to push what nobody looked at.
    """
    waiting = [to_approve[month] for month in unpushed if month in to_approve]
    others = [Month.parse(month) for month in unpushed if month not in to_approve]
    sentences: list[str] = []
    if others:
        months = [f"--month {month}" for month in others] if waiting else [month_options(others[0], others[-1])]
        command, then = ("preview", ", and approve what is right") if approval else ("sync", "")
        sentences.append(f"Run {' and '.join(f'`cw-pipeline {command} {options}`' for options in months)}{then}.")
    if waiting:
        sentences.append(
            f"Look at what is previewed, and if it is right, run `cw-pipeline approve {' '.join(map(str, waiting))}`."
        )
    return " ".join(sentences)


def map_command(company_id: int, agreement_id: int, organization_id: str, bill_from: Month | None = None) -> str:
    """The command that maps an organization to a company and its agreement."""
    first_month = f" --bill-from {bill_from}" if bill_from else ""
    return (
        f"`cw-pipeline companies map {company_id} --agreement {agreement_id} "
        f"--organization {shlex.quote(organization_id)}{first_month}`"
    )


def unmap_command(company_id: int, organization_id: str) -> str:
    """The command that removes a company's mapping to an organization."""
    return f"`cw-pipeline companies unmap {company_id} --organization {shlex.quote(organization_id)}`"


def by_hand_command(act: Literal["end", "leave"], lines: Iterable[Line]) -> str:
    """The command that ends or leaves lines that people keep by hand."""
    return f"`cw-pipeline lines {act} {' '.join(str(line.addition_id) for line in lines)}`"
