"""Reading ConnectWise for a preview: agreements, their companies, and our lines on them, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import Agreement, Line, Unread
from cw_pipeline.billing.identity import PREFIX, Identity
from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.errors import ConnectWiseError, NotFound, RecordUnreadable
from cw_pipeline.connectwise.record_list import RecordList, Unreadable
from cw_pipeline.sync.agreement_facts import agreement_facts
from cw_pipeline.sync.ownership import is_still, shows_another
from cw_pipeline.sync.unreadable import (
    UNUSABLE,
    Lines,
    company_of,
    unread_agreement,
    unread_company,
    unread_line,
    unread_lines,
)
from cw_pipeline.sync.wanted_lines import ByHand, WantedLines
from cw_pipeline.vocabulary import plain
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.ledger import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cw_pipeline.sync.sync_run import SyncRun


@dataclass
class Reading:
    """What ConnectWise shows of our lines, as far as it was read.

    Attributes:
        known: What the ledger knew, by addition id, before anything was read.
        agreements: Those that exist and can be read, with their companies and lines, by id.
        lines: Our lines.
        by_hand: Lines that people keep by hand, of those that were wanted.
        strangers: What has the id of a line that the ledger knows and is another line, by that id, with what it is
            known by.
        unread_on: What cannot be read, by the agreement that it is or is on.
        looked_through: The companies whose agreements were listed without a known gap.
        in_part: Of the companies that were to be looked through, those with something that cannot be read.
        companies: The agreements' companies that exist and can be read, by id.
        unread_companies: Those that cannot be read.
    """

    known: Mapping[int, Known]
    agreements: dict[int, Agreement] = field(default_factory=dict[int, Agreement])
    lines: list[Line] = field(default_factory=list[Line])
    by_hand: list[Line] = field(default_factory=list[Line])
    strangers: dict[int, Line] = field(default_factory=dict[int, Line])
    unread_on: dict[int, list[Unread]] = field(default_factory=dict[int, list[Unread]])
    looked_through: set[int] = field(default_factory=set[int])
    in_part: set[int] = field(default_factory=set[int])
    companies: dict[int, models.Company] = field(default_factory=dict[int, models.Company])
    unread_companies: set[int] = field(default_factory=set[int])

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What cannot be read."""
        return tuple(chain.from_iterable(self.unread_on.values()))

    @property
    def unread_agreements(self) -> frozenset[int]:
        """The agreements whose lines of ours are unknown."""
        return frozenset(one.agreement_id for one in self.unread if one.addition_id is None)

    @property
    def lines_by_serial_number(self) -> dict[str, tuple[Line, ...]]:
        """Our lines by the serial number with which they were written or found."""
        lines: defaultdict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            lines[line.serial_number].append(line)
        return {serial_number: tuple(same) for serial_number, same in lines.items()}

    @property
    def found(self) -> list[tuple[Identity, Line]]:
        """The lines that the ledger does not know, each with what its serial number says; others say nothing."""
        unknown = [line for line in self.lines if line.addition_id not in self.known]
        return [(identity, line) for line in unknown if (identity := Identity.parse(line.serial_number))]

    def add(self, agreement_id: int, additions: Iterable[models.Addition]) -> None:
        """Add what an agreement has of ours, under an id that the ledger knows, or kept by hand, as the rule sees it.

        A line that the ledger knows keeps the serial number that it is known by.
        """
        for addition in additions:
            known, shown = self.known.get(addition.id), addition.serial_number or ""
            is_stranger = known is not None and not (
                is_still(addition, known.serial_number, known.product_ids)
                and (agreement_id in known.agreement_ids or not shows_another(addition, known.serial_number))
            )
            line = as_line(agreement_id, addition, known.serial_number if known else shown)
            if is_stranger:
                self.strangers[line.addition_id] = line
            elif known is None and not shown.startswith(PREFIX):
                self.by_hand.append(line)
            else:
                self.lines.append(line)


def as_line(agreement_id: int, addition: models.Addition, serial_number: str) -> Line:
    """An addition as the rule sees it, with the serial number that it is known by."""
    return Line(
        addition_id=addition.id,
        agreement_id=agreement_id,
        product_id=addition.product.id,
        serial_number=serial_number,
        quantity=plain(addition.quantity),
        effective_date=addition.effective_date,
        cancelled_date=addition.cancelled_date,
        shown_serial_number=addition.serial_number or "",
        bill_customer=addition.bill_customer,
        less_included=plain(addition.less_included),
    )


def read(
    run: SyncRun,
    agreement_ids: Collection[int],
    known: Mapping[int, Known],
    *,
    expected: Mapping[int, int] | None = None,
    settled: Collection[int] = (),
    companies: Collection[int] = (),
    by_hand: ByHand | None = None,
) -> Reading:
    """Read these agreements, and all of these companies, with our lines on them.

    Where that shows a line that the ledger does not know, all agreements of its company are looked through, too, since
    there may be more.

    Args:
        run: The run's access.
        agreement_ids: Agreements to read.
        known: What the ledger knows, by addition id.
        expected: Lines that carry seats as far as is known, each with its agreement: a list that lacks one is no proof
            that it is gone.
        settled: Lines that the ledger knows and that are only wanted if they are other lines by now: one that shows the
            serial number that it is known by is left out.
        companies: Companies to look through.
        by_hand: Which lines are wanted that people keep by hand; None: none.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read at all. What cannot be read of single records is in the reading.
    """
    cycles = {one.id: one.billing_options for one in run.connectwise.billing_cycles().records}
    reading, wanted = Reading(known), WantedLines(known, settled, by_hand)
    asked, to_look_through, tried = set(agreement_ids), set(companies), set[int]()
    while asked or to_look_through:
        asked |= _imported_agreements(run, to_look_through)
        lines_on = partial(_lines, run, wanted=wanted, expected=expected or {})
        _read_agreements(run, reading, asked, to_look_through, cycles=cycles, lines_on=lines_on, wanted=agreement_ids)
        tried |= to_look_through
        asked.clear()
        to_look_through = {reading.agreements[line.agreement_id].company_id for _, line in reading.found} - tried
    return reading


