"""Reading ConnectWise for a preview: agreements, their companies, and our lines on them, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
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
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.sync.unread import (
    UNUSABLE,
    Lines,
    company_of,
    unread_agreement,
    unread_company,
    unread_line,
    unread_lines,
)
from cw_pipeline.vocabulary import plain
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.ledger import Known

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@dataclass(frozen=True)
class Reading:
    """What ConnectWise shows of our lines.

    Attributes:
        agreements: Those that were read and exist, by id.
        additions: Those that are ours, or have an id by which we know one, as ConnectWise sent them, by agreement.
        known: What the ledger knew, by addition id, before anything was read.
        looked_through: The companies whose agreements were listed without a gap, as far as can be told.
        unread: What cannot be read. An agreement without its record, its company or its lines is only here.
        in_part: Of the companies that were to be looked through, those with something that cannot be read.
    """

    agreements: dict[int, Agreement]
    additions: dict[int, list[models.Addition]]
    known: Mapping[int, Known]
    looked_through: frozenset[int]
    unread: tuple[Unread, ...] = ()
    in_part: frozenset[int] = frozenset()

    @cached_property
    def lines(self) -> list[Line]:
        """Our lines, by agreement."""
        return [self._line(*one) for one in self._shown if not self._is_strange(*one)]

    @cached_property
    def strangers(self) -> dict[int, Line]:
        """What has the id of a line that the ledger knows and is another line, by that id, with what it is known by."""
        return {
            addition.id: self._line(number, addition)
            for number, addition in self._shown
            if self._is_strange(number, addition)
        }

    @cached_property
    def unread_agreements(self) -> frozenset[int]:
        """The agreements of which it is unknown which lines of ours they have."""
        return frozenset(one.agreement_id for one in self.unread if one.addition_id is None)

    @property
    def _shown(self) -> Iterator[tuple[int, models.Addition]]:
        """Each addition, with its agreement."""
        return ((number, one) for number, additions in self.additions.items() for one in additions)

    def _is_strange(self, agreement_id: int, addition: models.Addition) -> bool:
        known = self.known.get(addition.id)
        return known is not None and not (
            is_still(addition, known.serial_number, known.product_ids)
            and (agreement_id in known.agreement_ids or not shows_another(addition, known.serial_number))
        )

    def _line(self, agreement_id: int, addition: models.Addition) -> Line:
        """The line as the rule sees it: one that the ledger knows keeps the serial number that it is known by."""
        ours = self.known.get(addition.id)
        return Line(
            addition_id=addition.id,
            agreement_id=agreement_id,
            product_id=addition.product.id,
            serial_number=ours.serial_number if ours else addition.serial_number or "",
            quantity=plain(addition.quantity),
            effective_date=addition.effective_date,
            cancelled_date=addition.cancelled_date,
            shown_serial_number=addition.serial_number or "",
            bill_customer=addition.bill_customer,
            less_included=plain(addition.less_included),
        )

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


def read(
    run: SyncRun,
    agreement_ids: Collection[int],
    known: Mapping[int, Known],
    *,
    expected: Mapping[int, int] | None = None,
    companies: Collection[int] = (),
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
        companies: Companies to look through.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read at all. What cannot be read of single records is in the reading.
    """
    cycles = {one.id: one.billing_options for one in run.connectwise.billing_cycles().records}
    reader = _Reader(run, known, expected or {}, cycles, frozenset(agreement_ids))
    reading = reader.reading()
    asked, to_look_through, tried = set(agreement_ids), set(companies), set[int]()
    while asked or to_look_through:
        asked |= _imported_agreements(run, to_look_through)
        reader.read_agreements(asked, to_look_through)
        reading = reader.reading()
        tried |= to_look_through
        asked.clear()
        to_look_through = {reading.agreements[line.agreement_id].company_id for _, line in reading.found} - tried
    return reading


