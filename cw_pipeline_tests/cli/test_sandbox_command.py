"""`sandbox` as a process: its environment, its command's exit code, and no child left behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.cli.conftest import PROGRAM, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CW_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("NORDPASS_USAGE_DIR", "/where/the/real/exports/are")
    return tmp_path


@pytest.fixture
def port() -> str:
    return free_port()


@pytest.fixture
def serving(home: Path, port: str) -> Iterator[subprocess.Popen[str]]:  # noqa: ARG001 - the environment names it
    """A sandbox whose command says its process id, and the environment that it got, and waits."""
    script = "import json, os, signal; print(json.dumps([os.getpid(), dict(os.environ)]), flush=True); signal.pause()"
    with subprocess.Popen(
        [PROGRAM, "sandbox", "--port", port, "--", sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def test_a_command_gets_the_environment_and_can_use_both_services(
    home: Path, port: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("sandbox", "--port", port, "--", str(PROGRAM), "connect", "--json").code == 0
    assert json.loads(capfd.readouterr().out)["company_name"] == "Sandbox Managed Services"
    assert (home / "sandbox" / "ca.pem").exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("code", [0, 7])
def test_it_ends_with_the_exit_code_of_its_command(port: str, code: int) -> None:
    assert run("sandbox", "--port", port, sys.executable, "-c", f"raise SystemExit({code})").code == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_and_no_child_is_left(serving: subprocess.Popen[str], number: signal.Signals) -> None:
    assert serving.stdout is not None
    child, environment = json.loads(serving.stdout.readline())
    assert environment["CONNECTWISE_SITE_URL"].startswith("https://localhost:")
    assert environment["NORDPASS_USAGE_DIR"] == ""
    serving.send_signal(number)
    assert serving.wait(20) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_without_a_command_it_prints_exports_and_waits(home: Path, port: str) -> None:
    with subprocess.Popen(
        [PROGRAM, "sandbox", "--port", port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = process.stderr.readline()
        process.terminate()
        lines = process.stdout.read().splitlines()
        assert process.wait(20) == 0
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert exported["CONNECTWISE_SITE_URL"] == f"https://localhost:{port}"
    assert shlex.split(exported["CONNECTWISE_CA_BUNDLE"]) == [str(home / "sandbox" / "ca.pem")]
    assert exported["NORDPASS_USAGE_DIR"] == "''"
    assert "Ctrl-C" in said


@pytest.mark.usefixtures("home")
def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = run("sandbox", "--port", port)
    assert refused.code == 2
    assert "--port" in refused.err


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_a_home_that_cannot_be_used_is_an_error(
    command: str, port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CW_PIPELINE_HOME", str(tmp_path / "file"))
    refused = run(command, "--port", port)
    assert refused.code == 2
    assert f"{tmp_path}/file" in refused.err
    assert "cannot be used" in refused.err


@pytest.mark.usefixtures("home")
def test_a_command_that_does_not_exist_is_an_error(port: str) -> None:
    answer = run("sandbox", "--port", port, "--", "no-such-program")
    assert answer.code == 2
    assert "no-such-program cannot be run" in answer.sentence


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("command", "missing"), [("demo", "trustme"), ("sandbox", "uvicorn"), ("sandbox", "starlette")]
)
def test_without_the_extra_it_says_what_to_install(command: str, missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; from cw_pipeline.cli.app import main; main()"
    refused = subprocess.run([sys.executable, "-c", script, command], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    [sentence] = refused.stderr.splitlines()
    assert sentence.startswith(f"The sandbox needs {missing}")
    assert sentence.endswith(', which is not installed. Run: pip install "cw-pipeline[sandbox]"')
