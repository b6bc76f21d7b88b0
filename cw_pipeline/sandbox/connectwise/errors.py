"""Refusals, as ConnectWise answers them."""

from dataclasses import dataclass

from starlette.responses import Response

from cw_pipeline.sandbox.wire import Record, json_response


@dataclass(frozen=True)
class FieldError:
    """An entry of an answer's `errors`."""

    code: str
    message: str
    field: str = ""


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        code: The member `code` of the body.
        message: The member `message` of the body.
        errors: The entries of the member `errors`.
        resource: The kind of object that they are about.
    """

    def __init__(
        self, status: int, code: str, message: str, errors: tuple[FieldError, ...] = (), resource: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.errors = errors
        self.resource = resource

    def response(self) -> Response:
        """The answer."""
        errors: list[Record] | None = [
            {"code": error.code, "message": error.message, "resource": self.resource, "field": error.field}
            for error in self.errors
        ] or None
        return json_response({"code": self.code, "message": str(self), "errors": errors}, self.status)


def invalid_object(resource: str, *errors: FieldError) -> Refusal:
    """The object breaks rules."""
    return Refusal(400, "InvalidObject", f"{resource} object is invalid", errors, resource.lower())


def invalid_condition(message: str) -> Refusal:
    """The conditions or the order cannot be understood."""
    return Refusal(400, "ApiFindCondition", message)


def unknown_member(member: str, kind: str) -> Refusal:
    """The body has a member that the object does not have."""
    return Refusal(
        400,
        "ConnectWiseApi",
        f"Could not find member '{member}' on object of type '{kind}'. Path '{member}'. "
        "Check your accept header to make sure you are using the correct version.",
    )


def malformed(message: str) -> Refusal:
    """The body does not have the form that the request needs."""
    return Refusal(400, "ConnectWiseApi", message)


def no_record(kind: str, record_id: int) -> Refusal:
    """There is no such record."""
    return Refusal(404, "NotFound", f"{kind} {record_id} not found")


def no_endpoint() -> Refusal:
    """There is no such URL."""
    return Refusal(404, "ConnectWiseApi", "The endpoint does not exist.")


def not_authenticated() -> Refusal:
    """The keys are wrong."""
    return Refusal(401, "ConnectWiseApi", "UserNotAuthenticated")


def no_permission() -> Refusal:
    """The member's role lacks a right."""
    return Refusal(403, "Security", "You do not have security permission to perform this action.")
