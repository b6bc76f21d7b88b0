"""What a command asks before it does something that a person might not mean, on a real terminal."""

from __future__ import annotations

import os
import pty
import shlex
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from cw_pipeline.cli.app import main
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED
from cw_pipeline_tests.support.processes import PROCESSES, Start

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def on_a_terminal(answer: str, *arguments: str) -> tuple[int | None, str]:
    """Run the program on a terminal where a person types `answer`; its exit code and what the terminal shows."""
    ours, theirs = pty.openpty()
    with Connection(theirs) as terminal:
        program = PROCESSES.Process(target=_run, args=(terminal, Start(arguments, dict(os.environ), Path.cwd())))
        program.start()
    os.write(ours, f"{answer}\n".encode())
    shown = bytearray()
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the terminal is gone with its last user
            break
    program.join()
    code = program.exitcode
    program.close()
    os.close(ours)
    return code, " ".join(shown.decode().split())


def _run(terminal: Connection, start: Start) -> None:
    with terminal:
        start.enter(stdin=terminal.fileno(), stdout=terminal.fileno(), stderr=terminal.fileno())
    main()


def test_disconnecting_asks_and_a_no_changes_nothing(active: Active) -> None:
    code, shown = on_a_terminal("n", "disconnect")
    assert code == 1
    assert "Remove all mappings and stop the syncs? [y/N]" in shown
    assert "Nothing was changed." in shown
    assert run("status", "--json").document["mapped"] == len(active.mapped)
    code, shown = on_a_terminal("y", "disconnect")
    assert (code, "3 company mappings" in shown) == (0, True)
    assert run("status", "--json").document["state"] == "disconnected"


def test_an_agreement_with_a_warning_is_mapped_after_a_yes(active: Active, sandbox: Sandbox) -> None:
    mapped = active.mapped[0]
    own = next(
        agreement for agreement in sandbox.connectwise.records("agreements") if agreement["id"] == mapped.agreement_id
    )
    branch = {**own, "name": "Branch", "parentAgreement": {"id": own["id"], "name": own["name"]}}
    branch_id = sandbox.connectwise.insert("agreements", {key: branch[key] for key in branch if key != "id"})["id"]
    run("import", "--json")
    arguments = ("companies", "map", str(mapped.company_id), "--agreement", str(branch_id))
    arguments += ("--organization", mapped.organization_id)
    code, shown = on_a_terminal("n", *arguments)
    assert (code, "is a child of" in shown, "Map it anyway? [y/N]" in shown) == (1, True, True)
    code, shown = on_a_terminal("y", *arguments)
    assert (code, f"agreement Branch ({branch_id}) is now mapped" in shown) == (0, True)
    sandbox.connectwise.remove("agreements", branch_id)


def test_the_command_asks_about_earlier_usage_and_keeps_the_answer(active: Active, sandbox: Sandbox) -> None:
    mapped = active.mapped[0]
    run("sync", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED))
    run("companies", "unmap", str(mapped.company_id))
    free = next(
        row
        for row in sandbox.nordpass.usage(str(LAST_CLOSED))
        if row["organization_id"] not in active.organization_ids
        and (row["license_type"], row["msp_managed"]) == ("Standard", True)
        and row["consumed_licenses"]
    )["organization_id"]
    arguments = (
        "companies",
        "map",
        str(mapped.company_id),
        "--agreement",
        str(mapped.agreement_id),
        "--organization",
        free,
    )
    earlier = LAST_CLOSED.plus(-1)

    told = run(*arguments, "--yes")
    assert (told.code, f"Map the company again with --bill-from {earlier} to bill them" in told.sentence) == (0, True)
    code, shown = on_a_terminal("n", *arguments)
    assert (code, f"Bill from {earlier} instead? [y/n]" in shown) == (0, True)
    assert f"are not billed: {LAST_CLOSED} was named as the first month" in shown
    run("companies", "unmap", str(mapped.company_id))
    code, shown = on_a_terminal("y", *arguments)
    assert (code, f"billed from {earlier} on" in shown) == (0, True)
    assert run(*arguments, "--json").document["left_out"] == {}


def test_a_company_gets_another_organization_after_a_yes(active: Active, sandbox: Sandbox) -> None:
    mapped = active.mapped[0]
    listed = run("organizations", "list", "--json").document["organizations"]
    another = next(row["id"] for row in listed if row["msp_managed"] and row["company"] is None)
    arguments = ("companies", "map", str(mapped.company_id), "--agreement", str(mapped.agreement_id))
    arguments += ("--organization", another, "--bill-from", str(LAST_CLOSED))
    code, shown = on_a_terminal("n", *arguments)
    assert (code, f"is billed for {mapped.organization_name} ({mapped.organization_id}) already" in shown) == (1, True)
    assert on_a_terminal("y", *arguments)[0] == 0
    unnamed = run("companies", "unmap", str(mapped.company_id))
    assert (unnamed.code, "has several organizations" in unnamed.sentence) == (2, True)
    told = run("companies", "list", "--json").document["companies"]
    both = {row["organization"]["id"] for row in told if row["id"] == mapped.company_id}
    assert both == {mapped.organization_id, another}
    assert run("companies", "unmap", str(mapped.company_id), "--organization", another).code == 0
    assert run("status", "--json").document["mapped_organizations"] == len(active.mapped)
    assert sandbox


def test_a_list_that_lacks_much_is_taken_only_after_a_yes(active: Active, sandbox: Sandbox) -> None:
    companies = run("companies", "list", "--json").document["companies"]
    removed = [sandbox.connectwise.records("agreements")]
    for agreement in removed[0]:
        sandbox.connectwise.remove("agreements", agreement["id"])
    try:
        refused = run("import", "--json")
        assert refused.code == 2
        assert "The agreements were not imported. ConnectWise lists 0 agreements" in refused.document["error"]
        assert "with --yes on the command line" in refused.document["error"]
        code, shown = on_a_terminal("n", "import")
        assert (code, "Are they really gone? [y/N]" in shown) == (1, True)
        assert run("companies", "list", "--json").document["companies"] == companies
        taken = run("import", "--yes", "--json").document["agreements"]
        assert len(taken["gone_but_mapped"]) == len(active.mapped)
        assert run("status", "--json").document["mapped"] == len(active.mapped)
    finally:
        for agreement in removed[0]:
            sandbox.connectwise.insert("agreements", agreement)


def test_import_and_status_report_changed_terms_until_accepted(active: Active, sandbox: Sandbox) -> None:
    mapped = active.mapped[0]
    sandbox.connectwise.edit_agreement(mapped.agreement_id, billingCycle=5)
    (said,) = run("import", "--json").document["agreements"]["agreement_changed"]
    assert said in run("import").sentence
    assert run("status", "--json").document["agreement_changed"] == [said]
    assert said in run("status").sentence
    accept = shlex.split(said.split("`")[-2])[1:]
    refused = run(*accept)
    assert (refused.code, "was billed Monthly" in refused.sentence) == (2, True)
    assert run(*accept, "--yes", "--json").document["changed"]
    assert run("status", "--json").document["agreement_changed"] == []
    sandbox.connectwise.edit_agreement(mapped.agreement_id, billingCycle=2)
