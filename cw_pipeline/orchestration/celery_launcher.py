"""Runs on other machines: dagster-celery's run launcher, which also notices that a worker is gone.

It needs the extra `celery`. Only a `dagster.yaml` names it.
"""

from typing import Any

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from typing_extensions import override

_ANSWER_SECONDS = 10
"""How long a worker may take to answer; it answers at once, also while it works."""


class CheckedCeleryRunLauncher(CeleryRunLauncher):
    """Starts each run as a Celery task, and reports a run as failed when no worker works on it any more.

    Celery itself keeps calling a task started whose worker was killed, and the run would show as running until its
    longest run time is over.
    """

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's task is being worked on, asked of the worker that started it.

        Raises:
            kombu.exceptions.OperationalError: If the broker cannot be reached: then nothing is known of the run.
        """
        health = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            return health
        celery: Any = self.celery  # its types are not known
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        worker = celery.AsyncResult(task_id).info["hostname"]
        answers = celery.control.inspect([worker], timeout=_ANSWER_SECONDS).query_task(task_id)
        if answers and answers[worker]:
            return health
        ended_meanwhile = super().check_run_worker_health(run)
        if ended_meanwhile.status is not WorkerStatus.RUNNING:
            return ended_meanwhile
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The Celery worker {worker} is gone, or was started anew.")
