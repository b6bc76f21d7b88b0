"""The options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from cw_pipeline.vocabulary import Month


def parsed_month(text: str) -> Month:
    """The month that an option names."""
    try:
        return Month.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document to standard output, and all else to standard error.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Answer yes to every question.")]
MonthOption = Annotated[
    Month | None, typer.Option("--month", parser=parsed_month, metavar="MONTH", help="A closed month, such as 2026-03.")
]
FromOption = Annotated[
    Month | None,
    typer.Option("--from", parser=parsed_month, metavar="MONTH", help="The first of several months; needs --to."),
]
ToOption = Annotated[
    Month | None, typer.Option("--to", parser=parsed_month, metavar="MONTH", help="The last of them, inclusive.")
]
BillFromOption = Annotated[
    Month | None,
    typer.Option(
        "--bill-from",
        parser=parsed_month,
        metavar="MONTH",
        help="The first month to bill, such as 2026-03. Default: the last closed month.",
    ),
]
