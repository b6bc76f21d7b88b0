"""PgBouncer in front of the PostgreSQL server that the tests use."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, TypeAlias

import pytest
from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

PoolMode: TypeAlias = Literal["session", "transaction", "statement"]

_PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(_PGBOUNCER is None, reason="there is no pgbouncer (apt-get install pgbouncer)")
on_every_way = pytest.mark.parametrize(
    "warehouse_url",
    ["sqlite", "postgresql", *(pytest.param(mode, marks=needs_pgbouncer) for mode in ("session", "transaction"))],
    indirect=True,
)
"""On SQLite, on PostgreSQL, and on PostgreSQL through PgBouncer in either mode that will do."""


@contextmanager
def pooled(
    url: str, pool_mode: PoolMode, *, pool_size: int = 20, options: Mapping[str, object] | None = None
) -> Generator[str]:
    """The URL of this database through a PgBouncer of its own with these `options`, which ends with the block."""
    assert _PGBOUNCER is not None
    server = make_url(url)
    socket_folder = str(server.query["host"])
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        settings = Path(folder) / "pgbouncer.ini"
        all_options = {
            "unix_socket_dir": folder,
            "listen_port": 6432,
            "auth_type": "any",
            "pool_mode": pool_mode,
            "default_pool_size": pool_size,
            "query_wait_timeout": 5,
            **(options or {}),
        }
        settings.write_text(
            f"[databases]\n* = host={socket_folder} user=postgres\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in all_options.items())
        )
        command = [_PGBOUNCER, str(settings)]
        if os.geteuid() == 0:  # as which PgBouncer refuses to run
            owner = Path(socket_folder).owner()
            shutil.chown(folder, owner)
            command += ["-u", owner]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                said = next((line for line in process.stderr if "process up" in line or "FATAL" in line), "")
                assert "process up" in said, said
                yield server.set(query={"host": folder, "port": "6432"}).render_as_string(hide_password=False)
            finally:
                process.kill()
