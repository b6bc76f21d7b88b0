"""A usage export with one fault is refused whole, and the fault is named."""

from pathlib import Path

import pytest

from cw_pipeline.nordpass.errors import (
    Fault,
    MalformedReport,
)
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.nordpass.replies import HEADER
from cw_pipeline_tests.nordpass.saved_exports import exports, save


def faults_of(folder: Path, content: str | bytes) -> tuple[Fault, ...]:
    file = save(folder, content)
    with exports(folder) as source, pytest.raises(MalformedReport, match="Nothing of it was used") as error:
        source.monthly_usage(Month(2026, 3))
    assert error.value.source == str(file)
    assert str(file) in str(error.value)
    return error.value.faults


@pytest.mark.parametrize(
    "count",
    [
        "",
        "1.0",
        " 5 ",
        "5 ",
        "+5",
        "-1",
        "5e3",
        '"1,000"',
        "1_000",
        "\u0665",
        "five",
        "05",
        "10000001",
        "9" * 40,
        "nan",
        "0x5",
    ],
)
def test_seats_that_are_not_a_whole_number_are_malformed(folder: Path, count: str) -> None:
    content = HEADER + f"a,Acme,Business,Standard,true,5\nb,Beta,Business,Standard,true,{count}\n"
    (fault,) = faults_of(folder, content)
    assert (fault.row, fault.column) == (3, "consumed_licenses")
    assert fault.expected == "a whole number from 0 to 10000000"


@pytest.mark.parametrize(
    ("cells", "column", "expected"),
    [
        (",Acme,Business,Standard,true,5", "organization_id", "an organization id"),
        ("a b,Acme,Business,Standard,true,5", "organization_id", "an organization id"),
        (" a,Acme,Business,Standard,true,5", "organization_id", "an organization id"),
        ("a\u200b,Acme,Business,Standard,true,5", "organization_id", "an organization id"),
        ("a, ,Business,Standard,true,5", "organization_name", "a name on one line"),
        ("a,nul\0,Business,Standard,true,5", "organization_name", "a name on one line"),
        ("a,Acme,business,Standard,true,5", "plan", "Business or Enterprise"),
        ("a,Acme,Business ,Standard,true,5", "plan", "Business or Enterprise"),
        ("a,Acme,Business,Paid,true,5", "license_type", "Standard, Trial or NFR"),
        ("a,Acme,Business,Standard,yes,5", "msp_managed", "true or false"),
        ("a,Acme,Business,Standard,1,5", "msp_managed", "true or false"),
    ],
)
def test_each_column_is_checked(folder: Path, cells: str, column: str, expected: str) -> None:
    (fault,) = faults_of(folder, HEADER + cells + "\n")
    assert (fault.row, fault.column) == (2, column)
    assert fault.expected.startswith(expected)


def test_every_fault_is_named_by_the_row_that_a_spreadsheet_shows(folder: Path) -> None:
    lines = "a,Acme,Business,Standard,true,5\n\nb,Beta,Team,Standard,maybe,5\nc,Gamma,Business,Standard,true,x\n"
    faults = faults_of(folder, HEADER + lines)
    assert [(fault.row, fault.column, fault.found) for fault in faults] == [
        (4, "plan", "'Team'"),
        (4, "msp_managed", "'maybe'"),
        (5, "consumed_licenses", "'x'"),
    ]


def test_an_organization_twice_is_malformed_at_its_second_row(folder: Path) -> None:
    lines = "a,Acme,Business,Standard,true,5\nb,Beta,Business,Standard,true,5\na,Acme,Enterprise,Standard,true,5\n"
    assert faults_of(folder, HEADER + lines) == (Fault("each organization once", "'a'", 4, "organization_id"),)


@pytest.mark.parametrize("column", HEADER.strip().split(","))
def test_a_missing_column_is_named(folder: Path, column: str) -> None:
    header = ",".join(name for name in HEADER.strip().split(",") if name != column)
    assert faults_of(folder, header + "\n1,2,3,4,5\n")[0] == Fault("this column", "nothing", 1, column)


@pytest.mark.parametrize("extra", ["price", "", " plan", "Plan"])
def test_an_unknown_column_is_named(folder: Path, extra: str) -> None:
    (fault,) = faults_of(folder, HEADER.strip() + f",{extra}\na,Acme,Business,Standard,true,5,9\n")
    assert (fault.row, fault.column, fault.found) == (1, extra, repr(extra))


