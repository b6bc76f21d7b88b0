"""Replies that mean harm, the memory that they may cost, and a client that refuses them."""

from __future__ import annotations

import contextlib
import functools
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pytest

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline_tests.nordpass.scripted_server import Handler, Server

if TYPE_CHECKING:
    from collections.abc import Generator

LONGEST_MESSAGE = 2_500
MIB = 1024 * 1024
BLOCK = b" " * 64 * 1024
GZIP = {"Content-Encoding": "gzip"}
Act: TypeAlias = Callable[[Handler], None]
Body: TypeAlias = bytes | Callable[[], bytes] | None
"""A reply's bytes, or what makes them; None: blanks without end."""


def answer(body: Body, *, status: int = 200, headers: dict[str, str] | None = None) -> Act:
    def act(handler: Handler) -> None:
        handler.close_connection = True
        content = body() if callable(body) else body
        with contextlib.suppress(OSError):  # the client has had enough
            handler.send_response(status)
            for name, value in {**(headers or {}), "Connection": "close"}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content or b"")
            while content is None:
                handler.wfile.write(BLOCK)

    return act


@dataclass(frozen=True)
class Service:
    """One of the two clients, about to read a list from a server of ours.

    Attributes:
        record: A good record, but for its name: `%s`.
        around: What stands before and after the records of a reply.
        first: What the server answers before it does harm.
    """

    server: Server
    read: Callable[[], object]
    record: bytes
    around: tuple[bytes, bytes]
    first: Sequence[Act] = ()

    def page(self, *names: bytes) -> bytes:
        before, after = self.around
        return before + b",".join(self.record % name for name in names) + after

    def refuses(self, *acts: Act) -> str:
        """What the client says in the end; the last act is played as often as it asks."""
        self.server.script = [*self.first, *acts, *[acts[-1]] * 9]
        with pytest.raises((ConnectWiseError, NordPassError)) as error:
            self.read()
        assert len(str(error.value)) < LONGEST_MESSAGE
        return str(error.value)


@contextlib.contextmanager
def memory_below(most: int) -> Generator[None]:
    """Fail if more bytes were held at any time, this process's small server included."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def bomb(block: bytes, times: int, around: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    """Much, compressed to little."""
    packer = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=31)
    packed = [packer.compress(part) for part in (around[0], *[block] * times, around[1])]
    return b"".join(packed) + packer.flush()


@functools.cache
def half_a_gigabyte() -> bytes:
    """Blanks, compressed: made when it is first sent, since that takes seconds."""
    return bomb(BLOCK, 8_000)
