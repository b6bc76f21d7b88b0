"""Advice for the Dagster UI: where a sentence names a command, the job that does it, with a config to paste."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_COMMAND = re.compile("(`cw-pipeline [^`]*`)")
_OPTION = re.compile(r"--(bill-from|credited)\b")

_Options: TypeAlias = "dict[str, str]"
"""A command's options, by the names that configs have for them."""


def in_the_ui(text: str) -> str:
    """`text`, whose commands become jobs: `the job rebuild`, or a job with `ops: …`, which its Launchpad takes.

    A command that no job does is left, with the advice to run it on the command line.
    """
    parts = _COMMAND.split(text)  # commands are at the odd places
    return "".join(
        _of_command(part.strip("`")) if index % 2 else _OPTION.sub(lambda found: found[1].replace("-", "_"), part)
        for index, part in enumerate(parts)
    )


def _of_command(command: str) -> str:
    try:
        words, options = _parsed(command)
    except ValueError:  # a quotation mark in it is not closed
        return f"`{command}`"
    for length in (2, 1):
        name, arguments = " ".join(words[:length]), words[length:]
        if name in _FORMS:
            return _FORMS[name](arguments, options)
    return f"`{command}` on the command line"


def _parsed(command: str) -> tuple[list[str], _Options]:
    words: list[str] = []
    options: _Options = {}
    parts = iter(shlex.split(command)[1:])
    for part in parts:
        if part.startswith("--"):
            options[part.removeprefix("--").replace("-", "_")] = next(parts, "")
        else:
            words.append(part)
    return words, options


def _months(options: _Options) -> str:
    """For which months a job is to be launched."""
    months = [options[name] for name in ("month", "from", "to") if name in options]
    return f" for {' to '.join(months)}" if months else ""


def _job(job: str, op: str, config: Mapping[str, object]) -> str:
    """A job and, if it needs one, the config to paste into its Launchpad, on one line."""
    return f"the job {job} (config `ops: {_yaml({op: {'config': config}})}`)" if config else f"the job {job}"


def _yaml(value: object) -> str:
    """`value` as YAML on one line; texts are quoted, so that no id is read as a number."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, cast('list[object]', value)))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_yaml(one)}' for key, one in cast('dict[str, object]', value).items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _mapping(act: str, company: Sequence[str], options: _Options) -> str:
    asked = {act: [{"company": company[0], **options}]} if company else {}
    return _job("map_companies", "choose_organizations", asked)


def _release(options: _Options) -> str:
    whose = {"organizations": [options["organization"]]} if "organization" in options else {}
    return _job("release_lines", "release_unusual_usage", {"month": options["month"], **whose})


def _by_hand(act: str) -> Callable[[list[str], _Options], str]:

    def job(lines: list[str], _options: _Options) -> str:
        return _job("lines_by_hand", "choose_lines_by_hand", {act: list(map(int, lines))} if lines else {})

    return job


def _import(options: _Options) -> str:
    chosen = {plural: [options[one]] for one, plural in (("type", "types"), ("status", "statuses")) if one in options}
    return _job("import_companies", "imported_companies", chosen)


def _reconcile(options: _Options) -> str:
    first = options.get("month", options.get("from"))
    return _job("reconcile", "reconciliation", {"first": first} if first else {})


def _product(arguments: Sequence[str]) -> str:
    chosen = {arguments[0].lower(): arguments[1]} if arguments and arguments[0] != "PLAN" else {}
    return _job("map_products", "choose_products", chosen)


def _mapping_file(act: str, file: str | None) -> str:
    return _job("map_companies", "choose_organizations", {act: file} if file else {})


_FORMS: dict[str, Callable[[list[str], _Options], str]] = {
    "connect": lambda _arguments, _options: "the job connect",
    "disconnect": lambda _arguments, _options: "the job disconnect",
    "rebuild": lambda _arguments, _options: "the job rebuild",
    "status": lambda _arguments, _options: "the asset mapped_organizations",
    "history": lambda _arguments, _options: "the events of the asset connectwise_push",
    "sync": lambda _arguments, options: f"the job sync_now{_months(options)}",
    "preview": lambda _arguments, options: f"the job preview{_months(options)}",
    "compare": lambda of, _options: _job("compare", "find_differences", {"before": of[0], "after": of[1]}),
    "reconcile": lambda _arguments, options: _reconcile(options),
    "undo": lambda runs, _options: _job("undo", "undo_writes", {"run": runs[0], "confirm": True} if runs else {}),
    "approve": lambda ids, _options: _job("approve", "approve_previews", {"previews": [int(one) for one in ids]}),
    "import": lambda _arguments, options: _import(options),
    "lines accept": lambda _arguments, options: _job("accept_lines", "accept_invoiced_lines", {**options}),
    "lines release": lambda _arguments, options: _release(options),
    "lines by-hand": lambda _arguments, _options: "the job lines_by_hand",
    "lines end": _by_hand("end"),
    "lines leave": _by_hand("leave"),
    "lines undo": _by_hand("undo"),
    "companies list": lambda _arguments, _options: "the asset mapped_organizations",
    "companies map": lambda company, options: _mapping("map", company, options),
    "companies unmap": lambda company, options: _mapping("unmap", company, options),
    "companies apply": lambda files, _options: _mapping_file("apply_file", files[0]),
    "companies suggest": lambda _arguments, options: _mapping_file("write_file", options.get("file")),
    "products list": lambda _arguments, _options: "the job map_products",
    "products create": lambda _arguments, _options: "the job map_products",
    "products map": lambda arguments, _options: _product(arguments),
    "products confirm": lambda _arguments, _options: _job("map_products", "choose_products", {"confirm": True}),
}
"""What the UI has for each command, given its arguments and options."""