def test_a_column_twice_is_named(folder: Path) -> None:
    (fault,) = faults_of(folder, HEADER.strip() + ",plan\na,Acme,Business,Standard,true,5,Enterprise\n")
    assert (fault.row, fault.column, fault.expected) == (1, "plan", "each column once")


def test_a_file_without_its_header_is_malformed(folder: Path) -> None:
    faults = faults_of(folder, "a,Acme,Business,Standard,true,5\n")
    assert Fault("this column", "nothing", 1, "consumed_licenses") in faults


def test_semicolons_are_not_commas(folder: Path) -> None:
    faults = faults_of(folder, (HEADER + "a,Acme,Business,Standard,true,5\n").replace(",", ";"))
    assert Fault("this column", "nothing", 1, "plan") in faults


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_an_empty_file_is_malformed(folder: Path, content: bytes) -> None:
    (fault,) = faults_of(folder, content)
    assert (fault.row, fault.found) == (1, "nothing")
    assert HEADER.strip() in fault.expected


def test_a_row_that_is_cut_short_is_malformed(folder: Path) -> None:
    faults = faults_of(folder, HEADER + "a,Acme,Business,Standard,true,5\nb,Beta,Business,Standa")
    assert {fault.row for fault in faults} == {3}
    assert {fault.column for fault in faults} == {"license_type", "msp_managed", "consumed_licenses"}


@pytest.mark.parametrize("row", [2, 3])
def test_a_row_that_is_too_long_is_malformed(folder: Path, row: int) -> None:
    lines = ["a,Acme,Business,Standard,true,5", "b,Beta,Business,Standard,true,5"]
    lines[row - 2] += ",6"
    assert faults_of(folder, HEADER + "\n".join(lines)) == (Fault("6 columns as in the header", "7", row),)


def test_a_quote_that_is_never_closed_is_malformed(folder: Path) -> None:
    content = HEADER + 'a,Acme,Business,Standard,true,5\nb,"Beta,Business,Standard,true,5\n'
    assert faults_of(folder, content) == (Fault("a closing quote", "the end of the file", 3),)


def test_text_behind_a_closing_quote_is_malformed(folder: Path) -> None:
    (fault,) = faults_of(folder, HEADER + '"a"x,Acme,Business,Standard,true,5\n')
    assert (fault.row, fault.expected) == (2, "CSV with every quote closed")


def test_a_quote_that_swallows_the_next_organization_is_malformed(folder: Path) -> None:
    content = HEADER + 'a,"Acme,Business,Standard,true,5\nb,Beta",Business,Standard,true,7\n'
    (fault,) = faults_of(folder, content)
    assert (fault.row, fault.column) == (2, "organization_name")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_a_file_that_is_not_utf_8_is_malformed_at_its_row(folder: Path, encoding: str) -> None:
    content = HEADER + "a,Acme,Business,Standard,true,5\nb,Ömer,Business,Standard,true,5\n"
    assert faults_of(folder, content.encode(encoding)) == (Fault("UTF-8 text", row=3),)


def test_a_file_in_utf_16_is_malformed(folder: Path) -> None:
    assert faults_of(folder, HEADER.encode("utf-16")) == (Fault("UTF-8 text", row=1),)


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 100_000,
        HEADER.encode() + b"org-1,Ac\0me,Business,Standard,true,5\n",
        b"," * 1_000_000,
        b"x" * 1_000_000,
        HEADER.encode() + b"\n" * 100_000,
        HEADER.encode() + b"org-1," + b"x" * 1_000_000 + b",Business,Standard,true,5\n",
        HEADER.encode() + b"org-1,Acme,Business,Standard,true," + b"9" * 1_000_000,
    ],
    ids=["zeros", "a zero", "columns", "a letter", "rows", "a name", "a number"],
)
def test_a_hostile_file_is_malformed_and_its_message_short(folder: Path, content: bytes) -> None:
    save(folder, content)
    with pytest.raises(MalformedReport) as error:
        exports(folder).monthly_usage(Month(2026, 3))
    assert len(str(error.value)) < 2_000
