"""Site URLs: HTTPS only, and on the API's host if ConnectWise hosts the site."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Literal
from urllib.parse import quote, urlsplit

from cw_pipeline.connectwise.errors import InvalidConfiguration

_CLOUD_DOMAINS = (".myconnectwise.net", ".connectwisedev.com")
_API_PREFIX = "api-"
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*")


def api_origin(site_url: str) -> str:
    """The HTTPS origin of the site's API.

    A host of ConnectWise's cloud is accepted with or without `api-`, and gets it. Any other host is an on-premise site
    and stays as it is, port included.

    Raises:
        InvalidConfiguration: It is not HTTPS, has no host, or has anything beside scheme, host and port.
    """
    text = site_url.strip()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _invalid("cannot be read as an address") from error
    if parts.scheme != "https":
        raise _invalid("does not begin with https://, and keys are never sent unencrypted")
    if parts.username is not None or parts.password is not None:
        raise _invalid("has credentials in it; the keys have settings of their own")
    if not host or port == 0 or any(character.isspace() for character in text) or not _is_host(host):
        raise _invalid("has no usable host name, written in ASCII, or no usable port")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise _invalid("has a path, query or fragment after the host; leave out everything behind the host name")
    if host.endswith(_CLOUD_DOMAINS):
        if port not in {None, 443}:
            raise _invalid("has a port; ConnectWise's cloud hosts take none")
        return f"https://{_API_PREFIX}{host.removeprefix(_API_PREFIX)}"
    bracketed = f"[{host}]" if ":" in host else host
    return f"https://{bracketed}" if port in {None, 443} else f"https://{bracketed}:{port}"


def _is_host(text: str) -> bool:
    """Whether the text is a host's name or address, which no library reads differently."""
    if ":" not in text:
        return _HOST_NAME.fullmatch(text) is not None
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def web_origin(origin: str) -> str:
    """The origin of the site's web pages, by that of its API."""
    host = origin.removeprefix("https://")
    return f"https://{host.removeprefix(_API_PREFIX)}" if host.endswith(_CLOUD_DOMAINS) else origin


def record_url(origin: str, company_id: str, record_type: Literal["AgreementFV", "CompanyFV"], number: int) -> str:
    """A link to a record in the site's web pages, for people who are logged in.

    ConnectWise does not document it, but public integrations use it for hosted and for on-premise sites.
    """
    return (
        f"{web_origin(origin)}/v4_6_release/services/system_io/router/openrecord.rails"
        f"?recordType={record_type}&recid={number}&companyName={quote(company_id, safe='')}"
    )


def _invalid(why: str) -> InvalidConfiguration:
    """The message leaves the URL out, because it may contain a key."""
    return InvalidConfiguration(
        f"The site URL {why}. Set CONNECTWISE_SITE_URL to the site's address and nothing else, for example "
        "https://na.myconnectwise.net."
    )
