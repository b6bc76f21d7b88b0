"""The guides, and what is said of holds and drift, name only commands, options and sections that exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from cw_pipeline.billing.facts import CompanyMapping, Written
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.cli.app import app
from cw_pipeline.reports.drift.compare_mappings import drifted_agreement, drifted_company
from cw_pipeline.reports.drift.findings import Kind
from cw_pipeline.vocabulary import Plan
from cw_pipeline.wording import failed_writes
from cw_pipeline.wording.line_warnings import line_warning, perhaps_written_off
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    JANUARY,
    MARCH,
    a_line,
    an_agreement,
    mapped_to,
    preview_of,
    the_facts,
    used,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.billing.facts import Facts

PROJECT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", *sorted(str(file.relative_to(PROJECT)) for file in (PROJECT / "docs").rglob("*.md"))]

COMMAND = re.compile(r"(?<!secret generic )(?<!-)cw-pipeline ([a-z-][^`#;\n]+)")
LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(file: Path) -> set[str]:
    """What the headings of a file can be linked to by, as GitHub makes it."""
    headings = HEADING.findall(file.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options_and_commands(command: Any) -> tuple[set[str], dict[str, Any]]:  # noqa: ANN401 - typer's own, not public
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return options, getattr(command, "commands", {})


def test_every_command_of_a_document_exists_with_its_options() -> None:
    texts = [(PROJECT / document).read_text().replace("\\\n", "") for document in DOCUMENTS]
    lines = [line for text in texts for line in COMMAND.findall(text)]
    assert len(lines) > 100
    for line in lines:
        options, commands = options_and_commands(typer.main.get_command(app))
        words = iter(line.split())
        for word in words:
            if word == "--":  # what follows is another program's
                break
            if word.startswith("--"):
                assert word in options, line
                if word == "--tenant":  # the one option before a command
                    next(words)
            elif commands:
                assert word in commands, line
                options, commands = options_and_commands(commands[word])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    here = PROJECT / document
    links = [link for link in LINK.findall(here.read_text()) if any(link)]
    for path, anchor in links:
        target = here.parent / path if path else here
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


STRANGE = "org 1; 'x'"
"""An organization id that a shell would not take as one word."""


def held_facts() -> Iterator[Facts]:
    """Facts that lead to every sentence of a hold."""
    invoiced = a_line(1, 5, effective=INVOICED, organization_id=STRANGE)
    still_open = a_line(1, 5, organization_id=STRANGE)
    mappings = [mapped_to(10, organization_id=STRANGE)]
    gone = Written(10, invoiced.serial_number, frozenset({Decimal(5)}), INVOICED, None)
    yield the_facts(replace(invoiced, agreement_id=20), mappings=mappings)
    yield the_facts(invoiced, mappings=mappings, ledger={1: [9]})
    yield replace(the_facts(mappings=mappings), ledger={1: gone})
    yield the_facts(replace(invoiced, quantity=Decimal(20)), mappings=mappings)
    yield the_facts(mappings=[mapped_to(77, organization_id=STRANGE)])
    for agreement in (
        an_agreement(active=False),
        an_agreement(company_deleted=True),
        an_agreement(next_invoice=None, never_invoiced=True),
        an_agreement(10, 2),
    ):
        yield the_facts(mappings=mappings, agreements=[agreement])
        yield the_facts(still_open, mappings=mappings, agreements=[agreement])
        yield the_facts(still_open, mappings=[mapped_to(11, organization_id=STRANGE)], agreements=[agreement])


def sentences() -> Iterator[tuple[str, str]]:
    """What is said of every kind of hold and of doubt, of odd lines and of drift of agreements, by what it is about."""
    for facts in held_facts():
        preview = preview_of(facts, used(9, organization_id=STRANGE))
        yield from ((line.outcome, line.reason) for line in preview.lines)
    identity = Identity(MARCH, Plan.BUSINESS, STRANGE)
    yield Outcome.UNCONFIRMED, failed_writes.invoiced_meanwhile(identity)
    yield from WAYS_OUT.items()
    line = replace(a_line(1, 5, effective=INVOICED, organization_id=STRANGE), less_included=Decimal(3))
    yield "warning", line_warning(identity, line, the_facts(line))
    yield Kind.PERHAPS_WRITTEN_OFF, perhaps_written_off(identity, line.addition_id)
    agreement = an_agreement()
    mapping = CompanyMapping(STRANGE, "O", 1, 10, JANUARY, terms=agreement.terms, company_name="Company 1")
    today = date(2026, 4, 1)
    findings = [
        *drifted_company(mapping, None, an_agreement(10, 2)),
        *drifted_company(mapping, None, an_agreement()),
        *drifted_agreement(mapping, None, today),
        *drifted_agreement(mapping, an_agreement(active=False), today),
        *drifted_agreement(mapping, replace(agreement, terms=replace(agreement.terms, prorates=True)), today),
        *drifted_agreement(mapping, an_agreement(next_invoice=None, never_invoiced=True), today),
    ]
    yield from ((finding.kind, finding.what_to_do) for finding in findings)


def parse(words: list[str]) -> None:
    """Let the command line parse these words, without doing anything."""
    command: Any = typer.main.get_command(app)
    name, context = "cw-pipeline", None
    while True:
        context = command.make_context(name, words, parent=context)
        if not hasattr(command, "commands"):
            return
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


def test_every_command_in_a_hold_or_drift_sentence_can_be_pasted() -> None:
    said = list(sentences())
    assert {what for what, _ in said} >= HELD
    commands = {command for _, sentence in said for command in re.findall(r"`cw-pipeline ([^`]+)`", sentence)}
    assert len(commands) > 5
    for command in commands:
        words = shlex.split(command)
        parse(list(words))
        assert "--organization" not in words or words[words.index("--organization") + 1] == STRANGE
    assert not [sentence for _, sentence in said if "cw-pipeline" in re.sub(r"`cw-pipeline [^`]+`", "", sentence)]
