"""The interface that both sources of usage implement."""

from types import TracebackType
from typing import Protocol, Self

from cw_pipeline.nordpass.models import NewOrganization, Organization, UsageReport
from cw_pipeline.vocabulary import Month


class NordPass(Protocol):
    """A source of organizations and their monthly usage. Use it as a context manager, or close it.

    Every method returns only what is complete and well-formed; else it raises a
    `cw_pipeline.nordpass.errors.NordPassError`.
    """

    def organizations(self) -> tuple[Organization, ...]:
        """All organizations, sorted by id, each once."""
        ...

    def monthly_usage(self, month: Month) -> UsageReport:
        """The final usage of a billing month.

        Raises:
            UnknownMonth: There is no usage for the month.
            ReportNotFinal: The usage of the month may still change.
            MalformedReport: The usage is not in the documented form.
        """
        ...

    def add_organization(self, new: NewOrganization, *, idempotency_key: str) -> Organization:
        """Add an organization, or return the one that this key already added.

        Args:
            new: What to add.
            idempotency_key: The same for every attempt at the same addition: 1 to 255 visible ASCII characters.

        Raises:
            NotSupported: This source cannot add organizations.
            Refused: NordPass refused it.
            MalformedReport: The reply does not show the organization that was asked for.
            ValueError: The key is not usable.
        """
        ...

    def close(self) -> None:
        """Release what the source holds, such as connections."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
