"""Reading ConnectWise for a preview: agreements, their companies, and our lines on them, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import Agreement, Line, Unread
from cw_pipeline.billing.identity import PREFIX, Identity
from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.connectwise.record_list import RecordList
from cw_pipeline.sync.agreement_facts import agreement_facts
from cw_pipeline.sync.line_reader import LineReader
from cw_pipeline.sync.ownership import is_still, shows_another
from cw_pipeline.sync.unreadable import Lines, company_of, unread_agreement, unread_company, unread_line, unread_lines
from cw_pipeline.vocabulary import plain
from cw_pipeline.warehouse.ledger import Known
from cw_pipeline.warehouse.tables import AgreementRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cw_pipeline.connectwise.record_list import Unreadable
    from cw_pipeline.sync.sync_run import SyncRun


@dataclass
class Reading:
    """What ConnectWise shows of our lines.

    Attributes:
        known: What the ledger knew before anything was read, by addition id.
        agreements: The readable agreements with their companies, by id.
        lines: Our lines.
        by_hand: Lines kept by hand, as far as they were to be read.
        strangers: Lines that have the id of a line that the ledger knows and are others, by that id, with the serial
            number that the ledger knows.
        unread_on: The unreadable records, by the agreement that each is or is on.
        looked_through: The companies whose agreements were listed without a known gap.
        in_part: Of the companies to look through, those with unreadable records.
        companies: The agreements' readable companies, by id.
        unread_companies: The agreements' unreadable companies.
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
        """The unreadable records."""
        return tuple(chain.from_iterable(self.unread_on.values()))

    @property
    def unread_agreements(self) -> frozenset[int]:
        """The agreements on which our lines are unknown."""
        return frozenset(record.agreement_id for record in self.unread if record.addition_id is None)

    @property
    def lines_by_serial_number(self) -> dict[str, tuple[Line, ...]]:
        """Our lines by the serial number that they were written or found with."""
        lines: defaultdict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            lines[line.serial_number].append(line)
        return {serial_number: tuple(same) for serial_number, same in lines.items()}

    @property
    def found(self) -> list[tuple[Identity, Line]]:
        """The lines that the ledger does not know and whose serial number says an identity, with that."""
        unknown = [line for line in self.lines if line.addition_id not in self.known]
        return [(identity, line) for line in unknown if (identity := Identity.parse(line.serial_number))]

    def add(self, agreement_id: int, additions: Iterable[models.Addition]) -> None:
        """Add the lines on an agreement: ours, those with an id that the ledger knows, and those kept by hand.

        A line that the ledger knows keeps the serial number that it is known by.
        """
        for addition in additions:
            known, shown = self.known.get(addition.id), addition.serial_number or ""
            line = as_line(agreement_id, addition, known.serial_number if known else shown)
            if known is None:
                (self.lines if shown.startswith(PREFIX) else self.by_hand).append(line)
            elif is_still(addition, known.serial_number, known.product_ids) and (
                agreement_id in known.agreement_ids or not shows_another(addition, known.serial_number)
            ):
                self.lines.append(line)
            else:
                self.strangers[line.addition_id] = line


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


def read(lines: LineReader, agreement_ids: Collection[int], companies: Collection[int] = ()) -> Reading:
    """Read these agreements, and all agreements of these companies, with our lines on them.

    If that shows a line that the ledger does not know, all agreements of its company are read too, since there may be
    more such lines.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read at all. Single unreadable records are in the reading.
    """
    cycles = {cycle.id: cycle.billing_options for cycle in lines.run.connectwise.billing_cycles().records}
    reading = Reading(lines.known)
    reader = _AgreementReader(reading, lines, cycles, agreement_ids)
    to_read, to_look_through, done = set(agreement_ids), set(companies), set[int]()
    while to_read or to_look_through:
        reader.read(to_read, to_look_through)
        done |= to_look_through
        to_read.clear()
        to_look_through = {reading.agreements[line.agreement_id].company_id for _, line in reading.found} - done
    return reading


@dataclass(frozen=True)
class _AgreementReader:
    """Adds agreements to a reading.

    Attributes:
        reading: What was read so far.
        lines: Reads the lines on agreements.
        cycles: The `billingOptions` of each billing cycle, by its id.
        required: Agreements that matter whatever is on them; of others only those with lines of ours do.
    """

    reading: Reading
    lines: LineReader
    cycles: Mapping[int, str | None]
    required: Collection[int]

    def read(self, agreement_ids: Collection[int], companies: Collection[int]) -> None:
        """Read these agreements, and all agreements of these companies, unless they were read before."""
        reading, client = self.reading, self.lines.run.connectwise
        before = reading.agreements.keys() | reading.unread_on.keys()
        listed = client.agreements(company_ids=sorted(companies))
        shown = {agreement.id for agreement in (*listed.records, *listed.unreadable)}
        to_read = {*agreement_ids, *_imported_agreements(self.lines.run, companies)}
        by_id = client.agreements_by_id(sorted(to_read - before - shown))
        new = {each.id: each for each in (*by_id.records, *listed.records) if each.id not in before}
        unreadable = {each.id: each for each in (*by_id.unreadable, *listed.unreadable) if each.id not in before}
        owners = client.companies_by_id({agreement.company.id for agreement in new.values()})
        unreadable_owners = {company.id: company for company in owners.unreadable}
        reading.companies |= {company.id: company for company in owners.records}
        reading.unread_companies |= unreadable_owners.keys()
        for agreement_id, lines in self.lines.read(new.keys() | unreadable.keys()).items():
            if agreement_id in unreadable:
                owner = company_of(unreadable[agreement_id])
                unread = [unread_agreement(unreadable[agreement_id], lines, reading.known)]
            else:
                owner = new[agreement_id].company.id
                unread = self._add(new[agreement_id], unreadable_owners.get(owner), lines)
            is_empty = isinstance(lines, RecordList) and not (lines.records or lines.unreadable)
            reading.unread_on[agreement_id] = [] if is_empty and agreement_id not in self.required else unread
            if reading.unread_on[agreement_id]:  # it may be anybody's if it does not say whose it is
                reading.in_part |= {company for company in companies if owner in {None, company}}
        if not listed.nameless:  # else it is unknown whose they are
            cut_short = {each.company_id for each in reading.agreements.values() if each.id not in shown}
            reading.looked_through |= set(companies) - cut_short

    def _add(self, agreement: models.Agreement, unreadable_owner: Unreadable | None, lines: Lines) -> list[Unread]:
        """Add a readable agreement with its lines, if its company and list are readable; returns what is not."""
        reading = self.reading
        if unreadable_owner:
            return [unread_company(agreement.id, unreadable_owner, lines, reading.known)]
        if isinstance(lines, ConnectWiseError):
            return [unread_lines(agreement, lines)]
        company = reading.companies.get(agreement.company.id)
        reading.agreements[agreement.id] = agreement_facts(agreement, company, self.cycles)
        reading.add(agreement.id, lines.records)
        return [unread_line(agreement.id, line, reading.known) for line in lines.unreadable]


def _imported_agreements(run: SyncRun, companies: Collection[int]) -> set[int]:
    """The agreements of these companies that were ever imported: ConnectWise's list may lack one."""
    if not companies:
        return set()
    with run.warehouse.transaction() as session:
        return set(session.scalars(select(AgreementRow.id).where(AgreementRow.company_id.in_(companies))))
