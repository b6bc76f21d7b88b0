"""The API member's credentials: checked before anything is sent, and kept out of messages."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

from cw_pipeline.connectwise.errors import InvalidConfiguration
from cw_pipeline.https.safe_text import Hidden
from cw_pipeline.https.sending import ca_bundle_fault

_SETTINGS = {
    "company_id": "CONNECTWISE_COMPANY_ID",
    "public_key": "CONNECTWISE_PUBLIC_KEY",
    "private_key": "CONNECTWISE_PRIVATE_KEY",
    "client_id": "CONNECTWISE_CLIENT_ID",
}


@dataclass(frozen=True)
class Credentials:
    """An API member, and the site of its company.

    Attributes:
        site_url: See `sites.api_origin` for what is accepted.
        company_id: The company id that people type when they log in.
        client_id: The integration's GUID from ConnectWise's developer site.
        ca_bundle: PEM file of the certificate authorities to trust instead of the public ones.

    Raises:
        InvalidConfiguration: A value is empty or cannot be sent, or the CA bundle cannot be read.
    """

    site_url: str
    company_id: str
    public_key: str = field(repr=False)
    private_key: str = field(repr=False)
    client_id: str = field(repr=False)
    ca_bundle: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what would fail in the HTTP library, whose message would quote it."""
        for name, setting in _SETTINGS.items():
            value: str = getattr(self, name)
            if not value or value != value.strip() or not value.isprintable():
                raise InvalidConfiguration(
                    f"{setting} is empty, or has spaces or line breaks around it. Set it to the value and nothing else."
                )
        if not self.client_id.isascii():
            raise InvalidConfiguration("CONNECTWISE_CLIENT_ID is not a client id: it has characters beyond ASCII.")
        if self.ca_bundle is not None and (fault := ca_bundle_fault(self.ca_bundle)):
            raise InvalidConfiguration(
                f"CONNECTWISE_CA_BUNDLE names {self.ca_bundle}, which cannot be read as certificates: {fault}. "
                "Set it to a PEM file of the certificate authority that signed the site's certificate, or leave it out."
            )

    def authorization(self) -> Hidden:
        """The value of the Authorization header."""
        member = f"{self.company_id}+{self.public_key}:{self.private_key}"
        return Hidden("Basic " + base64.b64encode(member.encode()).decode("ascii"))

    def redact(self, text: str) -> str:
        """Replace every secret in a text that was received."""
        for secret in (self.authorization().removeprefix("Basic "), self.private_key, self.public_key, self.client_id):
            text = text.replace(secret, "***")
        return text
