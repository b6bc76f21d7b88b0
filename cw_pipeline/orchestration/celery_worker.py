"""Records that a Celery worker is ending, because it answers nobody from then on.

It needs the extra `celery`. The option `--include` of the worker's command loads it.
"""

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

from celery import current_app
from celery.signals import worker_shutting_down

ENDS_WITHIN = timedelta(minutes=15)
"""Then a worker that still works is killed: `stop_grace_period` and `TimeoutStopSec` of the deployment."""


@worker_shutting_down.connect
def say_that_it_ends(sender: str, **_: object) -> None:
    """Record in the result backend that the worker `sender` takes no new run, and ends with its last.

    A thread does it: this runs in a signal handler, which may have interrupted the holder of the backend's lock.
    """
    Thread(target=record_ending, args=(current_app, sender)).start()


def record_ending(celery: Any, worker: str) -> None:  # noqa: ANN401 - Celery's types are not known
    """Record that `worker` is ending."""
    celery.backend.set(_key(worker), str(datetime.now(UTC).timestamp()))


def is_ending(celery: Any, worker: str) -> bool:  # noqa: ANN401 - as above
    """Whether `worker` was asked to end so recently that it may still finish a run."""
    at = celery.backend.get(_key(worker))
    return at is not None and datetime.now(UTC) - datetime.fromtimestamp(float(at), UTC) < ENDS_WITHIN


def _key(worker: str) -> str:
    return f"cw_pipeline-ending-{worker}"
