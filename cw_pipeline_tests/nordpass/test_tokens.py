import re
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from cw_pipeline.nordpass.errors import InvalidSetting
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline_tests.nordpass.conftest import MSP, URL, pem_of, rsa_key


def claims_of(call: responses.Call) -> dict[str, Any]:
    token = str(call.request.headers["Authorization"]).removeprefix("Bearer ")
    return jwt.decode(token, rsa_key().public_key(), algorithms=["RS256"], audience="nordpass-provider-api")


def test_every_request_carries_a_token_with_the_assumed_claims(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(f"{URL}/v1/organizations", json={"items": [], "next_cursor": "2"})
    http.get(f"{URL}/v1/organizations", json={"items": [], "next_cursor": None})
    api.organizations()
    claims = [claims_of(call) for call in http.calls]
    for claim in claims:
        assert set(claim) == {"iss", "sub", "aud", "iat", "exp", "jti"}
        assert (claim["iss"], claim["sub"]) == (MSP, MSP)
        assert claim["exp"] - claim["iat"] == 300
    assert claims[0]["jti"] != claims[1]["jti"]


def test_a_netrc_file_does_not_replace_the_token(
    api: ProviderApi,
    http: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    http.get(f"{URL}/v1/organizations", json={"items": [], "next_cursor": None})
    api.organizations()
    assert str(http.calls[0].request.headers["Authorization"]).startswith("Bearer ")


def test_a_repeated_request_carries_a_token_of_its_own(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(f"{URL}/v1/organizations", status=503)
    http.get(f"{URL}/v1/organizations", status=429)
    http.get(f"{URL}/v1/organizations", body=requests.ConnectionError())
    http.get(f"{URL}/v1/organizations", json={"items": [], "next_cursor": None})
    api.organizations()
    assert len({claims_of(call)["jti"] for call in http.calls}) == 4


def test_the_key_shows_nowhere(private_key: str) -> None:
    secret = private_key.splitlines()[3]
    with ProviderApi(URL, msp_id=MSP, private_key=private_key) as api:
        assert repr(api) == f"ProviderApi(msp_id='{MSP}')"
        assert secret not in repr(vars(api))


def elliptic_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encrypted_key() -> str:
    return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass")).decode()


def truncated_key() -> str:
    return pem_of(rsa_key())[:400]


def short_key() -> str:
    return pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024))


@pytest.mark.parametrize(
    "make", [elliptic_key, encrypted_key, truncated_key, short_key, str, lambda: "secret-but-no-pem", lambda: "\ud800"]
)
def test_an_unusable_key_is_refused_without_quoting_it(make: Callable[[], str]) -> None:
    pem = make()
    with pytest.raises(InvalidSetting, match="NORDPASS_PRIVATE_KEY") as error:
        ProviderApi(URL, msp_id=MSP, private_key=pem)
    assert not any(line in str(error.value) for line in pem.splitlines() if not re.match("-----", line))
    assert error.value.__cause__ is None