def _read_agreements(
    run: SyncRun,
    reading: Reading,
    agreement_ids: Collection[int],
    companies: Collection[int],
    *,
    cycles: Mapping[int, str | None],
    lines_on: Callable[[Collection[int]], Mapping[int, Lines]],
    wanted: Collection[int],
) -> None:
    """Add these agreements, and all of these companies, to the reading, and put aside what cannot be read.

    Agreements that are `wanted` matter whatever is on them; on the others only lines of ours do.
    """
    before = reading.agreements.keys() | reading.unread_on.keys()
    listed = run.connectwise.agreements(company_ids=sorted(companies))
    shown = {one.id for one in (*listed.records, *listed.unreadable)}
    by_id = run.connectwise.agreements_by_id(sorted(set(agreement_ids) - before - shown))
    new = {one.id: one for one in (*by_id.records, *listed.records) if one.id not in before}
    broken = {one.id: one for one in (*by_id.unreadable, *listed.unreadable) if one.id not in before}
    owners = run.connectwise.companies_by_id({one.company.id for one in new.values()})
    reading.companies |= {one.id: one for one in owners.records}
    reading.unread_companies |= {one.id for one in owners.unreadable}
    broken_companies = {one.id: one for one in owners.unreadable}
    in_part = set[int]()
    for number, lines in lines_on(new.keys() | broken.keys()).items():
        owner = company_of(broken[number]) if number in broken else new[number].company.id
        if number in broken:
            found = [unread_agreement(broken[number], lines, reading.known)]
        elif owner in broken_companies:
            found = [unread_company(number, broken_companies[owner], lines, reading.known)]
        elif isinstance(lines, ConnectWiseError):
            found = [unread_lines(new[number], lines)]
        else:
            found = [unread_line(number, one, reading.known) for one in lines.unreadable]
            company = reading.companies.get(new[number].company.id)
            reading.agreements[number] = agreement_facts(new[number], company, cycles)
            reading.add(number, lines.records)
        is_empty = isinstance(lines, RecordList) and not (lines.records or lines.unreadable)
        reading.unread_on[number] = [] if is_empty and number not in wanted else found
        if reading.unread_on[number]:  # where it does not say whose it is, it may be anybody's
            in_part |= set(companies) if owner is None else {owner}
    reading.in_part |= in_part & set(companies)
    if not listed.nameless:  # it is unknown whose they are
        cut_short = {one.company_id for one in reading.agreements.values() if one.id not in shown}
        reading.looked_through |= set(companies) - cut_short


def _imported_agreements(run: SyncRun, companies: Collection[int]) -> set[int]:
    """The agreements of these companies that were ever imported: a list may lack one."""
    with run.warehouse.transaction() as session:
        return set(session.scalars(select(tables.AgreementRow.id).where(tables.AgreementRow.company_id.in_(companies))))


def _lines(
    run: SyncRun,
    agreement_ids: Collection[int],
    *,
    wanted: WantedLines,
    expected: Mapping[int, int],
) -> Mapping[int, Lines]:
    """The wanted lines on these agreements: a request each, several at a time, and one for each that its list lacks."""
    ids = sorted(agreement_ids)
    with ThreadPoolExecutor(run.concurrency) as pool:
        lines = dict(zip(ids, pool.map(partial(_lines_on, run, wanted), ids), strict=True))
    shown = {one.id for on in lines.values() if isinstance(on, RecordList) for one in (*on.records, *on.unreadable)}
    for addition_id, agreement_id in expected.items():
        on_it = lines.get(agreement_id)
        if isinstance(on_it, RecordList) and addition_id not in shown:
            lines[agreement_id] = _with_line(run, agreement_id, addition_id, on_it)
    return lines


def _with_line(run: SyncRun, agreement_id: int, addition_id: int, lines: RecordList[models.Addition]) -> Lines:
    """The lines with the one that their list lacks, if it is not really gone."""
    try:
        addition = addition_by_id(run, agreement_id, addition_id)
    except RecordUnreadable as error:
        return replace(lines, unreadable=(*lines.unreadable, Unreadable(addition_id, error.why)))
    except UNUSABLE as error:
        return error
    return replace(lines, records=(*lines.records, addition)) if addition else lines


def _lines_on(run: SyncRun, wanted: WantedLines, agreement_id: int) -> Lines:
    """The wanted lines on one agreement; of those that cannot be read only ours."""
    try:
        lines = run.connectwise.additions(agreement_id, wanted=partial(wanted.wants, agreement_id))
    except UNUSABLE as error:
        return error
    return replace(lines, unreadable=tuple(one for one in lines.unreadable if wanted.is_ours(one.id, one.sent)))


def addition_by_id(run: SyncRun, agreement_id: int, addition_id: int) -> models.Addition | None:
    """One line, asked for by itself; None if it is really gone."""
    try:
        return run.connectwise.addition(agreement_id, addition_id)
    except NotFound:
        return None