@dataclass
class _Reader:
    """Reads agreements, their companies and our lines on them, and puts aside what cannot be read."""

    run: SyncRun
    known: Mapping[int, Known]
    expected: Mapping[int, int]
    cycles: Mapping[int, str | None]
    wanted: frozenset[int]
    """The agreements that matter whatever is on them; on the others only lines of ours do."""
    agreements: dict[int, Agreement] = field(default_factory=dict[int, Agreement])
    additions: dict[int, list[models.Addition]] = field(default_factory=dict[int, list[models.Addition]])
    unread: dict[int, list[Unread]] = field(default_factory=dict[int, list[Unread]])
    """By agreement."""
    looked_through: set[int] = field(default_factory=set[int])
    in_part: set[int] = field(default_factory=set[int])

    def reading(self) -> Reading:
        """What was read so far."""
        return Reading(
            self.agreements,
            self.additions,
            self.known,
            looked_through=frozenset(self.looked_through),
            unread=tuple(chain.from_iterable(self.unread.values())),
            in_part=frozenset(self.in_part),
        )

    def read_agreements(self, agreement_ids: Collection[int], companies: Collection[int]) -> None:
        """Read these agreements that were not read yet, and all of these companies."""
        before = self.agreements.keys() | self.unread.keys()
        by_id = self.run.connectwise.agreements_by_id(sorted(set(agreement_ids) - before))
        listed = self.run.connectwise.agreements(company_ids=sorted(companies))
        new = {one.id: one for one in (*by_id.records, *listed.records) if one.id not in before}
        broken = {one.id: one for one in (*by_id.unreadable, *listed.unreadable) if one.id not in before}
        owners = self.run.connectwise.companies_by_id({one.company.id for one in new.values()})
        by_company = {one.id: one for one in owners.records}
        broken_companies = {one.id: one for one in owners.unreadable}
        in_part = set[int]()
        for number, lines in _lines(self.run, new.keys() | broken.keys(), self.known, self.expected).items():
            owner = company_of(broken[number]) if number in broken else new[number].company.id
            if number in broken:
                found = [unread_agreement(broken[number], lines, self.known)]
            elif owner in broken_companies:
                found = [unread_company(number, broken_companies[owner], lines, self.known)]
            elif isinstance(lines, ConnectWiseError):
                found = [unread_lines(new[number], lines)]
            else:
                found = [unread_line(number, one, self.known) for one in lines.unreadable]
                company = by_company.get(new[number].company.id)
                self.agreements[number] = agreement_facts(new[number], company, self.cycles)
                self.additions[number] = list(lines.records)
            of_nobody = (
                number not in self.wanted and isinstance(lines, RecordList) and not (lines.records or lines.unreadable)
            )
            self.unread[number] = [] if of_nobody else found
            if self.unread[number]:  # whose it is that does not even say that, nobody knows
                in_part |= set(companies) if owner is None else {owner}
        self.in_part |= in_part & set(companies)
        shown = {one.id for one in (*listed.records, *listed.unreadable)}
        if not listed.nameless:  # whose they are, nobody can tell
            self.looked_through |= set(companies) - _cut_short(self.agreements, shown)


def _imported_agreements(run: SyncRun, companies: Collection[int]) -> set[int]:
    """The agreements of these companies that were ever imported: a list may lack one."""
    with run.warehouse.transaction() as session:
        return set(session.scalars(select(tables.AgreementRow.id).where(tables.AgreementRow.company_id.in_(companies))))


def _cut_short(agreements: Mapping[int, Agreement], listed: Collection[int]) -> set[int]:
    """The companies of which an agreement is there and was not listed: their lists may lack others, too."""
    return {one.company_id for one in agreements.values() if one.id not in listed}


def _lines(
    run: SyncRun, agreement_ids: Collection[int], known: Collection[int], expected: Mapping[int, int]
) -> dict[int, Lines]:
    """Our additions on these agreements: one request each, several at a time, and one for each that its list lacks."""
    ids = sorted(agreement_ids)
    with ThreadPoolExecutor(run.concurrency) as pool:
        lines = dict(zip(ids, pool.map(partial(_lines_on, run, known=known), ids), strict=True))
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


def _lines_on(run: SyncRun, agreement_id: int, *, known: Collection[int]) -> Lines:
    """Our additions on one agreement, by their serial number, and those whose id the ledger knows."""

    def is_ours(record: Mapping[str, object]) -> bool:
        return record.get("id") in known or str(record.get("serialNumber") or "").startswith(PREFIX)

    try:
        return run.connectwise.additions(agreement_id, wanted=is_ours)
    except UNUSABLE as error:
        return error


def addition_by_id(run: SyncRun, agreement_id: int, addition_id: int) -> models.Addition | None:
    """One line, asked for by itself; None if it is really gone."""
    try:
        return run.connectwise.addition(agreement_id, addition_id)
    except NotFound:
        return None
