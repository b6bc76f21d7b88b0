import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record, loads

TODAY = date(2026, 4, 1)


@dataclass
class Api:
    """A bare client of either service."""

    base: str
    session: requests.Session

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: str | int) -> requests.Response:
        return self.session.get(self.base + path, params=query, headers=headers, timeout=10)

    def rows(self, path: str, **query: str | int) -> list[Record]:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return document(response)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> requests.Response:
        return self.session.post(self.base + path, json=body, headers=headers, timeout=10)

    def patch(self, path: str, body: object) -> requests.Response:
        return self.session.patch(self.base + path, json=body, timeout=10)

    def send(self, method: str, path: str) -> requests.Response:
        return self.session.request(method, self.base + path, json={}, timeout=10)


def document(response: requests.Response) -> Any:  # noqa: ANN401 - any JSON
    return loads(response.content)


def new_session(sandbox: Sandbox) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(sandbox.ca_bundle)
    return session


def connectwise_api(sandbox: Sandbox) -> Api:
    environment = sandbox.environment()
    session = new_session(sandbox)
    member = f"{environment['CONNECTWISE_COMPANY_ID']}+{environment['CONNECTWISE_PUBLIC_KEY']}"
    session.auth = (member, environment["CONNECTWISE_PRIVATE_KEY"])
    session.headers["clientId"] = environment["CONNECTWISE_CLIENT_ID"]
    return Api(f"{sandbox.url}/v4_6_release/apis/3.0", session)


def nordpass_token(sandbox: Sandbox, **changes: object) -> str:
    environment = sandbox.environment()
    now = datetime.now(UTC)
    claims = {
        "iss": environment["NORDPASS_MSP_ID"],
        "sub": environment["NORDPASS_MSP_ID"],
        "aud": "nordpass-provider-api",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": str(uuid.uuid4()),
        **changes,
    }
    key = Path(environment["NORDPASS_PRIVATE_KEY_FILE"]).read_text(encoding="ascii")
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm="RS256")


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    """A sandbox that tests only read."""
    with Sandbox(today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def reader(shared: Sandbox) -> Iterator[Api]:
    api = connectwise_api(shared)
    with api.session:
        yield api


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    api = connectwise_api(sandbox)
    with api.session:
        yield api


@pytest.fixture
def nordpass(sandbox: Sandbox) -> Iterator[Api]:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {nordpass_token(sandbox)}"
        return request

    session = new_session(sandbox)
    session.auth = sign
    with session:
        yield Api(sandbox.nordpass_url, session)


@pytest.fixture
def connectwise(sandbox: Sandbox) -> ConnectWise:
    return sandbox.connectwise
