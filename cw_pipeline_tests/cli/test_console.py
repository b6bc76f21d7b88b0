from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import typer

from cw_pipeline.cli.command import running
from cw_pipeline.cli.output import Output, UsageError, harmless
from cw_pipeline.connectwise import errors as connectwise
from cw_pipeline.nordpass import errors as nordpass
from cw_pipeline.settings import NotSetUp
from cw_pipeline.setup.errors import NotConnected
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.errors import DatabaseUnreachable, LockHeld
from cw_pipeline.warehouse.names import Named


def test_markup_in_a_name_is_shown_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.table(["[red]Company"], [("[bold]Acme[/bold] :smile:",)])
    output.say("[link=https://example.com]Acme[/]")
    out = capsys.readouterr().out
    assert "[red]Company" in out
    assert "[bold]Acme[/bold] :smile:" in out
    assert "[link=https://example.com]Acme[/]" in out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Acme\x1b[31m\x07", "Acme[31m"),
        ("one\r\n two\tthree", "one two three"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\x9b31mAcme", "31mAcme"),
        ("شركة النخيل, 株式会社さくら, 👩\u200d🚀", "شركة النخيل, 株式会社さくら, 👩\u200d🚀"),
    ],
)
def test_terminal_control_characters_are_removed_and_letters_stay(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_off_a_terminal_each_row_is_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["Name", "Reason"], [("A" * 156, "B" * 156)])
    assert any("A" * 156 in line and "B" * 156 in line for line in capsys.readouterr().out.splitlines())


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", " =1+1", '"=1+1', "\t=1+1", "a\n=1+1;=1+1", "\uff1d1+1", "-", "'=1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_off_a_terminal_no_cell_is_a_formula(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["Name"], [(text,)])
    begins = [part.lstrip(' "')[:1] for part in capsys.readouterr().out.splitlines()[-2].split(";")]
    assert set(begins) <= {"'", "a"}


@pytest.mark.parametrize("number", [-3, Decimal("-3.50"), 7, "-12", "+4"])
def test_a_number_stays_a_number_also_a_negative_one(number: object, capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["Seats"], [(number,)])
    assert str(number) in capsys.readouterr().out.split()


def test_a_terminal_shows_each_name_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Output(as_json=False).table(["Name"], [("-Acme-",)])
    out = capsys.readouterr().out
    assert "-Acme-" in out
    assert "'" not in out


def test_a_column_that_is_empty_in_every_row_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["Name", "Held"], [("Acme", None), ("Bolt", None)])
    out = capsys.readouterr().out
    assert "Acme" in out
    assert "Held" not in out


def test_json_has_numbers_and_iso_times_on_standard_output_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(as_json=True)
    output.document(
        {
            "seats": Decimal("12.000"),
            "price": Decimal("3.49"),
            "month": Month(2026, 3),
            "at": datetime(2026, 4, 1, tzinfo=UTC),
            "file": Path("m.csv"),
            "company": Named(7, "Acme"),
        }
    )
    output.table(["Name"], [("Acme",)])
    output.say("Do this next.")
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "seats": 12,
        "price": 3.49,
        "month": "2026-03",
        "at": "2026-04-01T00:00:00+00:00",
        "file": "m.csv",
        "company": {"id": 7, "name": "Acme"},
    }
    assert said.err == "Do this next.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (NotSetUp("x"), 2),
        (NotConnected(), 2),
        (DatabaseUnreachable("x"), 2),
        (connectwise.InvalidConfiguration("x"), 2),
        (connectwise.AuthenticationFailed("x", status=401), 2),
        (connectwise.MissingRight("x", status=403), 2),
        (connectwise.UntrustedCertificate("x"), 2),
        (nordpass.InvalidSetting("x"), 2),
        (nordpass.UntrustedCertificate("GET /"), 2),
        (nordpass.AuthenticationFailed("GET /", status=401), 2),
        (connectwise.Unreachable("x"), 1),
        (connectwise.RateLimited("x", status=429), 1),
        (nordpass.ReportNotFinal(Month(2026, 3), "NordPass", "x"), 1),
        (SyncError("x"), 1),
        (LockHeld("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_known_error_is_a_sentence_and_an_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, running(as_json=True):
        raise error
    assert ended.value.exit_code == code
    said = capsys.readouterr()
    assert json.loads(said.out)["error"] == said.err.strip() != ""


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), running(as_json=False):
        raise ZeroDivisionError
