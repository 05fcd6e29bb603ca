"""A browser names where pushes go: never into our own network."""

from __future__ import annotations

import pytest

from notifier.errors import Refused
from notifier.push_addresses import check_endpoint, is_public


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def_1-2",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
        "https://web.push.apple.com/QGuQ",
        "https://wns2-par02p.notify.windows.com:443/w/?token=BQY%3d",
    ],
)
def test_the_push_services_are_taken(endpoint: str) -> None:
    assert check_endpoint(endpoint) == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "https://", "fcm", "http://fcm.googleapis.com/x", "ftp://push.example.org/",
        "https://localhost/x", "https://redis/x", "https://127.0.0.1/x", "https://10.1.2.3/x",
        "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://169.254.169.254/latest",
        "https://192.168.0.1/", "https://0x7f000001/x", "https://2130706433/x", "https://127.1/x",
        "https://user:secret@push.example.org/x", "https://push.example.org:6379/x",
        "https://printer.local/x", "https://vault.internal/x", "https://push.example.org/#x",
        "https://push.example.org/a b", "https://push.example.org/\n", "https://pu\u00dfh.org/",
        "https://push.example.org/" + "x" * 1000, "https://[::1", "https://push.example.org:99999/",
        "https://fe80::1%25eth0/",
    ],
)  # fmt: skip
def test_everything_else_is_refused(endpoint: str) -> None:
    with pytest.raises(Refused):
        check_endpoint(endpoint)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("142.250.74.10", True), ("2a00:1450:4001::200a", True), ("127.0.0.1", False),
        ("10.0.0.1", False), ("100.64.0.1", False), ("::1", False), ("fe80::1%eth0", False),
        ("fd00::1", False), ("::ffff:10.0.0.1", False), ("224.0.0.1", False), ("0.0.0.0", False),
        ("2002:7f00:1::", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_addresses_of_ones_own_network_are_not_public(address: str, public: bool) -> None:
    assert is_public(address) is public
