"""The HTTP session: what is sent with every request, and whom it trusts."""

from __future__ import annotations

import ipaddress
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from cw_pipeline.connectwise.credentials import Hidden

if TYPE_CHECKING:
    from cw_pipeline.connectwise.credentials import Credentials

API_VERSION = "2025.1"
"""The version of ConnectWise's interface that this package was written for."""


def open_session(credentials: Credentials, origin: str, *, pool_size: int) -> requests.Session:
    """A session that repeats nothing by itself, keeps no cookies, and takes from the environment only the proxy.

    `trust_env` is off because requests would otherwise replace our credentials by those of a netrc file, and our
    certificate authority by one from the environment. A proxy (HTTPS_PROXY, NO_PROXY) is honoured but for this very
    machine; it sees no credentials, since the encryption goes through it.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = str(credentials.ca_bundle) if credentials.ca_bundle else True
    session.proxies = {} if _is_this_machine(origin) else _hidden_proxies(origin)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(
        {
            "Accept": f"application/vnd.connectwise.com+json; version={API_VERSION}",
            "Content-Type": "application/json",
            "User-Agent": "cw-pipeline",
            "clientId": Hidden(credentials.client_id),
        }
    )
    session.mount("https://", HTTPAdapter(max_retries=0, pool_maxsize=pool_size))
    return session


def _hidden_proxies(origin: str) -> dict[str, str]:
    """The environment's proxies; the address of one may hold a password."""
    return {scheme: Hidden(address) for scheme, address in get_environ_proxies(origin).items()}


def _is_this_machine(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
