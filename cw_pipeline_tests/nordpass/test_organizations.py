"""Organizations of the Provider API: listing and adding them."""

import pytest
import responses
from responses.matchers import header_matcher, json_params_matcher, query_param_matcher

from cw_pipeline.nordpass.errors import MalformedReport, Refused
from cw_pipeline.nordpass.models import NewOrganization, OrganizationStatus
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline_tests.nordpass.conftest import URL
from cw_pipeline_tests.nordpass.replies import organization, refusal

ORGANIZATIONS = f"{URL}/v1/organizations"
NEW = NewOrganization(
    name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email="it@acme.example"
)


def test_organizations_are_read_over_all_pages_and_sorted_by_id(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(ORGANIZATIONS, json={"items": [organization("b", status="Suspended")], "next_cursor": "x"})
    http.get(
        ORGANIZATIONS,
        json={"items": [organization("a", name="Ömer's „Büro“, 株式会社")], "next_cursor": None},
        match=[query_param_matcher({"cursor": "x"})],
    )
    first, second = api.organizations()
    assert (first.id, first.name, first.status) == ("a", "Ömer's „Büro“, 株式会社", OrganizationStatus.ACTIVE)
    assert (second.id, second.status) == ("b", OrganizationStatus.SUSPENDED)


def test_an_organization_listed_twice_is_malformed(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(ORGANIZATIONS, json={"items": [organization("a"), organization("a")], "next_cursor": None})
    with pytest.raises(MalformedReport, match="row 2, column 'id': expected each organization once, found 'a'"):
        api.organizations()


def test_an_unknown_status_is_malformed(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(ORGANIZATIONS, json={"items": [organization(status="Deleted")], "next_cursor": None})
    with pytest.raises(MalformedReport, match="column 'status': expected Active or Suspended, found 'Deleted'"):
        api.organizations()


def test_an_organization_is_added_with_its_idempotency_key(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.post(
        ORGANIZATIONS,
        status=201,
        json=organization("new-1"),
        match=[
            header_matcher({"Idempotency-Key": "key-1", "Content-Type": "application/json"}),
            json_params_matcher(
                {
                    "name": "Acme",
                    "plan": "Business",
                    "license_type": "Standard",
                    "contact_email": "it@acme.example",
                }
            ),
        ],
    )
    assert api.add_organization(NEW, idempotency_key="key-1").id == "new-1"


def test_a_country_is_sent_when_it_is_given(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.post(
        ORGANIZATIONS,
        status=201,
        json=organization("new-1"),
        match=[json_params_matcher({"country": "LT"}, strict_match=False)],
    )
    assert api.add_organization(NEW.model_copy(update={"country": "LT"}), idempotency_key="key-1").id == "new-1"


@pytest.mark.parametrize(("field", "value"), [("name", "Other"), ("plan", "Enterprise"), ("license_type", "Trial")])
def test_a_reply_that_shows_another_organization_is_no_success(
    api: ProviderApi, http: responses.RequestsMock, field: str, value: str
) -> None:
    http.post(ORGANIZATIONS, status=201, json=organization() | {field: value})
    with pytest.raises(MalformedReport, match=f"column '{field}'.*found '{value}'"):
        api.add_organization(NEW, idempotency_key="key-1")


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refused_organization_keeps_nordpass_s_words(
    api: ProviderApi, http: responses.RequestsMock, status: int
) -> None:
    http.post(ORGANIZATIONS, status=status, json=refusal())
    with pytest.raises(Refused, match="The plan is not for sale") as error:
        api.add_organization(NEW, idempotency_key="key-1")
    assert (error.value.status, error.value.code, error.value.is_transient) == (status, "invalid_plan", False)
    assert len(http.calls) == 1


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "ключ", "x" * 256])
def test_an_unusable_idempotency_key_is_never_sent(api: ProviderApi, key: str) -> None:
    with responses.RequestsMock() as http, pytest.raises(ValueError, match="idempotency key"):
        api.add_organization(NEW, idempotency_key=key)
    assert len(http.calls) == 0
