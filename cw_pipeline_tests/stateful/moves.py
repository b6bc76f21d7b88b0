"""What every move of a history acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine

if TYPE_CHECKING:
    from cw_pipeline_tests.stateful.fixture import Fixture


class Moves(RuleBasedStateMachine):
    """A history of one fixture."""

    def __init__(self, fixture: Fixture) -> None:
        super().__init__()
        self.fixture = fixture
        self.connectwise = fixture.connectwise
        self.people = fixture.people

    def agreement(self, which: int) -> int:
        """One of the agreements that there are by now."""
        return self.people.agreements[which % len(self.people.agreements)]
