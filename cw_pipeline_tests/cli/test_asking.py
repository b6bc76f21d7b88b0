"""What a command asks before it does something that a person might not mean, on a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

from cw_pipeline_tests.cli.conftest import PROGRAM, run

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.active import Active


def on_a_terminal(answer: str, *arguments: str) -> tuple[int, str]:
    """Run the program on a terminal where a person types ``answer``; its exit code and what the terminal shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = bytearray()
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the terminal is gone with its last user
                break
        code = program.wait()
    os.close(ours)
    return code, " ".join(shown.decode().split())


def test_disconnecting_asks_and_a_no_changes_nothing(active: Active) -> None:
    code, shown = on_a_terminal("n", "disconnect")
    assert code == 1
    assert "Remove all mappings and stop the syncs? [y/N]" in shown
    assert "Nothing was changed." in shown
    assert run("status", "--json").document["mapped"] == len(active.mapped)
    code, shown = on_a_terminal("y", "disconnect")
    assert (code, "3 company mappings" in shown) == (0, True)
    assert run("status", "--json").document["state"] == "disconnected"


def test_an_agreement_that_may_be_billed_otherwise_is_taken_after_a_yes(active: Active, sandbox: Sandbox) -> None:
    one = active.mapped[0]
    own = next(
        agreement for agreement in sandbox.connectwise.records("agreements") if agreement["id"] == one.agreement_id
    )
    branch = {**own, "name": "Branch", "parentAgreement": {"id": own["id"], "name": own["name"]}}
    branch_id = sandbox.connectwise.insert("agreements", {key: branch[key] for key in branch if key != "id"})["id"]
    run("import", "--json")
    arguments = ("companies", "map", str(one.company_id), "--agreement", str(branch_id))
    arguments += ("--organization", one.organization_id)
    code, shown = on_a_terminal("n", *arguments)
    assert (code, "is a child of" in shown, "Map it all the same? [y/N]" in shown) == (1, True, True)
    code, shown = on_a_terminal("y", *arguments)
    assert (code, f"agreement Branch ({branch_id}) is now mapped" in shown) == (0, True)
    sandbox.connectwise.remove("agreements", branch_id)
