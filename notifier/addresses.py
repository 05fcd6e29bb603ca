"""Which address a request comes from, in the unit in which addresses are handed out; and how many
streams each of them has."""

from __future__ import annotations

import ipaddress
from collections import Counter

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


class Addresses:
    """The streams that each address has open in this process, up to `most`; 0 for no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: Counter[str] = Counter()

    def has_room(self, address: str) -> bool:
        """Whether one more may be opened from there."""
        return not self._most or self._streams.get(address, 0) < self._most

    def take(self, address: str) -> None:
        """A stream begins; its place is given back when it is over."""
        self._streams[address] += 1

    def give_back(self, address: str) -> None:
        """A stream is over: an address with none is not remembered."""
        self._streams[address] -= 1
        if not self._streams[address]:
            del self._streams[address]
