"""From nothing to a synced month and back, and to be connected again, as a person does it, on both databases."""

from __future__ import annotations

import csv
import os
import socket
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline_tests.cli.conftest import Answer, run
from cw_pipeline_tests.cli.steps import REFUSED, STEPS
from cw_pipeline_tests.support.active import LAST_CLOSED, use
from cw_pipeline_tests.support.postgres import postgres_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """No URL for the SQLite file in the home folder, or that of a new PostgreSQL database."""
    if request.param == "sqlite":
        yield ""
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Path:
    return tmp_path_factory.mktemp("postgresql" if database_url else "sqlite")


@pytest.fixture(scope="module")
def said(home: Path, database_url: str) -> Iterator[dict[str, Answer]]:
    """What each step said."""
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as environment:
        use(environment, {**sandbox.environment(), "CW_PIPELINE_HOME": str(home)})
        environment.setenv("CW_PIPELINE_DATABASE_URL", database_url)
        environment.setenv("DAGSTER_HOME", str(home / "dagster"))
        subcategory = sandbox.connectwise.records("subcategories")[0]["name"]
        children = [
            agreement for agreement in sandbox.connectwise.records("agreements") if agreement.get("parentAgreement")
        ]
        answers: dict[str, Answer] = {}
        places = {
            "month": str(LAST_CLOSED),
            "file": str(home / "m.csv"),
            "backup": str(home / "backup.csv"),
        }
        for name, step in STEPS.items():
            if name == "unmap":
                mapped = next(
                    company for company in answers["companies"].document["companies"] if company["state"] == "mapped"
                )
                places["company"] = str(mapped["id"])
                places["agreement"] = str(mapped["agreement"]["id"])
                places["organization"] = str(mapped["organization"]["id"])
                places["typo"] = places["organization"][:-1]
            if name == "add and map halfway":
                listed = {company["id"]: company for company in answers["companies"].document["companies"]}
                child = next(agreement for agreement in children if agreement["company"]["id"] in listed)
                places["child"], places["child_company"] = str(child["id"]), str(child["company"]["id"])
                free = next(
                    company
                    for company in listed.values()
                    if company["state"] == "unmapped"
                    and company["agreements"]
                    and company["id"] != child["company"]["id"]
                )
                places["open_company"], places["open_agreement"] = str(free["id"]), str(free["agreements"][0]["id"])
            if name == "map a child agreement":
                places["free"] = answers["add"].document["id"]
            words = [word.format(**places, subcategory=subcategory) for word in step.split()]
            answers[name] = run(*words)
        yield answers


def test_each_step_ends_with_its_exit_code(said: dict[str, Answer]) -> None:
    assert {name: answer.code for name, answer in said.items()} == {name: 2 if name in REFUSED else 0 for name in STEPS}


def test_each_step_says_what_to_do_next(said: dict[str, Answer]) -> None:
    for name, answer in said.items():
        if STEPS[name].endswith("--json") or answer.code:
            assert "." in answer.err, name
        else:
            assert answer.out.rstrip().endswith("."), name


def test_status_says_what_is_missing_then_what_to_sync(said: dict[str, Answer]) -> None:
    nothing, before, after = (said[f"status {when}"].document for when in ("of nothing", "before", "after"))
    assert (nothing["state"], nothing["site"]) == ("not_connected", None)
    assert any("cw-pipeline connect" in sentence for sentence in nothing["missing"])
    assert (before["state"], before["missing"], before["last_sync"]) == ("active", [], None)
    assert before["unpushed_months"] == [str(LAST_CLOSED)]
    assert after["unpushed_months"] == []
    assert after["last_sync"]
    assert after["next_tick"].endswith("-01T00:30:00+00:00")
    assert after.keys() >= {"company_id", "mapped", "unmapped_companies", "unmapped_organizations"}


