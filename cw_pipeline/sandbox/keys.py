"""The sandbox's certificate authority, its server certificate, and the MSP's NordPass key pair."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

_NAMES = ("localhost", "127.0.0.1", "::1")


class Keys(NamedTuple):
    """PEM files that only their owner can read.

    Attributes:
        ca_bundle: The certificate authority that clients have to trust.
        server_certificate: The server's certificate chain with its private key.
        nordpass_private_key: Signs the MSP's requests to NordPass.
        nordpass_public_key: Verifies them.
    """

    ca_bundle: Path
    server_certificate: Path
    nordpass_private_key: Path
    nordpass_public_key: Path

    def load_nordpass_public_key(self) -> RSAPublicKey:
        """Read the public key."""
        key = load_pem_public_key(self.nordpass_public_key.read_bytes())
        if not isinstance(key, RSAPublicKey):
            raise TypeError(f"{self.nordpass_public_key} does not hold an RSA key; delete the folder to start afresh")
        return key


def keys_in(folder: Path) -> Keys:
    """The keys in `folder`, which are made the first time."""
    files = ("ca.pem", "server.pem", "nordpass_private_key.pem", "nordpass_public_key.pem")
    keys = Keys(*(folder / file for file in files))
    folder.mkdir(parents=True, exist_ok=True)
    # It is written last, so the others exist too.
    if not keys.nordpass_public_key.exists():
        _make(keys)
    return keys


@cache
def temporary_keys() -> Keys:
    """Keys for this process only, shared by its sandboxes: making them is the slowest part of a start."""
    folder = Path(tempfile.mkdtemp(prefix="cw-sandbox-keys-"))
    atexit.register(shutil.rmtree, folder)
    return keys_in(folder)


def _make(keys: Keys) -> None:
    authority = trustme.CA(organization_name="cw_pipeline sandbox")
    certificate = authority.issue_cert(*_NAMES)
    _write(keys.ca_bundle, authority.cert_pem.bytes())
    _write(keys.server_certificate, certificate.private_key_and_cert_chain_pem.bytes())
    private_key = generate_private_key(public_exponent=65537, key_size=2048)
    _write(keys.nordpass_private_key, private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public_pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write(keys.nordpass_public_key, public_pem)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
