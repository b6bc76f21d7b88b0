"""The options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.vocabulary import Month

T = TypeVar("T")


def parser(parse: Callable[[str], T]) -> Callable[[str], T]:
    """`parse` as an option's parser: what it refuses is an error of usage."""

    def parse_option(text: str) -> T:
        try:
            return parse(text)
        except (ValueError, CwPipelineError) as refused:
            raise typer.BadParameter(str(refused)) from None

    return parse_option


def example(arguments: str) -> str:
    """The end of a command's help: an example of how to call it."""
    return f"Example: cw-pipeline {arguments}"


_month = parser(Month.parse)
_MONTH = typer.Option("--month", parser=_month, metavar="MONTH", help="A closed month, such as 2026-03.")

YesOption = Annotated[bool, typer.Option("--yes", help="Answer yes to every question.")]
MonthOption = Annotated[Month | None, _MONTH]
RequiredMonthOption = Annotated[Month, _MONTH]
FromOption = Annotated[
    Month | None,
    typer.Option("--from", parser=_month, metavar="MONTH", help="The first of several months; needs --to."),
]
ToOption = Annotated[
    Month | None, typer.Option("--to", parser=_month, metavar="MONTH", help="The last month, inclusive.")
]
PreviewOption = Annotated[
    list[int] | None,
    typer.Option(
        "--preview",
        metavar="ID",
        help="The id of a preview that you looked at: its month is written exactly as previewed, or not at all. Can be "
        "repeated, once for each month.",
    ),
]
OrganizationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--organization",
        help="Id or exact name of an organization, to write only its lines; the month stays due. Can be repeated.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="Write the lines of the first N organizations that have something to write; the month stays due.",
    ),
]
TrialMonthsOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=12,
        metavar="N",
        help="How many months, from the first one on, have lines marked Do Not Bill, to compare them with what is "
        "billed by hand. Default: 0 or, if the first month does not change, as before.",
    ),
]
BillFromOption = Annotated[
    Month | None,
    typer.Option(
        "--bill-from",
        parser=_month,
        metavar="MONTH",
        help="The first month to bill, such as 2026-03. Default: the last closed month.",
    ),
]
