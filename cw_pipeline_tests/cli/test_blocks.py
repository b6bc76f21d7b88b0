"""The command blocks of the documents are run, in one integration with the sandbox, or say why they cannot be."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import markdown
import typer

from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES
from cw_pipeline.settings import Heartbeat, Messages, Settings
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.cli.test_guides import PROJECT, parse
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from cw_pipeline.sandbox import Sandbox

DOCUMENTS = ["README.md", "docs/how-to/set-up.md", "docs/tutorial", "docs/how-to", "docs", "CONTRIBUTING.md"]
"""In the order in which they are run: those that set up come first. The reference's blocks are generated."""

NOT_RUN = {
    "a file's content": (
        "environment_prefix:",
        "CONNECTWISE_SITE_URL=",
        "[Service]",
        "code-acme:",
        "PATH=",
        "- grpc_server:",
    ),
    "Docker, Kubernetes or a PostgreSQL server is needed": ("mkdir -m 700", "docker ", "kubectl "),
    "end_to_end/test_backup.py runs them": ("umask 077 ", "pg_restore "),
    "PostgreSQL, Redis and a machine of its own are needed; end_to_end/test_workers.py runs the services": (
        "/opt/cw_pipeline/bin/pip ",
        "createuser ",
        "cw-pipeline --version",
        "dagster api ",
        "install -d ",
        "mkdir -p /var/lib/",
        "python3 -m venv /opt/",
        "runuser ",
    ),
    "sync/test_every_way_out.py follows the way out of each hold": (
        "cw-pipeline lines accept ",
        "cw-pipeline lines release ",
    ),
    "the id of a run is needed; cli/test_months.py undoes one": ("cw-pipeline undo ",),
    "the id of a preview is needed; cli/test_reviewed.py pushes some": ("cw-pipeline sync --preview ",),
    "cli/test_fault.py switches every fault on and off": (".venv/bin/cw-pipeline fault ",),
    "a place of node_exporter": ("cd /var/lib/node_exporter ",),
    "the tests of contributors": (".venv/bin/pytest ",),
}
"""The beginnings of blocks that are parsed only, by the reason."""

SAFFRON, AGREEMENT = "Saffron Kitchen", "Managed Services"
PLACEHOLDERS = {"COMPANY": SAFFRON, "O": SAFFRON, "A": AGREEMENT, "NEW": AGREEMENT}
PLACEHOLDERS["mappings-20260302T091500Z.csv"] = "mappings.csv"
FIND_SOMETHING = {"drift", "health"}
"""Commands that end with 1: no daemon runs here, and one of the sandbox's agreements has no next invoice date."""
REPEATABLE = {"drift", "health", "history", "preview", "rebuild", "reconcile", "status", "sync"}
"""Commands that are run once, wherever they are named: they change nothing in what is set up."""
SETTINGS = {*Settings.model_fields, *Messages.model_fields, *Heartbeat.model_fields}
TARGETS = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
CODE = re.compile(r"<pre[^>]*><code>(.*?)</code></pre>", re.DOTALL)
"""Blocks without a language: what has one is output, SQL, Python or a diagram."""


class Block(NamedTuple):
    document: str
    text: str

    @property
    def not_run_because(self) -> str | None:
        return next((why for why, beginnings in NOT_RUN.items() if self.text.startswith(beginnings)), None)


def pages() -> Iterator[tuple[str, str]]:
    """The documents as the site shows them."""
    files: dict[Path, None] = {}
    for name in DOCUMENTS:
        path = PROJECT / name
        found = sorted(path.rglob("*.md")) if path.is_dir() else [path]
        files |= dict.fromkeys(file for file in found if file.parent.name != "reference")
    plain = {"pymdownx.highlight": {"use_pygments": False}}
    for file in files:
        text = file.read_text(encoding="utf-8")
        page: Any = markdown.markdown(text, extensions=["pymdownx.superfences"], extension_configs=plain)
        yield str(file.relative_to(PROJECT)), page


def blocks() -> Iterator[Block]:
    for name, page in pages():
        yield from (Block(name, html.unescape(code).strip()) for code in CODE.findall(page))


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a block, for the months and names of the sandbox."""
    text = re.sub(r"2026-0[1-3]", lambda month: str(LAST_CLOSED.plus(int(month[0][-1]) - 3)), block.text)
    for line in text.replace("\\\n", "").splitlines():
        if words := [PLACEHOLDERS.get(word, word) for word in shlex.split(line, comments=True)]:
            yield words


def fault(program: str, words: list[str]) -> str | None:
    """What is wrong with a command; it is run if it is ours."""
    match program:
        case "cw-pipeline":
            answer = run(*words)
            return None if answer.code == (words[0] in FIND_SOMETHING) else answer.out + answer.err
        case "make":
            return None if set(words) <= TARGETS else "no such target"
        case "export":
            names = {word.partition("=")[0].removesuffix("_FILE").lower() for word in words}
            return None if names <= SETTINGS else "no such setting"
        case _:
            return "it needs a reason in NOT_RUN"


def test_every_block_is_a_command_that_works_or_has_a_reason(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)
    monkeypatch.chdir(tmp_path)
    found = list(blocks())
    assert len(found) > 50
    faults: list[str] = []
    done: set[str] = set()
    for block in (block for block in found if not block.not_run_because):
        for program, *words in commands(block):
            command = shlex.join([program, *words])
            if command not in done and (what := fault(program, words)):
                faults.append(f"{block.document}: {command}: {what}")
            if REPEATABLE.intersection(words[:1]):
                done.add(command)
    assert not faults, "\n".join(faults)


def test_a_block_that_is_not_run_can_be_pasted() -> None:
    not_run = [block for block in blocks() if block.not_run_because]
    assert {block.not_run_because for block in not_run} == NOT_RUN.keys()
    for block in not_run:
        if block.not_run_because == "a file's content":
            continue
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
        for program, *words in commands(block):
            if program.endswith("cw-pipeline"):
                with suppress(typer.Exit):  # of --version
                    parse(words[: words.index("&&")] if "&&" in words else words)


def test_no_item_of_a_list_is_shown_in_the_paragraph_before_it() -> None:
    """As where it follows an indented paragraph without an empty line between them."""
    for name, page in pages():
        swallowed = [
            text for text in re.findall(r"<p>(.*?)</p>", page, re.DOTALL) if re.search(r"\n(\d+\.|-) |```", text)
        ]
        assert not swallowed, name
