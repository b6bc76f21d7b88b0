import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cw_pipeline.nordpass.errors import (
    Fault,
    InvalidSetting,
    MalformedReport,
    NotSupported,
    ReportNotFinal,
    UnknownMonth,
)
from cw_pipeline.nordpass.models import NewOrganization, OrganizationStatus
from cw_pipeline.nordpass.usage_exports import SETTLES_IN, UsageExports
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.replies import HEADER

WRITTEN = datetime(2026, 4, 2, 8, 30, tzinfo=UTC)
NOW = datetime(2026, 4, 3, tzinfo=UTC)


def save(folder: Path, content: str | bytes, month: str = "2026-03", written: datetime = WRITTEN) -> Path:
    file = folder / f"usage-{month}.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (written.timestamp(), written.timestamp()))
    return file


def exports(folder: Path, now: datetime = NOW) -> UsageExports:
    return UsageExports(folder, now=lambda: now)


def faults_of(folder: Path, content: str | bytes) -> tuple[Fault, ...]:
    file = save(folder, content)
    with exports(folder) as source, pytest.raises(MalformedReport, match="Nothing of it was used") as error:
        source.monthly_usage(Month(2026, 3))
    assert error.value.source == str(file)
    assert str(file) in str(error.value)
    return error.value.faults


def test_an_export_is_read_and_sorted_by_organization(folder: Path) -> None:
    save(folder, HEADER + "b,Beta,Enterprise,Trial,FALSE,12\na,Acme,Business,NFR,True,0\n")
    report = exports(folder).monthly_usage(Month(2026, 3))
    assert (report.month, report.generated_at) == (Month(2026, 3), WRITTEN)
    first, second = report.rows
    assert (first.organization_id, first.plan, first.license_type) == ("a", Plan.BUSINESS, LicenseType.NFR)
    assert (first.msp_managed, first.consumed_licenses) == (True, 0)
    assert (second.organization_name, second.msp_managed, second.consumed_licenses) == ("Beta", False, 12)


def test_an_export_without_rows_is_an_empty_report(folder: Path) -> None:
    save(folder, HEADER)
    assert exports(folder).monthly_usage(Month(2026, 3)).rows == ()


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + "a,Acme,Business,Standard,true,5\n",
        (HEADER + "a,Acme,Business,Standard,true,5\n").replace("\n", "\r\n"),
        HEADER + "a,Acme,Business,Standard,true,5",
        HEADER + "\na,Acme,Business,Standard,true,5\n,,,,,\n\n",
        HEADER + '"a","Acme","Business","Standard","true","5"\n',
        ",".join(reversed(HEADER.strip().split(","))) + "\n5,true,Standard,Business,Acme,a\n",
    ],
    ids=["byte order mark", "Windows lines", "no last line break", "blank lines", "quoted", "other order"],
)
def test_what_a_spreadsheet_does_to_a_file_changes_nothing(folder: Path, content: str) -> None:
    save(folder, content)
    (row,) = exports(folder).monthly_usage(Month(2026, 3)).rows
    assert (row.organization_id, row.organization_name, row.consumed_licenses) == ("a", "Acme", 5)


@pytest.mark.parametrize(
    "name", ["NA", "null", "nan", "None", "007", "1.0", "true", 'Say ""hi""', "Ö, 株式会社 🏢", " x "]
)
def test_a_name_is_taken_as_it_is(folder: Path, name: str) -> None:
    save(folder, HEADER + f'a,"{name}",Business,Standard,true,5\n')
    (row,) = exports(folder).monthly_usage(Month(2026, 3)).rows
    assert row.organization_name == name.replace('""', '"')


def test_an_id_of_digits_keeps_its_zeros(folder: Path) -> None:
    save(folder, HEADER + "0017,Acme,Business,Standard,true,5\n")
    (row,) = exports(folder).monthly_usage(Month(2026, 3)).rows
    assert row.organization_id == "0017"


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


def test_a_month_that_is_not_over_is_not_final(folder: Path) -> None:
    save(folder, HEADER + "a,Acme,Business,Standard,true,5\n")
    before = exports(folder, now=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC))
    with pytest.raises(ReportNotFinal, match="the month is not over") as error:
        before.monthly_usage(Month(2026, 3))
    assert error.value.is_transient


def test_a_month_that_is_not_over_is_not_final_even_if_its_file_is_only_half_there(folder: Path) -> None:
    save(folder, HEADER + "a,Acm")
    with pytest.raises(ReportNotFinal, match="the month is not over"):
        exports(folder, now=datetime(2026, 3, 15, tzinfo=UTC)).monthly_usage(Month(2026, 3))


def test_a_month_is_over_at_its_last_midnight_in_utc(folder: Path) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    save(folder, HEADER + "a,Acme,Business,Standard,true,5\n", month="2026-12", written=end)
    assert len(exports(folder, now=end + SETTLES_IN).monthly_usage(Month(2026, 12)).rows) == 1


