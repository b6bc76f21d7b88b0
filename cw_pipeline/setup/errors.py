"""Why a setup command was refused. It changed nothing, unless the message says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.vocabulary import at_most

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_NEAR = 5
_ALIKE = 70
"""Of 100: how alike a name has to be to what was typed."""
_MOST_LISTED = 20
"""Most choices or faults that a message lists."""


class SetupError(CwPipelineError):
    """A setup command was refused."""

    exit_code = USAGE_ERROR


class NotPossible(SetupError):
    """What was asked for cannot be done as things are; the message says why."""


class NotConnected(SetupError):
    """Nothing is connected."""

    def __init__(self) -> None:
        super().__init__("Not connected to ConnectWise. Run `cw-pipeline connect` and try again.")


class NotActive(SetupError):
    """A sync needs the integration to be active; `missing` says what it lacks, a sentence each."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"The integration is not active. {' '.join(missing)}")
        self.missing = tuple(missing)


class WrongCompany(SetupError):
    """The credentials are for another ConnectWise company than the connected one."""

    def __init__(self, *, connected: str, given: str) -> None:
        super().__init__(
            f"The credentials are for {given}, but this deployment is connected to {connected}: mappings of one "
            "ConnectWise company never reach another. Correct CONNECTWISE_SITE_URL and CONNECTWISE_COMPANY_ID, or run "
            "`cw-pipeline disconnect` first."
        )


class UnknownChoice(SetupError):
    """What was named does not exist, or several have the name; `choices` is everything that could be chosen instead.

    The message lists some of them: where there are more than a few, only those that are like what was typed, `near`.
    """

    def __init__(self, problem: str, choices: Iterable[str], *, near: str | None = None) -> None:
        self.choices = tuple(choices)
        advice = f" Choose one of: {listed(self.choices)}." if self.choices else ""
        if near is not None and len(self.choices) > _MOST_NEAR:
            from rapidfuzz import process  # noqa: PLC0415 - slow, and only a typo needs it
            from rapidfuzz.utils import default_process  # noqa: PLC0415

            alike = process.extract(
                near, self.choices, processor=default_process, limit=_MOST_NEAR, score_cutoff=_ALIKE
            )
            names, total = ", ".join(choice for choice, _, _ in alike), len(self.choices)
            advice = f" The nearest of {total}: {names}." if names else f" None of the {total} is like it."
        super().__init__(problem + advice)


class MappingRefused(SetupError):
    """The company cannot be mapped as asked."""


class WarningsNotAccepted(MappingRefused):
    """The mapping can be made once a person accepts its `warnings`, a sentence each."""

    def __init__(self, warnings: Sequence[str]) -> None:
        super().__init__(
            f"Nothing was mapped yet. {listed(warnings, separator=' ')} If that is meant, accept it: with --yes on the "
            "command line, with accept_warnings in the Launchpad."
        )
        self.warnings = tuple(warnings)


class TooManyGone(SetupError):
    """A list may have been cut short, so that a person has to confirm what is gone: `warnings`, one sentence."""

    def __init__(self, what: str, system: str, total: int, gone: Sequence[str], *, mapped: bool) -> None:
        which = f"{len(gone)} mapped ones" if mapped else f"the {len(gone)} that were there"
        warning = (
            f"{system} lists {total} {what}, without {which}: {listed(gone)}. The list may be late, or the role of the "
            "keys may show less than before."
        )
        super().__init__(
            f"The {what} were not imported. {warning} Look there, and import again later. If they are really gone, "
            "accept it: with --yes on the command line, with accept_warnings in the Launchpad."
        )
        self.warnings = (warning,)


class MappingFileRefused(MappingRefused):
    """The mapping file cannot be applied; `faults` is everything that is wrong with it, each with its row."""

    def __init__(self, file: object, faults: Sequence[str]) -> None:
        super().__init__(
            f"{file} was not applied, not even in part: {listed(faults, separator='; ')}. "
            "Correct it and apply it again."
        )
        self.faults = tuple(faults)


def listed(texts: Sequence[str], *, separator: str = ", ") -> str:
    """The texts in one line, at most `_MOST_LISTED` of them."""
    return separator.join(at_most(texts, _MOST_LISTED))
