"""The sandbox's certificate authority, its server certificate, and the MSP's NordPass key pair."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


@dataclass(frozen=True)
class Keys:
    """PEM files in one folder, readable by their owner only."""

    folder: Path

    @property
    def ca_bundle(self) -> Path:
        """The certificate authority that clients have to trust."""
        return self.folder / "ca.pem"

    @property
    def server_certificate(self) -> Path:
        """The server's certificate chain with its private key."""
        return self.folder / "server.pem"

    @property
    def nordpass_private_key(self) -> Path:
        """The key that signs the MSP's requests to NordPass."""
        return self.folder / "nordpass_private_key.pem"

    @property
    def nordpass_public_key(self) -> Path:
        """The key that verifies them."""
        return self.folder / "nordpass_public_key.pem"

    def load_nordpass_public_key(self) -> RSAPublicKey:
        """Read the public key."""
        key = load_pem_public_key(self.nordpass_public_key.read_bytes())
        if not isinstance(key, RSAPublicKey):
            raise TypeError(f"{self.nordpass_public_key} does not hold an RSA key; delete the folder to start afresh")
        return key


def keys_in(folder: Path) -> Keys:
    """The keys in `folder`, which are made the first time."""
    keys = Keys(folder)
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
