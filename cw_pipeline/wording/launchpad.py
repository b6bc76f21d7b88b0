"""Advice for the Dagster UI: where a sentence names a command, the job that does it, with a config to paste."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMAND = re.compile("(`cw-pipeline [^`]*`)")
_OPTION = re.compile(r"--(bill-from|credited)\b")
_PLACES = {
    "connect": "the job connect",
    "disconnect": "the job disconnect",
    "rebuild": "the job rebuild",
    "status": "the asset mapped_organizations",
    "history": "the events of the asset connectwise_push",
    "lines by-hand": "the job lines_by_hand",
    "companies list": "the asset mapped_organizations",
    "products list": "the job map_products",
    "products create": "the job map_products",
}
"""What the UI has for the commands that need no config."""


def in_the_ui(text: str) -> str:
    """`text`, whose commands become jobs: `the job rebuild`, or a job with `ops: …`, which its Launchpad takes.

    A command that no job does is left, with the advice to run it on the command line.
    """
    parts = _COMMAND.split(text)  # commands are at the odd places
    return "".join(
        _advice(part.strip("`")) if index % 2 else _OPTION.sub(lambda found: found[1].replace("-", "_"), part)
        for index, part in enumerate(parts)
    )


def _advice(command: str) -> str:
    words: list[str] = []
    options: dict[str, str] = {}
    try:
        parts = iter(shlex.split(command)[1:])
    except ValueError:  # a quotation mark in it is not closed
        return f"`{command}`"
    for part in parts:
        if part.startswith("--"):
            options[part.removeprefix("--").replace("-", "_")] = next(parts, "")
        else:
            words.append(part)
    return _PLACES.get(" ".join(words[:2])) or _job_of(words, options) or f"`{command}` on the command line"


def _job_of(  # noqa: C901, PLR0911, PLR0912 - a case for each command
    words: Sequence[str], options: Mapping[str, str]
) -> str | None:
    """The job that does a command, with its config; `options` have the names of config fields."""
    match words:
        case ["sync" | "preview" as command]:
            months = " to ".join(options[name] for name in ("month", "from", "to") if name in options)
            return f"the job {'sync_now' if command == 'sync' else command}{f' for {months}' if months else ''}"
        case ["compare", before, after]:
            return _job("compare", "find_differences", {"before": before, "after": after})
        case ["reconcile"]:
            first = options.get("month", options.get("from"))
            return _job("reconcile", "reconciliation", {"first": first} if first else {})
        case ["undo", *runs]:
            return _job("undo", "undo_writes", {"run": runs[0], "confirm": True} if runs else {})
        case ["approve", *ids]:
            return _job("approve", "approve_previews", {"previews": [int(preview_id) for preview_id in ids]})
        case ["import"]:
            fields = {"type": "types", "status": "statuses"}
            chosen = {field: [options[option]] for option, field in fields.items() if option in options}
            return _job("import_companies", "imported_companies", chosen)
        case ["lines", "accept"]:
            return _job("accept_lines", "accept_invoiced_lines", options)
        case ["lines", "release"]:
            whose = {"organizations": [options["organization"]]} if "organization" in options else {}
            return _job("release_lines", "release_unusual_usage", {"month": options["month"], **whose})
        case ["lines", "end" | "leave" | "undo" as act, *ids]:
            return _job("lines_by_hand", "choose_lines_by_hand", {act: list(map(int, ids))} if ids else {})
        case ["companies", "map" | "unmap" as act, *company]:
            mapping = {act: [{"company": company[0], **options}]} if company else {}
            return _job("map_companies", "choose_organizations", mapping)
        case ["companies", "apply", file]:
            return _job("map_companies", "choose_organizations", {"apply_file": file})
        case ["companies", "suggest"]:
            file = options.get("file")
            return _job("map_companies", "choose_organizations", {"write_file": file} if file else {})
        case ["products", "map", "PLAN", *_] | ["products", "map"]:
            return "the job map_products"
        case ["products", "map", plan, product]:
            return _job("map_products", "choose_products", {plan.lower(): product})
        case ["products", "confirm"]:
            return _job("map_products", "choose_products", {"confirm": True})
        case _:
            return None


def _job(job: str, op: str, config: Mapping[str, object]) -> str:
    """A job and, if it needs one, the config to paste into its Launchpad, on one line."""
    return f"the job {job} (config `ops: {_yaml({op: {'config': config}})}`)" if config else f"the job {job}"


def _yaml(value: object) -> str:
    """`value` as YAML on one line; texts are quoted, so that no id is read as a number."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, cast('list[object]', value)))}]"
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return f"{{{', '.join(f'{key}: {_yaml(item)}' for key, item in items)}}}"
    return json.dumps(value, ensure_ascii=False)