def test_a_file_saved_before_its_month_ended_is_not_final_even_later(folder: Path) -> None:
    save(folder, HEADER + "a,Acme,Business,Standard,true,5\n", written=datetime(2026, 3, 20, tzinfo=UTC))
    with pytest.raises(ReportNotFinal, match=r"written at 2026-03-20T00:00:00\+00:00.*download it anew"):
        exports(folder).monthly_usage(Month(2026, 3))


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=59), timedelta(seconds=-5)])
def test_a_file_that_may_still_be_copied_is_not_final_even_if_it_ends_within_a_number(
    folder: Path, ago: timedelta
) -> None:
    save(folder, HEADER + "a,Acme,Business,Standard,true,12", written=NOW - ago)
    with pytest.raises(ReportNotFinal, match=r"may still be copied.* Run this month again in a minute\.") as error:
        exports(folder).monthly_usage(Month(2026, 3))
    assert error.value.is_transient
    (row,) = exports(folder, now=NOW - ago + SETTLES_IN).monthly_usage(Month(2026, 3)).rows
    assert row.consumed_licenses == 12


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (HEADER + "a,Acme,Business,Standard,true,120\n", WRITTEN),
        (HEADER + "a,Acme,Business,Standard,true,13", WRITTEN + timedelta(seconds=1)),
    ],
    ids=["longer", "newer"],
)
def test_a_file_that_changes_while_it_is_read_is_not_final(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: str, written: datetime
) -> None:
    save(folder, HEADER + "a,Acme,Business,Standard,true,12")
    read_bytes = Path.read_bytes

    def read_while_it_changes(file: Path) -> bytes:
        before = read_bytes(file)
        save(folder, content, written=written)
        return before

    monkeypatch.setattr(Path, "read_bytes", read_while_it_changes)
    with pytest.raises(ReportNotFinal, match="changed while it was read"):
        exports(folder).monthly_usage(Month(2026, 3))


def test_a_month_without_a_file_is_unknown_and_the_expected_path_is_named(folder: Path) -> None:
    with pytest.raises(UnknownMonth) as error:
        exports(folder).monthly_usage(Month(2026, 2))
    assert str(folder / "usage-2026-02.csv") in str(error.value)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_named_and_not_waited_for(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "usage-2026-03.csv")
    with pytest.raises(InvalidSetting, match=r"usage-2026-03.csv is not a file"):
        exports(folder).monthly_usage(Month(2026, 3))


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "usage-2026-03.csv").symlink_to("usage-2026-03.csv")
    with pytest.raises(InvalidSetting, match=r"usage-2026-03.csv cannot be read"):
        exports(folder).monthly_usage(Month(2026, 3))


def test_a_file_larger_than_any_export_is_refused_unread(folder: Path) -> None:
    with (folder / "usage-2026-03.csv").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MalformedReport, match="at most 16777216 bytes"):
        exports(folder).monthly_usage(Month(2026, 3))


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


def test_the_organizations_are_those_of_the_newest_export(folder: Path) -> None:
    save(folder, HEADER + "old,Old,Business,Standard,true,5\n", month="2025-12")
    save(folder, HEADER + "b,Beta,Business,Standard,false,5\na,Acme,Enterprise,Trial,true,5\n", month="2026-03")
    (folder / "usage-notes.csv").write_text("not an export")
    first, second = exports(folder).organizations()
    assert (first.id, first.name, first.plan, first.license_type) == ("a", "Acme", Plan.ENTERPRISE, LicenseType.TRIAL)
    assert (first.status, first.msp_managed) == (OrganizationStatus.ACTIVE, True)
    assert (second.id, second.msp_managed) == ("b", False)


def test_a_malformed_newest_export_gives_no_organizations(folder: Path) -> None:
    save(folder, HEADER + "old,Old,Business,Standard,true,5\n", month="2026-02")
    save(folder, HEADER + "a,Acme,Business,Standard,true,many\n", month="2026-03")
    with pytest.raises(MalformedReport, match=r"usage-2026-03.csv"):
        exports(folder).organizations()


def test_a_folder_without_exports_says_what_to_put_there(folder: Path) -> None:
    with pytest.raises(
        InvalidSetting, match=r"no usage export in .* save it there under a name like usage-2026-03.csv"
    ):
        exports(folder).organizations()


def test_a_folder_that_does_not_exist_is_named(folder: Path) -> None:
    missing = exports(folder / "nowhere")
    with pytest.raises(InvalidSetting, match=r"nowhere is not a folder. Correct NORDPASS_USAGE_DIR"):
        missing.organizations()
    with pytest.raises(InvalidSetting, match="nowhere is not a folder"):
        missing.monthly_usage(Month(2026, 3))


def test_files_cannot_add_an_organization(folder: Path) -> None:
    new = NewOrganization(
        name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.TRIAL, contact_email="it@acme.example"
    )
    with pytest.raises(NotSupported, match=r"'Acme' was not added.*NORDPASS_API_URL"):
        exports(folder).add_organization(new, idempotency_key="key-1")