def test_connect_shows_each_right_and_whether_it_is_held(said: dict[str, Answer]) -> None:
    assert "Finance > Agreements: Edit" in said["connect"].out
    assert "unverified until first used" in said["connect"].out
    connected = said["connect for programs"].document
    assert {right["held"] for right in connected["rights"] if not right["optional"]} == {True, None}
    assert connected["invoices"] is None
    used = {right["name"]: right["used_at"] for right in said["connect again"].document["rights"] if right["used_at"]}
    assert used.keys() == {"Procurement > Product Catalog: Add", "Finance > Agreements: Add"}


def test_products_are_listed_mapped_created_and_confirmed(said: dict[str, Answer]) -> None:
    listed = {product["identifier"]: product for product in said["products"].document["products"]}
    assert listed["NORDPASS-BUS"]["price"] == 4.99
    assert listed["NORDPASS-2022"]["why_not"] == "it is inactive"
    assert "it is inactive" in said["map an inactive product"].sentence
    confirmed = {product["plan"]: product for product in said["confirm"].document["products"]}
    assert confirmed["Enterprise"]["identifier"] == "NP-ENT"
    assert all(product["confirmed"] for product in confirmed.values())


def test_an_import_lists_the_choices_and_remembers_the_chosen(said: dict[str, Answer]) -> None:
    assert "Former client" in said["import without a choice"].sentence
    assert "There is no company type Klient" in said["import an unknown type"].sentence
    first, again = said["import"].document, said["import again"].document
    assert again["chosen"] == first["chosen"] == {"types": ["Client"], "statuses": ["Active"]}
    assert len(first["companies"]["new"]) == first["companies"]["total"] > 50
    assert again["companies"]["new"] == []


def test_what_is_certain_is_filled_in_and_applied(said: dict[str, Answer]) -> None:
    certain = [suggestion for suggestion in said["suggest"].document["suggestions"] if suggestion["certain"]]
    assert said["apply"].document["mapped"] == len(certain) > 20
    states = [company["state"] for company in said["companies"].document["companies"]]
    assert states.count("mapped") == len(certain)


def test_a_sync_writes_its_preview_and_a_second_one_nothing(said: dict[str, Answer]) -> None:
    [preview], [again] = said["preview"].document["months"], said["sync again"].document["months"]
    assert preview["requests"]["written"] == 0
    created = preview["outcomes"]["created"]
    assert again["outcomes"]["unchanged"] == created
    assert again["requests"]["written"] == 0
    assert sum(tally["seats"] for tally in preview["outcomes"].values()) == sum(
        tally["seats"] for tally in again["outcomes"].values()
    )
    assert again["also"] == {}
    assert all(isinstance(tally["seats"], int) for tally in again["outcomes"].values())
    assert f"{LAST_CLOSED}: synced" in said["sync"].err
    assert f"{created['lines']}: {created['seats']}" in said["sync"].out


def test_history_has_an_intent_and_a_confirmation_for_each_line(said: dict[str, Answer]) -> None:
    entries = said["history"].document["entries"]
    created = said["preview"].document["months"][0]["outcomes"]["created"]
    confirmed = [entry for entry in entries if entry["kind"] == "confirmed"]
    assert len(entries) == 2 * len(confirmed) == 2 * created["lines"]
    assert sum(entry["quantity"] for entry in confirmed) == created["seats"]
    assert {entry["before"] for entry in entries} == {0}
    assert all(entry["organization_name"] and entry["serial_number"].startswith("NP:") for entry in entries)
    assert "0 → " in said["history for people"].out
    assert "no such entry" in said["history of another month"].out
    [organization_id] = {entry["organization_id"] for entry in said["history of an organization"].document["entries"]}
    refused = said["history of nobody"].document["error"]
    assert f"There is no organization {organization_id[:-1]}. The nearest of " in refused
    assert f"({organization_id})" in refused


