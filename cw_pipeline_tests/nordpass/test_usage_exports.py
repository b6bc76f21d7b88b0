import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cw_pipeline.nordpass.errors import (
    InvalidSetting,
    MalformedReport,
    NotSupported,
    ReportNotFinal,
    UnknownMonth,
)
from cw_pipeline.nordpass.models import NewOrganization, OrganizationStatus
from cw_pipeline.nordpass.usage_exports import SETTLES_IN
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.replies import HEADER
from cw_pipeline_tests.nordpass.saved_exports import NOW, WRITTEN, exports, save


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


def test_a_month_that_is_not_over_is_not_final(folder: Path) -> None:
    save(folder, HEADER + "a,Acme,Business,Standard,true,5\n")
    before = exports(folder, now=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC))
    with pytest.raises(ReportNotFinal, match="the month is not over") as error:
        before.monthly_usage(Month(2026, 3))
    assert error.value.is_transient


def test_half_a_file_of_an_open_month_is_not_final(folder: Path) -> None:
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
def test_a_file_that_may_still_be_copied_is_not_final(folder: Path, ago: timedelta) -> None:
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


def test_a_month_without_a_file_names_the_expected_path(folder: Path) -> None:
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
