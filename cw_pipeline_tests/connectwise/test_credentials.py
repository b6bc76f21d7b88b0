"""Site addresses and credentials are checked before anything is sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import trustme

from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.connectwise.errors import InvalidConfiguration
from cw_pipeline.connectwise.sites import api_origin, web_origin
from cw_pipeline_tests.connectwise.conftest import CREDENTIALS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("site_url", "origin"),
    [
        ("https://na.myconnectwise.net", "https://api-na.myconnectwise.net"),
        ("https://api-na.myconnectwise.net/", "https://api-na.myconnectwise.net"),
        (" https://EU.MyConnectWise.net:443 ", "https://api-eu.myconnectwise.net"),
        ("https://staging.connectwisedev.com", "https://api-staging.connectwisedev.com"),
        ("https://sandbox-na.myconnectwise.net", "https://api-sandbox-na.myconnectwise.net"),
        ("https://psa.example.com", "https://psa.example.com"),
        ("https://psa.example.com:8443/", "https://psa.example.com:8443"),
        ("https://localhost:4711", "https://localhost:4711"),
        ("https://[::1]:4711", "https://[::1]:4711"),
        ("https://myconnectwise.net.example.com", "https://myconnectwise.net.example.com"),
    ],
)
def test_a_site_url_becomes_the_origin_of_its_api(site_url: str, origin: str) -> None:
    assert api_origin(site_url) == origin


@pytest.mark.parametrize(
    "site_url",
    [
        "",
        "na.myconnectwise.net",
        "http://na.myconnectwise.net",
        "HTTP://psa.example.com",
        "ftp://psa.example.com",
        "https://",
        "https://user:SECRET@psa.example.com",
        "https://psa.example.com/v4_6_release/SECRET",
        "https://psa.example.com?key=SECRET",
        "https://psa.example.com/?",
        "https://psa.example.com#SECRET",
        "https://psa.example.com:99999",
        "https://psa.example.com:port",
        "https://na.myconnectwise.net:8443",
        "https://psa example.com",
        "https://na.myconnectwise.net.",
        "https://.myconnectwise.net",
        "https://psa.example.com%2fSECRET",
        "https://psa.example.com;SECRET",
        "https://psa.example.com\\SECRET",
        "https://psa.example.com\x00",
        "https://SECRET@psa.example.com@na.myconnectwise.net",
        "https://psä.example.com",
        "https://psa.example.com:0",
        "https://psa..example.com",
        "https://[::1",
    ],
)
def test_only_a_plain_https_site_url_is_accepted_and_never_echoed(site_url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="CONNECTWISE_SITE_URL") as raised:
        ConnectWiseClient(dataclasses.replace(CREDENTIALS, site_url=site_url))
    assert "SECRET" not in str(raised.value)


def test_people_open_agreements_on_the_host_of_the_web_pages() -> None:
    cloud = dataclasses.replace(CREDENTIALS, site_url="https://na.myconnectwise.net", company_id="a&b")
    assert ConnectWiseClient(cloud).agreement_url(7) == (
        "https://na.myconnectwise.net/v4_6_release/services/system_io/router/openrecord.rails"
        "?recordType=AgreementFV&recid=7&companyName=a%26b"
    )
    assert web_origin("https://api-psa.example.com:8443") == "https://api-psa.example.com:8443"


def test_no_key_is_in_the_representation() -> None:
    shown = repr(CREDENTIALS)
    assert "psa.example.com" in shown
    assert not [key for key in (CREDENTIALS.public_key, CREDENTIALS.private_key, CREDENTIALS.client_id) if key in shown]


@pytest.mark.parametrize("name", ["company_id", "public_key", "private_key", "client_id"])
@pytest.mark.parametrize("value", ["", " ", "SECRET\n", "SEC\r\nRET", " SECRET"])
def test_a_credential_that_cannot_be_sent_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(InvalidConfiguration, match=f"CONNECTWISE_{name.upper()}") as raised:
        dataclasses.replace(CREDENTIALS, **{name: value})
    assert "SEC" not in str(raised.value)


def test_a_ca_bundle_must_hold_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    with pytest.raises(InvalidConfiguration, match="CONNECTWISE_CA_BUNDLE"):
        dataclasses.replace(CREDENTIALS, ca_bundle=bundle)
    bundle.write_text("no certificate")
    with pytest.raises(InvalidConfiguration, match="CONNECTWISE_CA_BUNDLE"):
        dataclasses.replace(CREDENTIALS, ca_bundle=bundle)
    trustme.CA().cert_pem.write_to_path(str(bundle))
    assert dataclasses.replace(CREDENTIALS, ca_bundle=bundle).ca_bundle == bundle
