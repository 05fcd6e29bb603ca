"""What a sign-in cookie says: the same signature, salt and age as quart-auth's own check.

For the gateway, which has no Quart. A test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from binascii import a2b_base64
from typing import Any

import orjson
from itsdangerous import BadData
from quart_auth import QuartAuth
from quart_auth.extension import DEFAULTS

from notifier.settings import Settings
from notifier.sign_ins import REMEMBERED_SECONDS

COOKIE = "notifier"
# A signed cookie of ours has about 170 characters: what is much longer was not made by us, and
# its signature need not be computed.
TOKEN_MAX_CHARACTERS = 512
# The two letters of base64 that are others in addresses.
_PLAIN = bytes.maketrans(b"-_", b"+/")


def cookie_name(settings: Settings, name: str = COOKIE) -> str:
    """`__Host-` makes a browser refuse the cookie from anywhere but this very host, over TLS."""
    return f"__Host-{name}" if settings.https else name


class CookieReader:
    """Reads the `auth_id` out of signed cookies."""

    def __init__(self, settings: Settings) -> None:
        keys = [*settings.old_secret_keys, settings.secret_key]
        self._serializer = QuartAuth.serializer_class(keys, str(DEFAULTS["QUART_AUTH_SALT"]))
        signer = self._serializer.make_signer(self._serializer.salt)
        # Begun once with each key, the newest first. itsdangerous derives its keys and makes its
        # objects for every cookie anew, which was a quarter of what a stream's beginning cost.
        self._begun = [
            hmac.new(signer.derive_key(key), digestmod=hashlib.sha512)
            for key in reversed(signer.secret_keys)
        ]

    def auth_id(self, token: str) -> str | None:
        """The `auth_id` in a cookie's value; None if it was not signed by us or is too old."""
        if len(token) > TOKEN_MAX_CHARACTERS:
            return None
        signed, _, signature = token.encode("utf-8", "replace").rpartition(b".")
        try:
            if not self._is_ours(signed, _decoded(signature)):
                return None
            payload, _, stamp = signed.rpartition(b".")
            signed_at = int.from_bytes(_decoded(stamp))
            value = self._loaded(payload)
        except (BadData, ValueError):
            return None
        # Not the library's own look at the age: it refuses what was signed in the future, so that
        # a clock set back by an hour would sign out whoever came in that hour. That we signed it
        # is certain, and how long it holds stands in the table too.
        if time.time() - signed_at > REMEMBERED_SECONDS:
            return None
        return value if isinstance(value, str) else None

    def _is_ours(self, signed: bytes, signature: bytes) -> bool:
        for begun in self._begun:
            code = begun.copy()
            code.update(signed)
            if hmac.compare_digest(code.digest(), signature):
                return True
        return False

    def _loaded(self, payload: bytes) -> Any:
        """What was signed."""
        try:
            return orjson.loads(_decoded(payload))
        except ValueError:
            # Compressed, or of another make: the library knows.
            return self._serializer.load_payload(payload)


def _decoded(text: bytes) -> bytes:
    """As itsdangerous writes it: base64 for addresses, without its padding.

    What `base64.urlsafe_b64decode` does, which looks at its arguments for twice as long.
    """
    return a2b_base64(text.translate(_PLAIN) + b"=" * (-len(text) % 4))
