"""Tables on terminals of any width: nothing is cut off, and nothing is wider than the terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from cw_pipeline.cli.output import Output
from cw_pipeline.cli.tables import print_table

ORGANIZATION = "Anna Berg Consulting (c8603c22-46cb-57a3-b4e0-2a583169dbb2)"
NARROW = (("Month", "Seats"), [("2026-10", "847"), ("2026-09", "12")])
COMPANIES = (
    ("Company", "State", "Agreement", "Organization", "Bill from"),
    [
        ("Anna Berg Consulting (105)", "mapped", "Managed Services (1005)", ORGANIZATION, "2025-11"),
        ("株式会社さくら (165)", "unmapped", "Managed Services (1065), Block of hours (1076)", "", ""),
    ],
)
RIGHTS = (
    ("Right", "State"),
    [("Companies > Company Maintenance: Inquire", "held when last used, 2026-11-29 12:46 UTC")],
)


def printed(table: tuple[tuple[str, ...], list[tuple[str, ...]]], width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    print_table(console, *table)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("table", [NARROW, COMPANIES, RIGHTS])
def test_a_table_fits_the_terminal_and_shows_every_word(
    table: tuple[tuple[str, ...], list[tuple[str, ...]]], width: int
) -> None:
    lines = printed(table, width)
    assert max(map(cell_len, lines)) <= width
    words = [word for row in table[1] for cell in row for word in cell.split() if cell_len(word) <= width - 4]
    assert [word for word in words if not any(word in line for line in lines)] == []


def test_what_is_too_wide_for_columns_is_a_paragraph_for_each_row() -> None:
    assert printed(COMPANIES, 60) == [
        "Anna Berg Consulting (105) · State mapped · Agreement",
        "    Managed Services (1005) · Organization Anna Berg",
        "    Consulting (c8603c22-46cb-57a3-b4e0-2a583169dbb2) · Bill",
        "    from 2025-11",
        "株式会社さくら (165) · State unmapped · Agreement",
        "    Managed Services (1065), Block of hours (1076)",
    ]


def test_without_colours_nothing_is_coloured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    Output(as_json=False).table(*COMPANIES)
    out = capsys.readouterr().out
    assert "\x1b[3" not in out.replace("\x1b[3m", "")
    assert "Anna Berg" in out


def test_work_is_shown_on_a_terminal_only_and_never_with_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*, as_json: bool) -> str:
        with Output(as_json=as_json).working("Reading [agreements]"):
            pass
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    assert shown(as_json=False) == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "Reading [agreements] …" in shown(as_json=False)
    assert shown(as_json=True) == ""
