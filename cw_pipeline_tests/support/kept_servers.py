"""Sandboxes of a process that follow one another share an HTTPS server, and their clients the connections to it.

To start a server, to stop it, and to open a connection takes as long as dozens of requests.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from starlette.types import ASGIApp

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.server import HttpsServer

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

    import pytest
    from requests import PreparedRequest
    from starlette.types import Receive, Scope, Send
    from urllib3.connectionpool import ConnectionPool

_CONNECTIONS = 8
_SECONDS_TO_FINISH = 0.05


@dataclass
class _Exchangeable:
    """An application in whose place another one can be put."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass
class _Kept:
    """The servers that no sandbox uses now, and the connections to every server that was ever kept."""

    idle: list[HttpsServer] = field(default_factory=list[HttpsServer])
    connections: dict[tuple[int, object], HTTPAdapter] = field(default_factory=dict[tuple[int, object], HTTPAdapter])
    ports: set[int] = field(default_factory=set[int])

    def take(self, sandbox: Sandbox) -> bool:
        """Let `sandbox` be served by an idle server, if there is one."""
        if not self.idle:
            return False
        server, application = self.idle.pop(), sandbox._server._app
        assert isinstance(server._app, _Exchangeable)
        server._app.app = application
        sandbox._server = server
        return True

    def put_back(self, sandbox: Sandbox) -> bool:
        """Keep the server of `sandbox`, unless it was stopped or is still at work."""
        server = sandbox._server
        if not isinstance(server._app, _Exchangeable) or server._running is None or _is_at_work(server):
            return False
        self.ports.add(server.port)
        self.idle.append(server)
        return True


@contextmanager
def kept_servers(patched: pytest.MonkeyPatch) -> Generator[None]:
    """Keep the server of each sandbox that the end of its `with` block would stop, for the next one."""
    kept = _Kept()
    start, leave, find = Sandbox.start, Sandbox.__exit__, HTTPAdapter.get_connection_with_tls_context

    def take_or_start(self: Sandbox) -> None:
        server = self._server
        is_first_time = server.port == 0 and self._state_file is None
        if is_first_time and kept.take(self):
            return
        if is_first_time:
            server._app = _Exchangeable(server._app)
        start(self)

    def put_back_or_leave(
        self: Sandbox, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.faults.clear()
        if not kept.put_back(self):
            leave(self, kind, error, traceback)

    def find_kept(
        self: HTTPAdapter,
        request: PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - as requests has it
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        port = urlsplit(request.url or "").port
        if port in kept.ports and not proxies:
            self = kept.connections.setdefault((port, verify), HTTPAdapter(pool_maxsize=_CONNECTIONS))
        return find(self, request, verify, proxies, cert)

    patched.setattr(Sandbox, "start", take_or_start)
    patched.setattr(Sandbox, "__exit__", put_back_or_leave)
    patched.setattr(HTTPAdapter, "get_connection_with_tls_context", find_kept)
    yield
    for connections in kept.connections.values():
        connections.close()
    for server in kept.idle:
        server.stop()


def _is_at_work(server: HttpsServer) -> bool:
    """Whether the server still answers a request, a moment after its client has got what it waits for."""
    assert server._running is not None
    tasks = server._running[0].server_state.tasks
    deadline = time.monotonic() + _SECONDS_TO_FINISH
    while tasks and time.monotonic() < deadline:
        time.sleep(0.001)
    return bool(tasks)
