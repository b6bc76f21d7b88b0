"""Which address a site URL means: HTTPS only, and the API's host where ConnectWise hosts the site."""

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
    """Return the HTTPS origin of the site's API.

    A host of ConnectWise's cloud is accepted with or without `api-`, and gets it. Any other host is a site on the
    customer's own premises and stays as it is, port included.

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
    """Whether the text is the name or address of a host and nothing else that a library might read otherwise."""
    if ":" not in text:
        return _HOST_NAME.fullmatch(text) is not None
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def web_origin(origin: str) -> str:
    """Return the origin of the web pages that people use, for an origin returned by `api_origin`."""
    host = origin.removeprefix("https://")
    return f"https://{host.removeprefix(_API_PREFIX)}" if host.endswith(_CLOUD_DOMAINS) else origin


def record_url(origin: str, company_id: str, record_type: Literal["AgreementFV", "CompanyFV"], number: int) -> str:
    """Return a link that opens a record in the web pages of a site, by its origin and the company id of the sign-in.

    ConnectWise does not document such links. This form is used by public integrations, for hosted and for on-premise
    sites; whoever follows it must be logged in to ConnectWise.
    """
    return (
        f"{web_origin(origin)}/v4_6_release/services/system_io/router/openrecord.rails"
        f"?recordType={record_type}&recid={number}&companyName={quote(company_id, safe='')}"
    )


def _invalid(why: str) -> InvalidConfiguration:
    """The URL itself stays out of the message, because it may contain a key."""
    return InvalidConfiguration(
        f"The site URL {why}. Set CONNECTWISE_SITE_URL to the site's address and nothing else, for example "
        "https://na.myconnectwise.net."
    )
