"""Which address a request comes from, in the unit in which addresses are handed out."""

from __future__ import annotations

import ipaddress

# A household or a phone gets at least this much of IPv6, and may use any address within it.
IPV6_PREFIX = 64
# Longer than any address: what a proxy passes on is not trusted to be one.
ADDRESS_MAX_CHARACTERS = 64


def seen_from(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """The address behind `peer`, the other end of the connection.

    `forwarded` is the `X-Forwarded-For` header; it is believed only as far as our own
    `trusted_proxies` wrote it, counted from its end.
    """
    named = forwarded.split(",") if trusted_proxies else []
    if named and len(named) >= trusted_proxies:
        peer = named[-trusted_proxies].strip()
    try:
        ip = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:ADDRESS_MAX_CHARACTERS]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
    return str(ip)
