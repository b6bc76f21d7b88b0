"""The moments of a sync at which faults and people may step in, and a client that passes by them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy import event

from cw_pipeline.connectwise.client import ConnectWiseClient, Credentials
from cw_pipeline_tests.support.fake_time import FakeTime

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from decimal import Decimal

    from cw_pipeline.connectwise import models
    from cw_pipeline.connectwise.record_list import RecordList
    from cw_pipeline.warehouse.database import Warehouse


class Killed(BaseException):
    """The process is gone: nothing that follows is done, and nobody catches it."""


class FaultClock:
    """Before and after each request to ConnectWise, and before each commit."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._number = 0
        self._acts: Mapping[int, Callable[[], None]] = {}
        self._dead = False
        event.listen(warehouse.engine, "commit", self.passes)

    def passes(self, _connection: object = None) -> None:
        """One more moment.

        Raises:
            Killed: At the moment at which the process is killed, and ever after.
        """
        if self._dead:
            raise Killed
        self._number += 1
        self._acts.get(self._number, lambda: None)()

    def kill(self) -> NoReturn:
        """End the process."""
        self._dead = True
        raise Killed

    @contextmanager
    def with_acts(self, acts: Mapping[int, Callable[[], None]]) -> Generator[None]:
        """Let each act happen at its moment of the block, counted from 1; a kill ends the block."""
        self._number, self._acts = 0, acts
        try:
            yield
        except Killed:
            pass
        finally:
            self._acts, self._dead = {}, False


class WatchedClient(ConnectWiseClient):
    """Passes by the moments around each request, and whose waits end at once."""

    def __init__(self, credentials: Credentials, moments: FaultClock, *, read_timeout: float) -> None:
        time = FakeTime()
        super().__init__(
            credentials,
            requests_per_minute=100_000,
            read_timeout=read_timeout,
            sleep=time.sleep,
            clock=time.clock,
        )
        self._moments = moments

    def agreements_by_id(self, ids: Iterable[int]) -> RecordList[models.Agreement]:
        self._moments.passes()
        return super().agreements_by_id(ids)

    def additions(
        self, agreement_id: int, *, wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True
    ) -> RecordList[models.Addition]:
        self._moments.passes()
        return super().additions(agreement_id, wanted=wanted)

    def create_addition(self, agreement_id: int, addition: models.NewAddition) -> models.Addition:
        with self._watched():
            return super().create_addition(agreement_id, addition)

    def set_quantity(self, agreement_id: int, addition_id: int, quantity: Decimal) -> models.Addition:
        with self._watched():
            return super().set_quantity(agreement_id, addition_id, quantity)

    @contextmanager
    def _watched(self) -> Generator[None]:
        self._moments.passes()
        try:
            yield
        finally:
            self._moments.passes()
