"""The interface of both sources of usage."""

from typing import Protocol, Self

from cw_pipeline.nordpass.models import NewOrganization, Organization, UsageReport
from cw_pipeline.vocabulary import Month


class NordPass(Protocol):
    """A source of organizations and their monthly usage. Use it as a context manager, or close it.

    What a method returns is complete and well-formed; otherwise it raises an `errors.NordPassError`.
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
        """Add an organization, or return the one that was added with this key.

        Args:
            new: The organization.
            idempotency_key: 1 to 255 visible ASCII characters, the same for every attempt.

        Raises:
            NotSupported: This source cannot add organizations.
            Refused: NordPass refused it.
            MalformedReport: The reply shows another organization.
            ValueError: The key cannot be used.
        """
        ...

    def close(self) -> None:
        """Release what the source holds, such as connections."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
