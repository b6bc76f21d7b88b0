"""The fake in a process of its own: started, told how to behave, and asked what it counted."""

import asyncio
import multiprocessing
import ssl
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from benchmarks.fake.server import Behaviour, Connection, Service
from cw_pipeline.sandbox.keys import keys_in


@dataclass(frozen=True)
class Site:
    """Where the fake is, and the file with the authority to trust."""

    url: str
    ca_bundle: Path


@dataclass(frozen=True)
class Counts:
    """The requests that came, by method and status; 0 is a lost answer."""

    by_status: Counter[tuple[str, int]]

    @property
    def all(self) -> int:
        """Every request."""
        return self.by_status.total()

    @property
    def reads(self) -> int:
        """The GET requests."""
        return sum(number for (method, _), number in self.by_status.items() if method == "GET")

    @property
    def writes(self) -> int:
        """The POST and PATCH requests."""
        return self.all - self.reads

    @property
    def refused(self) -> int:
        """Those answered with 429."""
        return sum(number for (_, status), number in self.by_status.items() if status == 429)  # noqa: PLR2004


class Fake:
    """A ConnectWise PSA with so many `customers`; `folder` is where its keys are kept."""

    def __init__(self, customers: int, folder: Path) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(customers, folder, theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.site = cast("Site", self._pipe.recv())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()

    def behave(self, behaviour: Behaviour) -> None:
        """Behave so from now on, and count anew."""
        self._ask(behaviour)

    def counts(self) -> Counts:
        """The requests since it was told how to behave."""
        return Counts(cast("Counter[tuple[str, int]]", self._ask("counts")))

    def lines(self) -> dict[str, list[int]]:
        """The quantities of the lines that have a serial number, by that."""
        return cast("dict[str, list[int]]", self._ask("lines"))

    def remove_lines(self) -> None:
        """Leave only the lines of other products."""
        self._ask("remove_lines")

    def _ask(self, what: Behaviour | str) -> object:
        self._pipe.send(what)
        return self._pipe.recv()


def _serve(customers: int, folder: Path, pipe: Pipe) -> None:
    asyncio.run(_run(Service(customers), folder, pipe))


async def _run(service: Service, folder: Path, pipe: Pipe) -> None:
    def answer() -> None:
        asked: Behaviour | str = pipe.recv()
        match asked:
            case Behaviour():
                pipe.send(service.behave(asked))
            case "counts":
                pipe.send(service.counted)
            case "lines":
                pipe.send(service.records.lines())
            case _:
                pipe.send(service.records.remove_lines())

    keys = keys_in(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.server_certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, ssl=context)
    loop.add_reader(pipe.fileno(), answer)
    pipe.send(Site(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", keys.ca_bundle))
    await server.serve_forever()
