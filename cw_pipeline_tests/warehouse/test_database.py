from __future__ import annotations

import socket
import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.errors import DatabaseUnreachable

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "S3cret"


def refusal(url: str) -> str:
    """The sentence with which a database cannot be opened; the password is in no report, even of all variables."""
    with pytest.raises(DatabaseUnreachable) as caught:
        Warehouse(SecretStr(url))
    inside = caught.tb.tb_next
    report = traceback.TracebackException(caught.type, caught.value, inside, capture_locals=True)
    text = "".join(report.format())
    assert "self = <" in text
    assert PASSWORD not in text
    return str(caught.value)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_a_database_that_does_not_run_is_named_with_what_to_check(closed_port: int) -> None:
    sentence = refusal(f"postgresql://cw:{PASSWORD}@127.0.0.1:{closed_port}/cw")
    assert f"cw:***@127.0.0.1:{closed_port}/cw cannot be used" in sentence
    assert "Connection refused" in sentence
    assert "Check CW_PIPELINE_DATABASE_URL" in sentence


def test_an_unknown_host_is_named() -> None:
    assert "no-such-host.invalid" in refusal(f"postgresql://cw:{PASSWORD}@no-such-host.invalid/cw")


def test_a_password_among_the_url_s_parameters_is_not_shown(closed_port: int) -> None:
    sentence = refusal(f"postgresql:///cw?host=127.0.0.1&port={closed_port}&user=cw&password={PASSWORD}")
    assert "Connection refused" in sentence


def test_a_warehouse_shows_no_password_wherever_the_url_has_it(postgres_database_url: str) -> None:
    url = make_url(postgres_database_url)
    urls = url.set(password=PASSWORD), url.update_query_dict({"password": PASSWORD})
    for with_password in urls:  # the server of the tests asks for none
        warehouse = Warehouse(with_password.render_as_string(hide_password=False))
        assert PASSWORD not in repr(warehouse.engine) + repr(vars(warehouse))
        warehouse.close()


@pytest.mark.parametrize("url", [PASSWORD, f"postgresql://cw:x@host:{PASSWORD}/cw", ""])
def test_what_is_not_a_database_url_is_refused_with_an_example(url: str) -> None:
    assert "Write postgresql://user:password@host/database" in refusal(url)


def test_another_kind_of_database_is_refused() -> None:
    assert refusal(f"mysql://cw:{PASSWORD}@host/cw").startswith("mysql databases are not supported")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    assert "other processes must see it" in refusal(url)


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"folder {tmp_path / 'file' / 'below'} cannot be created" in refusal(
        f"sqlite:///{tmp_path}/file/below/warehouse.db"
    )


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    assert "unable to open database file" in refusal(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and by no means a database.\n" * 50)
    assert "file is not a database" in refusal(f"sqlite:///{file}")
    assert file.read_text().startswith("These are notes")


def test_a_user_who_may_not_create_tables_is_told(postgres_database_url: str) -> None:
    role = f"weak_{make_url(postgres_database_url).database}"
    engine = create_engine(postgres_database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"))
    sentence = refusal(engine.url.set(username=role, password=PASSWORD).render_as_string(hide_password=False))
    with engine.connect() as connection:
        connection.execute(text(f"DROP ROLE {role}"))
    engine.dispose()
    assert "permission denied" in sentence
    assert "that its user may create and write tables" in sentence


def test_missing_folders_of_an_sqlite_warehouse_are_made(tmp_path: Path) -> None:
    Warehouse(f"sqlite:///{tmp_path / 'a' / 'b' / 'warehouse.db'}").close()
    assert (tmp_path / "a" / "b" / "warehouse.db").exists()
