"""Runs on other machines: dagster-celery's run launcher, which also notices that a run's worker is gone.

It needs the extra `celery`. Only a `dagster.yaml` names it.
"""

from typing import Any

from celery.states import STARTED
from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from typing_extensions import override

_ANSWER_SECONDS = 10
"""How long a worker may take to answer; it answers at once, also while it works."""


class CheckedCeleryRunLauncher(CeleryRunLauncher):
    """Starts each run as a Celery task, and notices that nobody works on a run any more.

    Celery goes on to call a task started whose worker was killed, and calls one successful whose run could not record
    its end. Such a run would be shown as under way until its longest run time is over.
    """

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a run that has not ended is still worked on, asked of the worker that started it.

        Dagster looks once more whether the run has ended before it makes anything of the answer.

        Raises:
            kombu.exceptions.OperationalError: If the broker cannot be reached: then nothing is known of the run.
        """
        celery: Any = self.celery  # its types are not known
        task = celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        if task.state == STARTED:
            worker = task.info["hostname"]
            answers = celery.control.inspect([worker], timeout=_ANSWER_SECONDS).query_task(task.id)
            if answers and answers[worker]:
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.FAILED, f"The Celery worker {worker} does not work on it any more")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The run did not end, and its Celery task is {task.state}")
