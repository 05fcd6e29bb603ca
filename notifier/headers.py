"""The headers that every answer of both doors carries, errors, files and streams too.

No page has an inline script or style, so the policy needs no exception; that is why pictures of
people are drawn with presentation attributes and scripts move things by the object model only.
"""

from __future__ import annotations

from notifier.settings import Settings, origin_of

HSTS_SECONDS = 365 * 24 * 3600


def policy(given: Settings) -> str:
    """The Content-Security-Policy; the only other place it may name is the streams' own."""
    streams = origin_of(given.stream_url)
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {streams}".strip(),
            "font-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def always(given: Settings) -> dict[str, str]:
    """What goes with every answer, whoever asked for whatever."""
    headers = {
        "Content-Security-Policy": policy(given),
        "X-Content-Type-Options": "nosniff",
        # For browsers that do not know frame-ancestors.
        "X-Frame-Options": "DENY",
        # Not "no-referrer": with it browsers send `Origin: null` with our own forms.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if given.https:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    return headers
