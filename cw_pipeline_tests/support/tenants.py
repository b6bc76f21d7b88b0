"""Tenants of one deployment: their files, their environment, and what Dagster loads for each."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cw_pipeline
from cw_pipeline.settings import Settings
from cw_pipeline.tenant_file import FOLDER_VARIABLE, VARIABLE
from cw_pipeline_tests.support.active import use

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import ModuleType

    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox

_FOR_ONE_TENANT = ("cw_pipeline.definitions", "cw_pipeline.orchestration")


def use_tenants(
    monkeypatch: pytest.MonkeyPatch, home: Path, tenants: Mapping[str, Sandbox | None], **environment: str
) -> Path:
    """Let the environment be that of a deployment with these tenants, and return the folder of their files.

    A tenant with a sandbox has the settings to use it, under names with its prefix. What `environment` has is for all.
    """
    names = settings_of(home, {key: sandbox.environment() if sandbox else {} for key, sandbox in tenants.items()})
    use(monkeypatch, environment | {"CW_PIPELINE_HOME": str(home), VARIABLE: ""} | names)
    return Path(names[FOLDER_VARIABLE])


def settings_of(home: Path, tenants: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Write an empty file for each tenant; the environment that names their folder and has each one's own variables."""
    folder = home / "tenants"
    folder.mkdir()
    names = {FOLDER_VARIABLE: str(folder)}
    for key, own in tenants.items():
        (folder / f"{key}.yaml").touch()
        names |= {f"{key.upper()}_{name}": value for name, value in own.items()}
    return names


@contextmanager
def serving(key: str) -> Generator[Settings]:
    """Let this process serve the tenant; its settings."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, key)
        yield Settings()


@contextmanager
def definitions_of(key: str) -> Generator[dg.Definitions]:
    """Serve the tenant with its definitions, in the state of a process that has loaded no others."""
    loaded = _take_out()
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv(VARIABLE, raising=False)
        patched.setenv(VARIABLE, key)
        try:
            yield getattr(import_module("cw_pipeline.tenants"), key)
        finally:
            _take_out()
            sys.modules.update(loaded)
            for name in _FOR_ONE_TENANT:
                if name in loaded:
                    setattr(cw_pipeline, name.rpartition(".")[2], loaded[name])


def _take_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.startswith(_FOR_ONE_TENANT)]
    return {name: sys.modules.pop(name) for name in names}
