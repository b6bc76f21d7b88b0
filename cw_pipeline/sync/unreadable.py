"""Unreadable records in ConnectWise, with the lines that they may concern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, cast

from cw_pipeline.billing.facts import Unread
from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.errors import ConnectWiseError, ContractBroken, NotFound, UnreadableReply
from cw_pipeline.connectwise.record_list import RecordList, Unreadable

if TYPE_CHECKING:
    from cw_pipeline.warehouse.ledger import Known

UNUSABLE = (ContractBroken, UnreadableReply, NotFound)
"""Errors about one record, or the lines on one agreement, while everything else is in order."""

Lines: TypeAlias = RecordList[models.Addition] | ConnectWiseError
"""The lines on an agreement, or why there is no list of them."""


def unread_line(agreement_id: int, line: Unreadable, known: Mapping[int, Known]) -> Unread:
    """A line of ours, by its serial number or by its id in the ledger."""
    return Unread(
        what=f"Line {line.id} on agreement {agreement_id}",
        why=line.why,
        agreement_id=agreement_id,
        addition_id=line.id,
        serial_numbers=_serial_numbers(line.id, line.text("serialNumber"), known),
    )


def unread_agreement(agreement: Unreadable, lines: Lines, known: Mapping[int, Known]) -> Unread:
    """An agreement, whatever is on it."""
    unread = Unread(f"Agreement {agreement.id}", agreement.why, agreement.id, company_id=company_of(agreement))
    return _with_what_is_on_it(unread, lines, known)


def unread_company(agreement_id: int, company: Unreadable, lines: Lines, known: Mapping[int, Known]) -> Unread:
    """The company of an agreement."""
    what = f"Company {company.id} of agreement {agreement_id}"
    return _with_what_is_on_it(Unread(what, company.why, agreement_id, company_id=company.id), lines, known)


def unread_lines(agreement: models.Agreement, failure: ConnectWiseError) -> Unread:
    """All lines of an agreement."""
    return Unread(
        what=f"The list of the lines of agreement {agreement.id}",
        why=str(failure),
        agreement_id=agreement.id,
        company_id=agreement.company.id,
        passes=not isinstance(failure, ContractBroken),
    )


def company_of(agreement: Unreadable) -> int | None:
    """The company of an unreadable agreement, if that much can be read."""
    company = agreement.sent.get("company")
    number = cast("Mapping[str, object]", company).get("id") if isinstance(company, Mapping) else None
    return number if isinstance(number, int) else None


def _with_what_is_on_it(unread: Unread, lines: Lines, known: Mapping[int, Known]) -> Unread:
    """`unread` with our lines on the agreement; if those are unknown, it concerns all organizations of the company."""
    if isinstance(lines, ConnectWiseError):
        return unread
    shown = {line.id: line.serial_number or "" for line in lines.records}
    shown |= {line.id: line.text("serialNumber") for line in lines.unreadable}
    serial_numbers = (
        _serial_numbers(addition_id, serial_number, known) for addition_id, serial_number in shown.items()
    )
    return replace(unread, serial_numbers=frozenset(chain.from_iterable(serial_numbers)), company_id=None)


def _serial_numbers(addition_id: int, shown: str, known: Mapping[int, Known]) -> frozenset[str]:
    """The serial numbers that a line may stand for: an id that the ledger knows may be another line's by now."""
    return frozenset({shown, known[addition_id].serial_number} if addition_id in known else {shown})
