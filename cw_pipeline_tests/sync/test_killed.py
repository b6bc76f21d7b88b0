"""A push that is killed at any point: the next one ends where an undisturbed one does, and no seat is billed twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.facts import Written
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sandbox.wire import Record
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline_tests.support.clients import open_client
from cw_pipeline_tests.support.fake_msp import MARCH, Msp, agreement_id, company_id, open_msp, set_up
from cw_pipeline_tests.support.killed_push import Point, Pushes, killed_pushes, running_push
from cw_pipeline_tests.support.rows import Rows, fill, rows_of
from cw_pipeline_tests.support.worlds import restore, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

NEW, MORE, NONE, OTHER_PLAN, OTHER_AGREEMENT = ALL = (3, 15, 27, 39, 51)
"""What the next push has to do for each company: create a line, raise one, set one to 0, move the seats to another
plan's line, and move them to another agreement."""
SPARE = 24
"""A company without an organization, whose agreement is like the others'."""
SOME_MOMENT = datetime(2026, 4, 1, tzinfo=UTC)
WRITE_CARRIED_OUT = ("after POST", "after PATCH")


@dataclass(frozen=True)
class End:
    """Where a push ends: every line in ConnectWise, what the ledger accounts for, and all writes that were sent."""

    lines: list[Record]
    written: dict[int, Written]
    requests: list[tuple[str, str, str]]


@dataclass(frozen=True)
class World:
    """An MSP between two syncs of March, which can be had anew."""

    msp: Msp
    url: str
    sandbox: bytes
    rows: Rows

    def renew(self) -> None:
        """Let ConnectWise and the warehouse be as they were between the two syncs."""
        restore(self.msp.sandbox, self.sandbox)
        self.msp.sandbox.journal.clear()
        fill(self.msp.run.warehouse, self.rows)

    def open_intents(self) -> int:
        with self.msp.run.warehouse.transaction() as session:
            return len(open_intents(session, self.msp.run.psa))

    def end(self) -> End:
        """Push, undisturbed; where that ends."""
        (pushed,) = self.msp.push()
        assert pushed.succeeded
        assert self.open_intents() == 0
        with self.msp.run.warehouse.transaction() as session:
            known = ledger.written_lines(session, self.msp.run.psa, [MARCH])
        lines = self.msp.sandbox.connectwise.records("additions")
        return End(
            lines=[{name: value for name, value in line.items() if name != "_info"} for line in lines],
            written={number: replace(one, known_since=SOME_MOMENT) for number, one in known.items()},
            requests=sorted(
                (entry.method, entry.path, entry.body) for entry in self.msp.sandbox.journal.writes("/finance/")
            ),
        )


@pytest.fixture
def world(sandbox: Sandbox, warehouse: Warehouse, warehouse_url: str) -> Iterator[World]:
    """March was synced for all but one company, and now there is something else to be written for each."""
    sandbox.connectwise.change_settings(requests_per_minute=1_000_000)
    with open_msp(sandbox, warehouse) as opened:
        msp = replace(opened, run=replace(opened.run, concurrency=1))
        set_up(warehouse, (MORE, NONE, OTHER_PLAN, OTHER_AGREEMENT))
        msp.use_nothing_but(*ALL)
        msp.use(5, *ALL)
        msp.sync()
        msp.map(NEW)
        msp.use(8, MORE)
        msp.use(0, NONE)
        sandbox.nordpass.edit_organization(organization_id(OTHER_PLAN), plan="Enterprise")
        sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(OTHER_AGREEMENT))
        msp.map(OTHER_AGREEMENT, agreement=agreement_id(SPARE))
        msp.fetch()
        yield World(msp, warehouse_url, state_of(sandbox), rows_of(warehouse))


@pytest.fixture
def pushes(world: World) -> Iterator[Pushes]:
    """Pushes that are killed."""
    with killed_pushes(world.url, world.msp.sandbox.environment()) as forked:
        world.renew()
        yield forked


@pytest.fixture
def undisturbed(world: World) -> End:
    """Where a push ends that nothing happens to."""
    world.renew()
    end = world.end()
    assert [world.msp.quantities(place) for place in ALL] == [[5], [8], [0], [0, 5], [0, 5]]
    assert [method for method, _, _ in end.requests] == ["PATCH"] * 4 + ["POST"] * 3
    assert world.end() == end
    world.renew()
    return end


def test_a_push_killed_anywhere_ends_like_an_undisturbed_one_when_rerun(
    world: World, pushes: Pushes, undisturbed: End
) -> None:
    points = pushes.points
    assert [point.split()[1] for point in points if point.startswith(WRITE_CARRIED_OUT)].count("POST") == 3
    ends: dict[str, End] = {}
    for number, point in enumerate(points, start=1):
        world.renew()
        assert pushes.kill(Point(number))
        ends[f"{number}, {point}"] = world.end()
    assert {point: end for point, end in ends.items() if end != undisturbed} == {}


@pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)  # what settles is the same on both databases
@pytest.mark.parametrize("killed", ["after POST", "before PATCH"], ids=["to confirm", "to take as not done"])
def test_a_push_killed_again_while_settling_is_completed_by_the_third(
    world: World, pushes: Pushes, undisturbed: End, killed: str
) -> None:
    for number in count(1):
        world.renew()
        assert pushes.kill(Point(1, (killed,)))
        assert world.open_intents() > 0
        assert pushes.kill(Point(number))
        settled = world.open_intents() == 0
        assert world.end() == undisturbed, f"killed at point {number} of the second push"
        if settled:
            break


def test_pushes_that_are_each_killed_after_one_write_get_to_the_end(
    world: World, pushes: Pushes, undisturbed: End
) -> None:
    kills = 0
    while pushes.kill(Point(1, WRITE_CARRIED_OUT)):
        kills += 1
    assert kills == len(undisturbed.requests)
    assert world.end() == undisturbed


def test_several_writes_whose_answers_a_killed_push_still_waited_for_are_settled(
    world: World, undisturbed: End
) -> None:
    faults = world.msp.sandbox.faults
    held = faults.add(FaultKind.SLOW, method="PATCH", times=None)
    with running_push(world.url, world.msp.sandbox.environment(), concurrency=4) as push:
        assert faults.wait_for_hit(held, hits=3)
        push.kill()
    faults.clear()
    assert world.open_intents() == 3
    assert world.end() == undisturbed


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_requests_still_in_progress_after_a_kill_are_waited_for(world: World, undisturbed: End, method: str) -> None:
    faults = world.msp.sandbox.faults
    held = faults.add(FaultKind.SLOW, method=method, written=False)
    with running_push(world.url, world.msp.sandbox.environment()) as push:
        assert faults.wait_for_hit(held)
        push.kill()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        world.msp.sandbox.stop()  # returns when what it held was carried out
        world.msp.sandbox.start()

    with open_client(world.msp.sandbox.environment()) as client:
        run = replace(world.msp.run, connectwise=client, wait=wait)
        assert replace(world, msp=replace(world.msp, run=run)).end() == undisturbed
    assert 50 < sum(waited) <= 60
