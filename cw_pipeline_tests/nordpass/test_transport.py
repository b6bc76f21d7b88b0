import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import responses

from cw_pipeline.nordpass.errors import (
    AuthenticationFailed,
    InvalidSetting,
    NordPassError,
    RateLimited,
    Refused,
    ServerFailed,
    UnexpectedReply,
)
from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.nordpass.transport import BOUNDS
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline_tests.nordpass.conftest import MSP, URL
from cw_pipeline_tests.nordpass.replies import organization, refusal

ORGANIZATIONS = f"{URL}/v1/organizations"
EMPTY: dict[str, object] = {"items": [], "next_cursor": None}
NEW = NewOrganization(
    name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email="it@acme.example"
)


def read(api: ProviderApi) -> None:
    api.organizations()


def add(api: ProviderApi) -> None:
    api.add_organization(NEW, idempotency_key="key-1")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize(("method", "act"), [("GET", read), ("POST", add)])
def test_a_passing_failure_is_repeated(
    api: ProviderApi, http: responses.RequestsMock, method: str, act: Callable[[ProviderApi], None], status: int
) -> None:
    http.add(method, ORGANIZATIONS, status=status)
    http.add(method, ORGANIZATIONS, json=EMPTY if method == "GET" else organization())
    act(api)
    assert len(http.calls) == 2


def test_a_repeated_post_has_the_same_idempotency_key(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.post(ORGANIZATIONS, status=503)
    http.post(ORGANIZATIONS, status=500)
    http.post(ORGANIZATIONS, status=201, json=organization())
    add(api)
    assert [call.request.headers["Idempotency-Key"] for call in http.calls] == ["key-1"] * 3


@pytest.mark.parametrize(
    ("status", "kind"), [(408, ServerFailed), (429, RateLimited), (500, ServerFailed), (503, ServerFailed)]
)
def test_a_lasting_failure_ends_after_four_attempts_as_a_transient_error(
    api: ProviderApi, http: responses.RequestsMock, status: int, kind: type[NordPassError]
) -> None:
    http.get(ORGANIZATIONS, status=status, json=refusal("busy", "Come back later."))
    with pytest.raises(
        kind, match=rf"GET {ORGANIZATIONS}: .*HTTP {status}\). NordPass says: busy: Come back later."
    ) as error:
        read(api)
    assert (error.value.status, error.value.code, error.value.is_transient) == (status, "busy", True)
    assert len(http.calls) == 4


@pytest.mark.parametrize(("method", "act"), [("GET", read), ("POST", add)])
def test_only_the_advice_about_a_failed_addition_is_about_additions(
    api: ProviderApi, http: responses.RequestsMock, method: str, act: Callable[[ProviderApi], None]
) -> None:
    http.add(method, ORGANIZATIONS, status=503)
    with pytest.raises(ServerFailed, match="run this again later") as error:
        act(api)
    assert ("never adds an organization twice" in str(error.value)) is (method == "POST")


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (422, Refused)])
def test_a_refusal_is_not_repeated(
    api: ProviderApi, http: responses.RequestsMock, status: int, kind: type[NordPassError]
) -> None:
    http.get(ORGANIZATIONS, status=status, json=refusal())
    with pytest.raises(kind) as error:
        read(api)
    assert (error.value.is_transient, len(http.calls)) == (False, 1)


@pytest.mark.parametrize("body", ["", "<html>", '{"error": null}', '{"error": "no"}', '{"error": {"code": 5}}', "[]"])
def test_a_401_without_an_error_body_is_an_authentication_failure(
    api: ProviderApi, http: responses.RequestsMock, body: str
) -> None:
    http.get(ORGANIZATIONS, status=401, body=body)
    with pytest.raises(AuthenticationFailed, match=r"\(HTTP 401\)\. .*NORDPASS_PRIVATE_KEY"):
        read(api)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"type": "/no-seat", "title": "No seat", "status": 422, "detail": "None is left."},
            ("No seat", "None is left."),
        ),
        ({"detail": "None is left."}, ("", "None is left.")),
    ],
)
def test_problem_details_are_nordpass_s_words(
    api: ProviderApi, http: responses.RequestsMock, document: dict[str, object], words: tuple[str, str]
) -> None:
    http.get(ORGANIZATIONS, status=422, json=document, content_type="application/problem+json; charset=utf-8")
    with pytest.raises(Refused) as error:
        read(api)
    assert (error.value.code, error.value.words) == words


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ('{"title": "Not Found", "status": 404}', "application/problem+json"),  # what a web framework says by itself
        ('{"title": "Not Found", "detail": "No such page."}', "application/json"),
        ("<html>", "application/problem+json"),
        ('["detail"]', "application/problem+json"),
    ],
)
def test_a_lookalike_of_problem_details_is_not_a_refusal(
    api: ProviderApi, http: responses.RequestsMock, body: str, media_type: str
) -> None:
    http.get(ORGANIZATIONS, status=404, body=body, content_type=media_type)
    with pytest.raises(UnexpectedReply, match=r"HTTP 404.*NORDPASS_API_URL"):
        read(api)


