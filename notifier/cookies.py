"""What a sign-in cookie says: the same signature, salt and age as quart-auth's own check.

For the gateway, which has no Quart. A test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from itsdangerous import BadData, HMACAlgorithm, Signer
from itsdangerous.encoding import base64_decode, bytes_to_int
from quart_auth import QuartAuth
from quart_auth.extension import DEFAULTS

from notifier.settings import Settings
from notifier.sign_ins import REMEMBERED_SECONDS

COOKIE = "notifier"
# A signed cookie of ours has about 170 characters: what is much longer was not made by us, and
# its signature need not be computed.
TOKEN_MAX_CHARACTERS = 512


def cookie_name(settings: Settings, name: str = COOKIE) -> str:
    """`__Host-` makes a browser refuse the cookie from anywhere but this very host, over TLS."""
    return f"__Host-{name}" if settings.https else name


class _OneShotHmac(HMACAlgorithm):
    """The same HMAC, computed in one call of OpenSSL's."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha512")


class _Signer(Signer):
    """Derives each key once, as itsdangerous would for every cookie."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._derived: dict[str | bytes | None, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        derived = self._derived.get(secret_key)
        if derived is None:
            derived = self._derived[secret_key] = super().derive_key(secret_key)
        return derived


class CookieReader:
    """Reads the `auth_id` out of signed cookies."""

    def __init__(self, settings: Settings) -> None:
        # itsdangerous signs with the last key and believes them all.
        keys = [*settings.old_secret_keys, settings.secret_key]
        self._serializer = QuartAuth.serializer_class(keys, str(DEFAULTS["QUART_AUTH_SALT"]))
        # The serializer makes a signer for each cookie, and that derives its keys anew; one that
        # stays and remembers costs a quarter of it.
        self._signer = _Signer(
            keys,
            salt=self._serializer.salt,
            digest_method=hashlib.sha512,
            algorithm=_OneShotHmac(hashlib.sha512),
        )

    def auth_id(self, token: str) -> str | None:
        """The `auth_id` in a cookie's value; None if it was not signed by us or is too old."""
        if len(token) > TOKEN_MAX_CHARACTERS:
            return None
        try:
            payload, _, stamp = self._signer.unsign(token).rpartition(b".")
            signed_at = bytes_to_int(base64_decode(stamp))
            value = self._serializer.load_payload(payload)
        except BadData:
            return None
        # Not the library's own look at the age: it refuses what was signed in the future, so that
        # a clock set back by an hour would sign out whoever came in that hour. That we signed it
        # is certain, and how long it holds stands in the table too.
        if time.time() - signed_at > REMEMBERED_SECONDS:
            return None
        return value if isinstance(value, str) else None
