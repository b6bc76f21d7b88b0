"""The ways to write a database's URL, and TLS, which here PgBouncer speaks for PostgreSQL."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from cw_pipeline.sandbox.keys import temporary_keys
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import DatabaseUnreachable
from cw_pipeline_tests.support.pooler import needs_pgbouncer, pooled

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "p@ss%w/o:rd?&#[é"


@pytest.fixture(scope="module")
def secured(postgres_url: str) -> Iterator[str]:
    """Host, port and database of a server on IPv6 that demands TLS and the password."""
    keys = temporary_keys()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port: int = listener.getsockname()[1]
    # Not in pytest's own temporary folder: PgBouncer runs as another user, who must read the key.
    with TemporaryDirectory(prefix="tls-") as name:
        folder = Path(name)
        shutil.copy(keys.server_certificate, folder / "server.pem")
        (folder / "users.txt").write_text(f'"cw" "{PASSWORD}"\n', encoding="utf-8")
        owner = Path(str(make_url(postgres_url).query["host"])).owner()
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
        options = {
            "listen_addr": "::1",
            "listen_port": port,
            "auth_type": "scram-sha-256",
            "auth_file": folder / "users.txt",
            "client_tls_sslmode": "require",
            "client_tls_cert_file": folder / "server.pem",
            "client_tls_key_file": folder / "server.pem",
        }
        with pooled(postgres_url, "session", options=options):
            yield f"[::1]:{port}/{make_url(postgres_url).database}"


def refusal(url: str) -> str:
    with pytest.raises(DatabaseUnreachable) as refused:
        Warehouse(url)
    assert PASSWORD not in str(refused.value)
    assert quote(PASSWORD, safe="") not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_url_opens_postgresql_however_its_scheme_is_written(scheme: str, postgres_database_url: str) -> None:
    warehouse = Warehouse(f"{scheme}://{postgres_database_url.partition('://')[2]}")
    assert warehouse.revision
    warehouse.close()


@needs_pgbouncer
def test_a_database_over_ipv6_and_verified_tls_is_opened_with_any_password(secured: str) -> None:
    options = f"sslmode=verify-full&sslrootcert={temporary_keys().ca_bundle}"
    for url in (
        f"postgresql://cw:{quote(PASSWORD, safe='')}@{secured}?{options}",
        f"postgres://{secured}?user=cw&password={quote(PASSWORD, safe='')}&{options}",
    ):
        warehouse = Warehouse(url)
        assert warehouse.revision
        warehouse.close()


@needs_pgbouncer
@pytest.mark.parametrize(
    ("password", "options", "reason"),
    [
        (PASSWORD, "sslmode=disable", "SSL required"),
        (PASSWORD, "sslmode=verify-full&sslrootcert=/nonexistent.pem", "root certificate file .* does not exist"),
        ("another", "sslmode=require", "authentication failed"),
    ],
)
def test_a_database_that_lets_nobody_in_is_refused_with_the_reason(
    password: str, options: str, reason: str, secured: str
) -> None:
    url = f"postgresql://cw:{quote(password, safe='')}@{secured}?{options}"
    assert re.search(reason, refusal(url))
