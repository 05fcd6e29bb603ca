"""Where a push may be sent: a browser names the address, so it must not lead into our own network.

Checked twice: the address when a browser subscribes, and what its name resolves to at every
connection, or a name could be pointed elsewhere in between.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from notifier.errors import Refused

# Those of the large push services have some hundred characters.
ENDPOINT_MAX_CHARACTERS = 1_000
HTTPS_PORT = 443


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return (mapped or found).is_global and not found.is_multicast


def check_endpoint(endpoint: str, *, anywhere: bool = False) -> str:
    """`endpoint`, if a push may go there; with `anywhere` this machine too, for development.

    Raises `Refused`.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or len(endpoint) > ENDPOINT_MAX_CHARACTERS or not endpoint.isascii():
        raise Refused("This is no address of a push service.", field="endpoint")
    if not endpoint.isprintable() or " " in endpoint or parts.username or parts.fragment:
        raise Refused("This is no address of a push service.", field="endpoint")
    if anywhere and parts.scheme in {"http", "https"}:
        return endpoint
    if parts.scheme != "https" or port not in {None, HTTPS_PORT}:
        raise Refused("A push service is reached by https.", field="endpoint")
    # A name without a dot, and one of a local network, are nobody's on the internet.
    local = "." not in host.rstrip(".") or host.rstrip(".").endswith((".local", ".internal"))
    if _is_address(host) and is_public(host):
        return endpoint
    if local or _is_address(host) or host.rsplit(".", 1)[-1].isdecimal():
        raise Refused("A push service is on the internet, not here.", field="endpoint")
    return endpoint


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
