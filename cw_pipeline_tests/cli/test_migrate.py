"""`migrate` and `--version`: what an upgrade of the product needs."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from cw_pipeline.warehouse.schema import revisions
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import use

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(monkeypatch, {"CW_PIPELINE_HOME": str(tmp_path / "home")})
    return tmp_path / "home"


def test_a_check_says_what_is_pending_and_changes_nothing(home: Path) -> None:
    checked = run("migrate", "--check", "--json")
    assert (checked.code, checked.document) == (1, {"pending": revisions()})
    assert "Run `cw-pipeline migrate`" in checked.sentence
    assert not home.exists()
    migrated = run("migrate", "--json")
    assert (migrated.code, migrated.document) == (0, {"revision": revisions()[-1]})
    checked = run("migrate", "--check", "--json")
    assert (checked.code, checked.document) == (0, {"pending": []})


@pytest.mark.parametrize("arguments", [("migrate", "--check"), ("migrate",), ("status",)])
def test_a_schema_of_a_newer_version_is_refused_by_every_command(arguments: tuple[str, ...], home: Path) -> None:
    run("migrate")
    engine = create_engine(f"sqlite:///{home / 'warehouse.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    refused = run(*arguments, "--json")
    assert refused.code == 2
    assert "a newer version has migrated it. Nothing was changed." in refused.document["error"]


def test_the_version_is_printed() -> None:
    assert run("--version").out == f"cw-pipeline {version('cw-pipeline')}\n"