def test_organizations_are_listed_with_their_companies_and_added(said: dict[str, Answer]) -> None:
    listed = said["organizations"].document["organizations"]
    assert len([organization for organization in listed if organization["company"]]) == said["apply"].document["mapped"]
    assert said["add"].document["name"] == "[bold]Ünïcode"
    assert "[bold]Ünïcode" in said["add"].err
    assert "an e-mail address is expected" in said["add badly"].sentence
    assert f"NordPass has [bold]Ünïcode ({said['add'].document['id']}" in said["add again"].sentence
    assert "give --company and --agreement" in said["add and map halfway"].sentence
    added = said["add and map"].document
    assert (added["name"], added["mapped"]["organization_id"]) == ("O'Neill,Ltd.", added["id"])


def test_one_company_is_unmapped_and_mapped_again(said: dict[str, Answer]) -> None:
    unmapped, mapped = said["unmap"].document, said["map"].document
    assert mapped["company_id"] == unmapped["company_id"]
    assert (mapped["bill_from"], mapped["changed"]) == ("2025-06", True)


def test_a_child_agreement_needs_confirmation(said: dict[str, Answer]) -> None:
    assert "is a child of" in said["map a child agreement"].sentence
    assert "accept it: with --yes" in said["map a child agreement"].sentence
    assert len(said["map a child agreement knowingly"].document["warnings"]) == 1
    assert said["apply it again"].document["unchanged"] > 20
    assert "is a child of" in said["bring the companies back unasked"].document["error"]


def test_what_was_disconnected_comes_back_from_the_backup(said: dict[str, Answer]) -> None:
    assert "cw-pipeline connect" in said["map while disconnected"].sentence
    brought_back = said["bring the companies back"].document["mapped"]
    assert brought_back == said["disconnect"].document["company_mappings"]
    status = said["status of the new connection"].document
    assert (status["state"], status["mapped"]) == ("active", brought_back)


def test_every_act_is_recorded_with_who_and_when_and_what(said: dict[str, Answer]) -> None:
    acts = said["acts"].document["acts"]
    assert [act["act"] for act in acts if act["act"] != "map company"] == [
        "connect",
        "connect",
        "map product",
        "create product",
        "map product",
        "confirm products",
        *["import"] * 3,
        "apply mapping file",
        "add organization",
        "add organization",
        "unmap company",
        "connect",
        "disconnect",
        "connect",
        "apply mapping file",
        "map product",
        "confirm products",
    ]
    assert all(act["who"].endswith(f" on {socket.gethostname()}") for act in acts)
    unmapped = next(act for act in acts if act["act"] == "unmap company")
    assert (unmapped["subject"], unmapped["after"]) == (str(said["unmap"].document["company_id"]), None)
    assert unmapped["before"]["organization_id"] == said["unmap"].document["organization_id"]
    assert "add organization" in said["acts for people"].out


def test_disconnecting_asks_keeps_a_backup_and_stops_the_syncs(said: dict[str, Answer], home: Path) -> None:
    assert "--yes" in said["disconnect unasked"].sentence
    removed = said["disconnect"].document["company_mappings"]
    with (home / "backup.csv").open(encoding="utf-8-sig", newline="") as backup:
        assert len(list(csv.DictReader(backup))) == removed == said["apply"].document["mapped"] + 2
    assert "cw-pipeline connect" in said["sync after it"].document["error"]
    assert "disconnected" in said["status at the end"].out


def test_the_acts_and_runs_are_in_dagster(said: dict[str, Answer], home: Path) -> None:
    assert said
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        jobs = [run.job_name for run in instance.get_runs()]
        mapped = instance.get_latest_materialization_event(dg.AssetKey("mapped_organizations"))
        imported = instance.get_latest_materialization_event(dg.AssetKey("imported_companies"))
        pushed = instance.get_materialized_partitions(dg.AssetKey("connectwise_push"))
    assert sorted(jobs) == ["preview", "sync_now", "sync_now"]
    assert mapped is not None
    assert mapped.asset_materialization is not None
    assert mapped.asset_materialization.metadata["state"].value == "active"
    assert imported is not None
    assert pushed == {str(LAST_CLOSED)}
    assert os.environ["DAGSTER_HOME"] == str(home / "dagster")
