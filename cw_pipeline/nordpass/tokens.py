"""Short-lived tokens, signed with the MSP's private key. Their claims are part of the assumed contract."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cw_pipeline.https.safe_text import Hidden
from cw_pipeline.nordpass.errors import InvalidSetting

AUDIENCE: Final = "nordpass-provider-api"
LIFE: Final = timedelta(minutes=5)
_LEAST_KEY_BITS: Final = 2048
_WHAT_TO_DO: Final = (
    "Set NORDPASS_PRIVATE_KEY, or NORDPASS_PRIVATE_KEY_FILE, to the PEM text that the panel gave under "
    "Integrations, Provider API."
)


def token_maker(msp_id: str, private_key: str) -> Callable[[], str]:
    """Return a function that makes the value of the next request's Authorization header.

    Args:
        msp_id: The MSP's id.
        private_key: An RSA private key of at least 2048 bits, as unencrypted PEM text.

    Raises:
        InvalidSetting: The key cannot be used.
    """
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause may quote the key.
        raise InvalidSetting(f"The NordPass private key is not an unencrypted PEM private key. {_WHAT_TO_DO}") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _LEAST_KEY_BITS:
        raise InvalidSetting(f"The NordPass private key is not RSA of at least {_LEAST_KEY_BITS} bits. {_WHAT_TO_DO}")

    def authorization() -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": msp_id,
            "sub": msp_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFE,
            "jti": uuid4().hex,
        }
        return Hidden(f"Bearer {jwt.encode(claims, key, algorithm='RS256')}")

    return authorization
