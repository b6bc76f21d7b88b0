"""The HTTPS server: uvicorn in a background thread, with connections that can be cut on purpose."""

import asyncio
import socket
import struct
from contextlib import suppress
from threading import Event, Thread
from typing import Any, cast

from starlette.types import ASGIApp, Scope
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cw_pipeline.sandbox.keys import Keys

_START_SECONDS = 10
_STOP_SECONDS = 2


class _CuttableProtocol(HttpToolsProtocol):
    """Hands each request its connection, which ASGI does not, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] as in the base
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _PromptServer(Server):
    """Says when it serves, and stops at once: uvicorn itself looks every tenth of a second whether it should."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.serving = Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self.servers[0].get_loop().call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    async def main_loop(self) -> None:
        while not self._stopping.is_set():
            await self.on_tick(0)  # refreshes the Date header
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - the listeners own them
        for server in self.servers:
            server.close()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_STOP_SECONDS)
        # Closing politely would wait for TLS's farewell, which a client with an idle connection does not send.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


class HttpsServer:
    """Serves an ASGI application on loopback.

    Args:
        app: The application.
        keys: Its certificate.
        port: 0 takes a free port and keeps it, so that a server that is started again has the same address.
    """

    def __init__(self, app: ASGIApp, keys: Keys, port: int) -> None:
        self._app = app
        self._keys = keys
        self.port = port
        self._running: tuple[_PromptServer, Thread] | None = None

    def start(self) -> None:
        """Return when connections are accepted."""
        # asyncio sends small replies at once only on sockets that say that they speak TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError:
            listener.close()
            raise
        self.port = cast("int", listener.getsockname()[1])
        config = Config(
            self._app,
            http=_CuttableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            log_level="error",
            server_header=False,
            # Longer than clients keep an idle connection, so that none is closed under a request.
            timeout_keep_alive=300,
            ssl_certfile=self._keys.server_certificate,
            ssl_keyfile=self._keys.server_certificate,
        )
        server = _PromptServer(config)
        thread = Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        self._running = (server, thread)
        if not server.serving.wait(_START_SECONDS):
            raise RuntimeError(f"the sandbox does not serve on port {self.port} after {_START_SECONDS} seconds")

    def stop(self) -> None:
        """Close the port and every connection; return when the thread has ended."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.stop()
        thread.join()


def reset_connection(scope: Scope) -> None:
    """Cut the request's connection with a TCP reset."""
    transport = _transport(scope)
    if transport.is_closing():  # the client did not wait so long
        return
    connection = cast("socket.socket", transport.get_extra_info("socket"))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def close_connection(scope: Scope) -> None:
    """Close the request's connection after what was already sent, without a farewell."""
    _transport(scope).abort()


def _transport(scope: Scope) -> asyncio.Transport:
    return cast("dict[str, Any]", scope["state"])["transport"]
