"""What a caller is told when ConnectWise refuses, in every shape it is known to refuse in."""

from __future__ import annotations

import json
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import requests

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.models import NewCatalogItem
from cw_pipeline.connectwise.replies import read_error_body
from cw_pipeline.https.failures import AttemptError, Failure
from cw_pipeline_tests.connectwise.conftest import API, CREDENTIALS, addition

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient

LINE = f"{API}/finance/agreements/7/additions/9"


def refusal(site: responses.RequestsMock, client: ConnectWiseClient, status: int, **answer: object) -> errors.Refused:
    site.patch(LINE, status=status, **answer)  # pyright: ignore[reportArgumentType]  (passed on as keywords)
    with pytest.raises(errors.Refused) as raised:
        client.set_quantity(7, 9, Decimal(12))
    return raised.value


def test_a_validation_error_keeps_code_words_fields_and_request_id(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    body = {
        "code": "InvalidObject",
        "message": "addition object is invalid",
        "errors": [{"code": "OutOfRange", "message": "too big", "resource": "addition", "field": "quantity"}],
    }
    error = refusal(site, client, 400, json=body, headers={"x-cw-request-id": "abc-1"})
    assert (error.status, error.code, error.request_id) == (400, "InvalidObject", "abc-1")
    assert error.words == "addition object is invalid (quantity: too big)"
    for part in ("PATCH /finance/agreements/7/additions/9", "quantity: too big", "abc-1", "400"):
        assert part in str(error)
    assert not error.is_transient


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"code": "Security", "message": "no", "errors": None}, "Security", "no"),
        ({"error": "ConnectWiseAPI", "message": "Too many requests."}, "ConnectWiseAPI", "Too many requests."),
        ({"code": None, "message": None}, "", ""),
        ({"code": 5, "message": ["x"], "errors": "none"}, "", ""),
        ({"message": "m", "errors": [None, 3, {"message": 1}]}, "", "m"),
    ],
)
def test_every_known_shape_of_an_error_document_is_read(
    site: responses.RequestsMock, client: ConnectWiseClient, body: object, code: str, words: str
) -> None:
    error = refusal(site, client, 400, json=body)
    assert (error.code, error.words) == (code, words)


@pytest.mark.parametrize(
    "body", ["", "plain words", "<html><h1>Blocked</h1></html>", "null", "[1]", "[" * 100_000, "\x00"]
)
def test_a_body_without_an_error_document_is_kept_as_short_text(body: str) -> None:
    read = read_error_body(AttemptError(Failure.REFUSED, 400, body=body.encode()), redact=CREDENTIALS.redact)
    assert read.code == ""
    assert len(read.words) <= 500
    assert "<" not in read.words
    assert read.words.isprintable()


def test_words_of_connectwise_are_shortened_and_stay_on_one_line() -> None:
    body = b'{"message": "a\\u001b[31m\\nb' + b"x" * 10_000 + b'"}'
    words = read_error_body(AttemptError(Failure.REFUSED, 400, body=body), redact=CREDENTIALS.redact).words
    assert len(words) == 500
    assert words.isprintable()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Refused),
        (401, errors.AuthenticationFailed),
        (403, errors.MissingRight),
        (404, errors.NotFound),
        (405, errors.Refused),
        (409, errors.Conflict),
        (414, errors.Refused),
        (415, errors.Refused),
        (429, errors.RateLimited),
    ],
)
def test_each_status_has_its_error(
    site: responses.RequestsMock, client: ConnectWiseClient, status: int, kind: type[errors.Refused]
) -> None:
    error = refusal(site, client, status, body="<html>")
    assert type(error) is kind
    assert error.status == status