@pytest.mark.parametrize("status", [400, 418, 204, 202])
def test_a_status_that_the_api_does_not_give_points_at_the_address(
    api: ProviderApi, http: responses.RequestsMock, status: int
) -> None:
    http.get(ORGANIZATIONS, status=status, body="")
    with pytest.raises(UnexpectedReply, match=f"HTTP {status}.*NORDPASS_API_URL"):
        read(api)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(api: ProviderApi, http: responses.RequestsMock, status: int) -> None:
    http.get(ORGANIZATIONS, status=status, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(UnexpectedReply, match="redirects are not followed"):
        read(api)
    assert len(http.calls) == 1


def test_a_reply_without_end_is_not_read_to_its_end(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(ORGANIZATIONS, body="x" * (BOUNDS.body_bytes + 1))
    with pytest.raises(UnexpectedReply, match=r"the reply is too large.*NORDPASS_API_URL"):
        read(api)


def test_foreign_text_is_short_on_one_line_and_without_tokens(api: ProviderApi, http: responses.RequestsMock) -> None:
    def echo(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        token = str(request.headers["Authorization"])
        return 401, {}, json.dumps(refusal("bad", f"{token}\n\x1b[31m{'x' * 5000}"))

    http.add_callback("GET", ORGANIZATIONS, echo)
    with pytest.raises(AuthenticationFailed) as error:
        read(api)
    assert error.value.words.startswith("Bearer [token] ?[31mxxx")
    assert len(error.value.words) == 300
    assert "eyJ" not in str(error.value)


@pytest.mark.parametrize("asked", ["7", "86400", "Wed, 01 Jan 2098 00:00:00 GMT"])
def test_retry_after_is_honoured_up_to_half_a_minute(
    api: ProviderApi, http: responses.RequestsMock, waits: list[float], asked: str
) -> None:
    http.get(ORGANIZATIONS, status=429, headers={"Retry-After": asked})
    http.get(ORGANIZATIONS, json=EMPTY)
    read(api)
    assert waits == [min(float(asked), 30) if asked.isdigit() else 30]


@pytest.mark.parametrize("asked", [None, "0", "soon", "-1", "9" * 5000, "Wed, 01 Jan 1998 00:00:00 GMT"])
def test_without_a_readable_retry_after_the_waits_are_short(
    api: ProviderApi, http: responses.RequestsMock, waits: list[float], asked: str | None
) -> None:
    http.get(ORGANIZATIONS, status=503, headers={"Retry-After": asked} if asked else None)
    with pytest.raises(ServerFailed):
        read(api)
    assert len(waits) == 3
    assert all(0 < seconds <= 2 for seconds in waits)


@pytest.mark.parametrize(
    "address",
    [
        "http://nordpass.test",
        "HTTP://nordpass.test",
        "nordpass.test",
        "",
        "https://",
        "ftp://nordpass.test",
        "https://user:hunter2@nordpass.test",
        "https://nordpass.test/?token=hunter2",
        "https://nordpass.test/#hunter2",
        "https://nordpass.test:99999999",
        "https://[nordpass",
    ],
)
def test_an_address_that_is_not_https_is_refused_unquoted(private_key: str, address: str) -> None:
    with pytest.raises(InvalidSetting, match="NORDPASS_API_URL") as error:
        ProviderApi(address, msp_id=MSP, private_key=private_key)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("address", [f"{URL}/", f" {URL} ", URL.replace("https", "HTTPS")])
def test_an_address_may_end_in_a_slash(private_key: str, http: responses.RequestsMock, address: str) -> None:
    http.get(ORGANIZATIONS, json=EMPTY)
    with ProviderApi(address, msp_id=MSP, private_key=private_key) as api:
        assert api.organizations() == ()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_unusable_certificate_file_is_refused_by_name(private_key: str, tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(InvalidSetting, match=rf"{bundle} .*NORDPASS_CA_BUNDLE"):
        ProviderApi(URL, msp_id=MSP, private_key=private_key, ca_bundle=bundle)
