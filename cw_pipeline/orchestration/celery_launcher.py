"""Runs on other machines: dagster-celery's run launcher, which also notices that workers are gone.

It needs the extra `celery`. Only a `dagster.yaml` names it.
"""

from typing import Any

from celery.states import STARTED
from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from typing_extensions import override

from cw_pipeline.orchestration.celery_worker import is_ending

_ANSWER_SECONDS = 10
"""How long a worker may take to answer; it answers at once, also while it works."""
_CONNECT_SECONDS = 5
"""How long the broker may take to be reached."""


class CheckedCeleryRunLauncher(CeleryRunLauncher):
    """Starts each run as a Celery task, and notices when nobody works on a run any more.

    Celery still reports a task as started whose worker was killed, and as successful if its run could not record its
    end. Dagster would show such a run as in progress until its longest run time is over.
    """

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the worker that started a run whether it still works on it.

        A run of the command line, which is no task, counts as in progress. So does one whose worker is ending, which no
        longer answers, for as long as that may take. Dagster checks again whether the run has ended before it acts on
        the answer.

        Raises:
            kombu.exceptions.OperationalError: If the broker cannot be reached.
        """
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        celery: Any = self.celery  # its types are not known
        task = celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        if task.state == STARTED:
            worker = task.info["hostname"]
            answers = celery.control.inspect([worker], timeout=_ANSWER_SECONDS).query_task(task.id)
            if answers[worker] if answers else is_ending(celery, worker):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.FAILED, f"The Celery worker {worker} does not work on it any more")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The run did not end, and its Celery task is {task.state}")

    def problem(self) -> str | None:
        """Why no run can start, and what to do about it; None if a worker answers."""
        celery: Any = self.celery
        patience = {"socket_connect_timeout": _CONNECT_SECONDS, "max_retries": 0}
        try:
            with celery.connection_for_write(transport_options=patience) as connection:
                answers = celery.control.ping(timeout=_ANSWER_SECONDS, limit=1, connection=connection)
        except OperationalError:
            return "Celery's broker cannot be reached, so no run starts. See whether Redis runs at CELERY_BROKER_URL."
        return None if answers else "No Celery worker answers, so no run starts. Start one, or see its log."
