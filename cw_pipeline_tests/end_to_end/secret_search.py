"""What is searched for secrets, and a site that repeats them all."""

from __future__ import annotations

import base64
import json
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, cast

from cw_pipeline_tests.nordpass.conftest import pem_of, rsa_key

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import trustme

COMPANY = "example"
PUBLIC, PRIVATE, CLIENT = "PublicKeyQ7hT2mVx", "PrivateKeyR9wZ4nBc", "c1ie47-5ec7e7-61d-8f3a"
PASSWORD, DAGSTER_PASSWORD, HOOK = "DatabasePasswordK3j", "DagsterPasswordT6c", "HookTokenM5vL8pYd"
PROXY_LOGIN = "someone:ProxyPasswordF6sD2gHq"
PEM = pem_of(rsa_key())
BASIC = base64.b64encode(f"{COMPANY}+{PUBLIC}:{PRIVATE}".encode()).decode()
JWT = base64.b64encode(b'{"alg":"RS256"').decode()[:12]
DATABASE = f"postgresql://someone:{PASSWORD}@127.0.0.1:1/warehouse"
# What is searched for: of what is long, a part that also shows where the rest was cut off or broken into lines.
SECRETS = {
    "public key": PUBLIC,
    "private key": PRIVATE,
    "client id": CLIENT,
    "Basic header": BASIC[12:44],
    "signing key": PEM.splitlines()[5],
    "token": JWT,
    "database password": PASSWORD,
    "Dagster's database password": DAGSTER_PASSWORD,
    "address": HOOK,
    "proxy password": PROXY_LOGIN.removeprefix("someone:"),
    "proxy header": base64.b64encode(PROXY_LOGIN.encode()).decode()[12:36],
    **{
        f"{name}, base64": base64.b64encode(text.encode()).decode().rstrip("=")[:-1]
        for name, text in (("client id", CLIENT), ("private key", PRIVATE), ("password", PASSWORD), ("address", HOOK))
    },
}


def secrets_in(content: bytes | str) -> list[str]:
    text = content if isinstance(content, bytes) else content.encode()
    return [name for name, secret in SECRETS.items() if secret.encode() in text]


class Echo(ThreadingHTTPServer):
    """A site that knows the company, and answers all else with a failure that repeats what it was sent."""

    daemon_threads = True

    def __init__(self, authority: trustme.CA, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _EchoHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it takes pyOpenSSL's too
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.status = status
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us is what this is about."""


class _EchoHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = " ".join(self.headers.values())
        self.echo.seen.append(sent)
        if "/login/companyinfo/" in self.path:
            status, document = 200, {"Codebase": "v4_6_release/"}
        else:
            status = self.echo.status
            document = {"message": sent, "errors": [{"message": sent}], "error": {"code": "echo", "message": sent}}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("x-cw-request-id", sent)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    @property
    def echo(self) -> Echo:
        return cast("Echo", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the tests' output clean."""


@contextmanager
def serving(server: Echo) -> Generator[Echo]:
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def files_in(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}