def test_a_missing_right_is_named_for_what_was_tried(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    forbidden = {"code": "Security", "message": "You do not have security permission to perform this action."}
    item = NewCatalogItem(identifier="x", description="x", customer_description="x", subcategory_id=1, type_id=1)
    acts = [
        ("GET", "/company/companies/count", client.company_count, "Companies > Company Maintenance: Inquire"),
        ("GET", "/company/companies/types", lambda: list(client.company_types()), "System > Table Setup: Inquire"),
        (
            "GET",
            "/company/companies/statuses",
            lambda: list(client.company_statuses()),
            "System > Table Setup: Inquire",
        ),
        (
            "GET",
            "/finance/billingCycles",
            client.billing_cycles,
            "System > Table Setup: Inquire",
        ),
        ("GET", "/finance/agreements/count", client.agreement_count, "Finance > Agreements: Inquire"),
        (
            "PATCH",
            "/finance/agreements/7/additions/9",
            lambda: client.set_quantity(7, 9, Decimal(1)),
            "Finance > Agreements: Edit",
        ),
        ("GET", "/procurement/catalog/count", client.catalog_count, "Procurement > Product Catalog: Inquire"),
        (
            "POST",
            "/procurement/catalog",
            lambda: client.create_catalog_item(item),
            "Procurement > Product Catalog: Add",
        ),
        ("GET", "/procurement/types", lambda: list(client.product_types()), "System > Table Setup: Inquire"),
    ]
    for method, path, act, right in acts:
        site.add(method, API + path, status=403, json=forbidden)
        with pytest.raises(errors.MissingRight) as raised:
            act()
        assert right in str(raised.value)


def test_a_404_where_no_record_is_named_means_wrong_keys(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(f"{API}/company/companies/count", status=404, json={"code": "NotFound", "message": "not found"})
    with pytest.raises(errors.AuthenticationFailed, match="CONNECTWISE_PRIVATE_KEY"):
        client.company_count()


def test_a_404_that_denies_the_endpoint_is_no_missing_record(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    error = refusal(site, client, 404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})
    assert isinstance(error, errors.AuthenticationFailed)


def test_a_404_on_a_record_means_that_it_is_missing(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    error = refusal(site, client, 404, json={"code": "NotFound", "message": "Addition 9 not found"})
    assert isinstance(error, errors.NotFound)


def test_a_site_that_wants_https_is_told_so(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    error = refusal(site, client, 403, json={"code": "Security", "message": "SSL is required.", "errors": None})
    assert not isinstance(error, errors.MissingRight)
    assert "CONNECTWISE_SITE_URL" in str(error)


@pytest.mark.parametrize(
    "body",
    ['{"id": 9, "quantity": 12', "", "<html>", "null", "[]", '{"id": 9}', '{"id": 9, "quantity": NaN}'],
)
def test_a_200_without_the_line_leaves_the_write_uncertain(
    site: responses.RequestsMock, client: ConnectWiseClient, body: str
) -> None:
    site.patch(LINE, body=body)
    with pytest.raises(errors.UncertainWrite):
        client.set_quantity(7, 9, Decimal(12))


def test_a_read_without_a_required_field_names_endpoint_record_and_field(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    broken = addition(9)
    del broken["quantity"]
    site.get(LINE, json=broken)
    with pytest.raises(errors.ContractBroken, match=r"GET /finance/agreements/7/additions/9 .* quantity of record 9"):
        client.addition(7, 9)


def test_a_list_that_is_none_breaks_the_contract(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{API}/company/companies/types", json={"message": "hello"})
    with pytest.raises(errors.ContractBroken, match="/company/companies/types"):
        list(client.company_types())


def test_a_redirect_is_not_followed_and_no_key_goes_with_it(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(LINE, status=307, headers={"Location": "https://elsewhere.example.com/"})
    site.get("https://elsewhere.example.com/", json=addition(9))
    with pytest.raises(errors.WrongAddress, match=Failure.REDIRECTED):
        client.addition(7, 9)
    assert not [call for call in site.calls if "elsewhere" in (call.request.url or "")]


SECRETS = (
    CREDENTIALS.public_key,
    CREDENTIALS.private_key,
    CREDENTIALS.client_id,
    CREDENTIALS.authorization().removeprefix("Basic "),
)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_secret_that_a_reply_echoes_is_in_no_error(
    site: responses.RequestsMock, client: ConnectWiseClient, status: int
) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRETS[1])  # as JSON may write it too
    half = "x" * 490 + SECRETS[0]  # where shortening would cut it
    body = json.dumps({"message": " ".join(SECRETS), "errors": [{"message": "escaped"}, {"message": half}]})
    site.get(LINE, status=status, body=body.replace("escaped", escaped), headers={"x-cw-request-id": SECRETS[0]})
    with pytest.raises(errors.ConnectWiseError) as raised:
        client.addition(7, 9)
    shown = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))
    assert "***" in shown
    assert not [secret for secret in SECRETS if secret[:10] in shown]


def test_an_error_does_not_carry_the_request_with_its_headers_along(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(LINE, body=requests.ReadTimeout())
    with pytest.raises(errors.ReadFailed, match=Failure.READ_TIMEOUT) as raised:
        client.addition(7, 9)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("kind", "transient"),
    [
        (errors.Refused, False),
        (errors.AuthenticationFailed, False),
        (errors.MissingRight, False),
        (errors.NotFound, False),
        (errors.Conflict, True),
        (errors.RateLimited, True),
        (errors.Unreachable, True),
        (errors.UntrustedCertificate, False),
        (errors.UncertainWrite, True),
        (errors.ReadFailed, True),
        (errors.WrongAddress, False),
        (errors.ContractBroken, False),
        (errors.InvalidConfiguration, False),
    ],
)
def test_an_error_says_whether_trying_again_later_can_help(
    kind: type[errors.ConnectWiseError], *, transient: bool
) -> None:
    assert kind.is_transient is transient
