"""What is a link and what stays text: examples that the server and the script must agree on."""

from __future__ import annotations

# A text, and the addresses in it that become links.
EXAMPLES: list[tuple[str, list[str]]] = [
    ("see https://example.org", ["https://example.org"]),
    ("See https://example.org/a?b=c&d=e#f.", ["https://example.org/a?b=c&d=e#f"]),
    ("(http://example.org/a)", ["http://example.org/a"]),
    ("https://example.org/wiki/A_(b), really!", ["https://example.org/wiki/A_(b)"]),
    ("HTTPS://EXAMPLE.ORG/X", ["HTTPS://EXAMPLE.ORG/X"]),
    ("https://one.example https://two.example", ["https://one.example", "https://two.example"]),
    ("https://пример.example/путь", ["https://пример.example/путь"]),
    ("<https://example.org>", ["https://example.org"]),
    ('"https://example.org"', ["https://example.org"]),
    # No link: another scheme, no host, somebody who poses as a host, a bare name.
    ("javascript:alert(1)", []),
    ("javascript://example.org/%0aalert(1)", []),
    ("data:text/html,x ftp://example.org mailto:a@example.org", []),
    ("https:// http://", []),
    ("https://bank.example@evil.example/", []),
    ("example.org www.example.org", []),
    ("xhttps://example.org", []),
    # What turns the direction of writing ends the address.
    ("https://example.org/\u202egpj.exe", ["https://example.org/"]),
    ("<script>alert(1)</script> & <b>", []),
]
