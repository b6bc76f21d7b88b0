from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cw_pipeline.nordpass.provider_api import ProviderApi

URL = "https://nordpass.test/api"
MSP = "msp-7"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def private_key() -> str:
    return pem_of(rsa_key())


@pytest.fixture
def waits() -> list[float]:
    """How long it was waited before each repetition, without waiting."""
    return []


@pytest.fixture
def api(private_key: str, waits: list[float]) -> Iterator[ProviderApi]:
    with ProviderApi(URL, msp_id=MSP, private_key=private_key, sleep=waits.append) as provider_api:
        yield provider_api


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
