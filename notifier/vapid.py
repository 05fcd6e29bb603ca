"""The key pair by which push services know this installation (VAPID, RFC 8292), as text.

Only `cryptography` is needed here, and only where somebody asks: a gateway never loads it.
"""

from __future__ import annotations

import base64

# A point on P-256 is 32 bytes.
KEY_BYTES = 32


def decoded(text: str) -> bytes:
    """The bytes of base64url without its padding. Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_private_key() -> str:
    """A fresh private key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return encoded(number.to_bytes(KEY_BYTES, "big"))


def public_key(private_key: str) -> str:
    """What browsers are given to subscribe with. Raises `ValueError` for what is no key."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = decoded(private_key)
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a private key has {KEY_BYTES} bytes")
    key = ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1()).public_key()
    return encoded(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
