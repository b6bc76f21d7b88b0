"""Against a NordPass that is stricter, or speaks otherwise, than the assumed contract needs it to be."""

from collections.abc import Iterator
from datetime import date

import pytest

from cw_pipeline.nordpass.errors import AuthenticationFailed, Refused, UnknownMonth
from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.nordpass.state import ErrorFormat
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.conftest import MSP
from cw_pipeline_tests.support.fake_msp import open_nordpass

NEW = NewOrganization(
    name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email="it@acme.example"
)
FORMATS = pytest.mark.parametrize("error_format", ["assumed", "problem"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 4, 1)) as running:
        yield running


@pytest.fixture
def real_api(sandbox: Sandbox) -> Iterator[ProviderApi]:
    with open_nordpass(sandbox.environment()) as api:
        assert isinstance(api, ProviderApi)
        yield api
    sandbox.faults.clear()


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.STATUS])
def test_a_server_that_refuses_a_token_it_has_seen_answers_the_repetition(
    sandbox: Sandbox, real_api: ProviderApi, kind: FaultKind
) -> None:
    sandbox.faults.add(kind, method="GET", path="/usage/", times=1, status=503, written=True)
    assert real_api.monthly_usage(Month(2026, 3)).rows
    sandbox.faults.add(kind, method="POST", times=1, status=503, written=True)
    before = len(sandbox.nordpass.organizations())
    added = real_api.add_organization(NEW, idempotency_key=f"key-{kind}")
    assert added.id in {record["id"] for record in sandbox.nordpass.organizations()}
    assert len(sandbox.nordpass.organizations()) == before + 1


@FORMATS
def test_an_unknown_month_is_named_in_either_form(
    sandbox: Sandbox, real_api: ProviderApi, error_format: ErrorFormat
) -> None:
    sandbox.nordpass.set_error_format(error_format)
    with pytest.raises(
        UnknownMonth,
        match=r"^NordPass has no usage for 2019-01 \(HTTP 404: there is no usage report for 2019-01\)\. If",
    ):
        real_api.monthly_usage(Month(2019, 1))


@FORMATS
def test_a_refusal_keeps_nordpass_s_words_in_either_form(
    sandbox: Sandbox, real_api: ProviderApi, error_format: ErrorFormat
) -> None:
    sandbox.nordpass.set_error_format(error_format)
    with pytest.raises(Refused, match=r"An MSP has one organization that is not for resale\."):
        real_api.add_organization(NEW.model_copy(update={"license_type": LicenseType.NFR}), idempotency_key="nfr")
    environment = {**sandbox.environment(), "NORDPASS_MSP_ID": MSP}
    with open_nordpass(environment) as stranger, pytest.raises(AuthenticationFailed, match=r"The token is not valid"):
        stranger.organizations()
