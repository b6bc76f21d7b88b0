"""What happens on a real TLS connection, which may break, hang, or lead to somebody else."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from cw_pipeline.nordpass import transport as module
from cw_pipeline.nordpass.errors import Unreachable, UntrustedCertificate
from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline_tests.nordpass.conftest import MSP
from cw_pipeline_tests.nordpass.scripted_server import (
    Handler,
    Server,
    answer_added,
    answer_empty,
    cut_short,
    drop,
    hang,
)

NEW = NewOrganization(
    name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email="it@acme.example"
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "BOUNDS", replace(module.BOUNDS, connect_seconds=2.0, read_seconds=0.2))
    with Server(authority) as running:
        yield running


@pytest.fixture
def real_api(server: Server, authority: trustme.CA, private_key: str, tmp_path: Path) -> Iterator[ProviderApi]:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with ProviderApi(
        server.url, msp_id=MSP, private_key=private_key, ca_bundle=bundle, sleep=lambda _seconds: None
    ) as api:
        yield api


def test_a_server_on_this_machine_is_reached_without_a_proxy(
    server: Server, authority: trustme.CA, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:9")
    server.script = [answer_empty]
    with ProviderApi(server.url, msp_id=MSP, private_key=private_key, ca_bundle=bundle) as api:
        assert api.organizations() == ()


@pytest.mark.parametrize("failure", [drop, hang])
def test_a_read_is_repeated_when_the_connection_breaks_or_nothing_comes(
    server: Server, real_api: ProviderApi, failure: Callable[[Handler], None]
) -> None:
    server.script = [failure, answer_empty]
    assert real_api.organizations() == ()
    assert len({headers["Authorization"] for headers in server.seen}) == 2


@pytest.mark.parametrize("failure", [drop, hang])
def test_an_addition_is_repeated_with_its_idempotency_key(
    server: Server, real_api: ProviderApi, failure: Callable[[Handler], None]
) -> None:
    server.script = [failure, answer_added]
    assert real_api.add_organization(NEW, idempotency_key="key-1").id == "org-1"
    assert [headers["Idempotency-Key"] for headers in server.seen] == ["key-1", "key-1"]


@pytest.mark.parametrize("failure", [drop, hang, cut_short])
def test_a_reply_that_never_comes_whole_is_unreachable_and_transient(
    server: Server, real_api: ProviderApi, failure: Callable[[Handler], None]
) -> None:
    server.script = [failure] * 4
    with pytest.raises(Unreachable, match=r"GET https://localhost:\d+/v1/organizations: .*NORDPASS_API_URL") as error:
        real_api.organizations()
    assert error.value.is_transient


def test_a_reply_that_breaks_off_is_not_asked_for_again(server: Server, real_api: ProviderApi) -> None:
    server.script = [cut_short, answer_added]
    with pytest.raises(Unreachable, match="the reply was cut short"):
        real_api.add_organization(NEW, idempotency_key="key-1")
    assert len(server.seen) == 1


def test_a_host_that_does_not_listen_is_unreachable(server: Server, real_api: ProviderApi) -> None:
    server.socket.close()
    with pytest.raises(Unreachable, match=r"NORDPASS_API_URL"):
        real_api.organizations()


def test_a_certificate_of_an_unknown_authority_is_never_accepted(
    server: Server, private_key: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for bundle in (None, other):
        with (
            ProviderApi(server.url, msp_id=MSP, private_key=private_key, ca_bundle=bundle) as api,
            pytest.raises(UntrustedCertificate, match="NORDPASS_CA_BUNDLE") as error,
        ):
            api.organizations()
        assert not error.value.is_transient
    assert server.seen == []


def test_the_environment_cannot_replace_the_configured_authority(
    server: Server, authority: trustme.CA, private_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment, configured = tmp_path / "environment.pem", tmp_path / "configured.pem"
    authority.cert_pem.write_to_path(str(environment))
    trustme.CA().cert_pem.write_to_path(str(configured))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(environment))
    with (
        ProviderApi(server.url, msp_id=MSP, private_key=private_key, ca_bundle=configured) as api,
        pytest.raises(UntrustedCertificate),
    ):
        api.organizations()


def test_a_certificate_for_another_host_is_never_accepted(
    server: Server, authority: trustme.CA, private_key: str, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    address = server.url.replace("localhost", "127.0.0.1")
    with (
        ProviderApi(address, msp_id=MSP, private_key=private_key, ca_bundle=bundle) as api,
        pytest.raises(UntrustedCertificate),
    ):
        api.organizations()
