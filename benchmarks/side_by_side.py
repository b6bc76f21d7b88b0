"""The same month done by the product and by two scripts, on the same fake, at the same latency.

Each does it twice: undisturbed, for what it costs; then where one request to create a line is refused with 429, one is
carried out and answered with 500, and the answer to one that was carried out is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from benchmarks.fake import FAILED, LOST, REFUSED, Behaviour, Fake
from benchmarks.fake.records import FIRST_AGREEMENT
from benchmarks.harness import Cost, Sizes, measured
from benchmarks.scripts import Task, with_pyconnectwise, with_requests
from benchmarks.world import LAST_MONTH, Deployment, organization_id, seats, set_up, sync
from cw_pipeline.billing import outcomes
from cw_pipeline.billing.identity import Identity
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Way: TypeAlias = Callable[[str], Cost[int]]
    """Does the month, and returns how many lines it says failed; takes a name for what it keeps between two runs."""

_LATENCY = 0.05  # seconds
_FAULTS = {4: REFUSED, 8: FAILED, 12: LOST}

COLUMNS = (
    "",
    "requests",
    "time",
    "processor time",
    "lines after the faults",
    "said to have failed",
    "lines after a second run",
)


def rows(sizes: Sizes, folder: Path) -> Iterator[Sequence[str]]:
    """What stands in `COLUMNS` for each way."""
    customers = sizes.agreements // 10
    tasks = [_task(one) for one in range(customers)]
    with Fake(customers, folder) as fake:

        def product(name: str) -> Cost[int]:
            deployment = Deployment(folder / f"side-by-side-{name}.db", fake.site, customers)
            if not deployment.database.exists():
                set_up(deployment, [LAST_MONTH])
            return measured(failed_lines, deployment)

        yield _compared("cw_pipeline, four requests at a time", fake, tasks, product)
        yield _compared(
            "pyconnectwise, one request at a time, none sent again",
            fake,
            tasks,
            lambda _: measured(with_pyconnectwise.run, fake.site, tasks),
        )
        yield _compared(
            "requests, four at a time, sent again after 429, 5xx and lost connections",
            fake,
            tasks,
            lambda _: measured(with_requests.run, fake.site, tasks),
        )


def failed_lines(deployment: Deployment) -> int:
    """Sync the month; how many lines failed."""
    synced = sync(deployment, [LAST_MONTH])
    return sum(synced.outcomes[outcome] for outcome in outcomes.FAILED)


def _compared(name: str, fake: Fake, tasks: Sequence[Task], way: Way) -> Sequence[str]:
    fake.remove_lines()
    fake.behave(Behaviour(latency=_LATENCY))
    cost = way("undisturbed")
    requests, undisturbed = fake.counts().all, _verdict(fake, tasks)
    if undisturbed != "right":
        raise AssertionError(f"{name}: {undisturbed}, though nothing disturbed it")
    fake.remove_lines()
    fake.behave(Behaviour(latency=_LATENCY, faults=_FAULTS))
    disturbed = way("disturbed")
    after_faults = _verdict(fake, tasks)
    fake.behave(Behaviour(latency=_LATENCY))
    way("disturbed")
    return (
        name,
        f"{requests:,}",
        f"{cost.wall:.1f} s",
        f"{cost.processor:.1f} s",
        after_faults,
        str(disturbed.result),
        _verdict(fake, tasks),
    )


def _verdict(fake: Fake, tasks: Sequence[Task]) -> str:
    """Whether each line was billed as it should be."""
    lines = fake.lines()
    billed = {task: sum(lines.get(task.serial_number, [])) for task in tasks}
    counted = {
        "missing": sum(quantity < task.seats for task, quantity in billed.items()),
        "billed twice": sum(quantity > task.seats for task, quantity in billed.items()),
    }
    return ", ".join(f"{number} {what}" for what, number in counted.items() if number) or "right"


def _task(one: int) -> Task:
    identity = Identity(LAST_MONTH, Plan.BUSINESS, organization_id(one))
    return Task(FIRST_AGREEMENT + one, identity.serial_number, seats(one))
