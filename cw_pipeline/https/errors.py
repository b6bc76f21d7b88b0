"""The base of the clients' errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cw_pipeline.errors import CwPipelineError

if TYPE_CHECKING:
    from cw_pipeline.https.failures import AttemptError


@dataclass(frozen=True)
class ErrorBody:
    """What a service says about an error: shortened, on one line and without secrets.

    Attributes:
        code: The service's error code.
        words: Its message.
        request_id: Its id of the request, which its support asks for.
    """

    code: str = ""
    words: str = ""
    request_id: str | None = None


class HttpError(CwPipelineError):
    """A request to a service failed.

    Attributes:
        service: Its name in messages.
        status: HTTP status of the reply; None if there was none.
        code, words, request_id: See `ErrorBody`.
    """

    service: ClassVar[str]

    def __init__(self, message: str, *, status: int | None = None, body: ErrorBody | None = None) -> None:
        super().__init__(message)
        body = body or ErrorBody()
        self.status = status
        self.code, self.words, self.request_id = body.code, body.words, body.request_id

    @classmethod
    def of(cls, request: str, attempt: AttemptError, body: ErrorBody, advice: str) -> Self:
        """The error of a request whose last attempt failed.

        Args:
            request: Method and address.
            attempt: The last attempt.
            body: What the service says about it.
            advice: What to do next.
        """
        numbers = [f"HTTP {attempt.status}"] if attempt.status else []
        numbers += [f"request id {body.request_id}"] if body.request_id else []
        sentence = f"{request}: {attempt.failure}" + (f" ({', '.join(numbers)})" if numbers else "")
        if words := ": ".join(filter(None, (body.code, body.words))):
            sentence += f". {cls.service} says: {words.rstrip('.')}"
        return cls(f"{sentence}. {advice}", status=attempt.status, body=body)
