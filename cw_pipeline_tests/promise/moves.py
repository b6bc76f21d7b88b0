"""What every move of a history acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine

if TYPE_CHECKING:
    from cw_pipeline_tests.promise.world import World


class Moves(RuleBasedStateMachine):
    """A history in a world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.connectwise = world.connectwise
        self.people = world.people

    def agreement(self, which: int) -> int:
        """One of the agreements that there are by now."""
        return self.people.agreements[which % len(self.people.agreements)]
