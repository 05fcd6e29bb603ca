"""The doctor on this machine and its settings: no network, no database."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from urllib.parse import urlsplit

from notifier.doctor.finding import Finding, good, note, wrong
from notifier.settings import Settings

# A random text of 16 characters has a dozen different ones; a word or a repeated key has few.
SECRET_DIFFERENT_MIN = 8
NEW_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105  A command.
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
# The database, Redis, the log: as gateway_process keeps free.
FILES_KEPT_FREE = 500


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that can be told without asking anybody."""
    yield _environment(settings)
    yield _secret(settings)
    yield _public_address(settings)
    yield _rate_limits(settings)
    yield _proxies(settings)
    yield _open_files(settings)
    yield _metrics(settings)
    yield _pushes(settings)


def _environment(settings: Settings) -> Finding:
    if settings.development:
        return note(
            "environment",
            "development: short keys are allowed and /metrics is open",
            "Leave NOTIFIER_ENV unset where people use it.",
        )
    return good("environment", "production")


def _secret(settings: Settings) -> Finding:
    different = len(set(settings.secret_key))
    if different < SECRET_DIFFERENT_MIN:
        return wrong(
            "secret key",
            f"only {different} different characters: it can be guessed",
            f"Set SECRET_KEY to a random text ({NEW_SECRET}); everybody signs in once more.",
        )
    kept = len(settings.old_secret_keys)
    return good("secret key", f"long enough{f', {kept} older one(s) still hold' if kept else ''}")


def _public_address(settings: Settings) -> Finding:
    what = "public address"
    parts = urlsplit(settings.public_url)
    if not settings.public_url:
        cure = "Set NOTIFIER_PUBLIC_URL to the address that people see, with https://."
        if settings.development:
            return note(what, "not set", cure)
        return wrong(what, "not set: cookies are not secure, and every Host is believed", cure)
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
        return wrong(
            what,
            f"{settings.public_url} is not encrypted: sign-ins travel in the open",
            "Put a proxy with TLS in front (deploy/) and set NOTIFIER_PUBLIC_URL to https://.",
        )
    return good(what, settings.public_url)


def _rate_limits(settings: Settings) -> Finding:
    if settings.limits_on:
        return good("rate limits", "on")
    return wrong(
        "rate limits",
        "off: passwords can be guessed as fast as they can be tried",
        "Leave NOTIFIER_RATE_LIMITS unset; off is for load tests.",
    )


def _proxies(settings: Settings) -> Finding:
    if settings.https and not settings.trusted_proxies:
        return wrong(
            "proxy",
            "the address is https://, so a proxy is in front, but none is trusted: "
            "everybody seems to come from it and shares its limits",
            "Set NOTIFIER_TRUSTED_PROXIES to the number of proxies in front (usually 1).",
        )
    return good("proxy", f"{settings.trusted_proxies} trusted")


def _open_files(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(0, hard - FILES_KEPT_FREE)
    if most < settings.streams_per_process:
        return wrong(
            "open files",
            f"{hard:,} at most, so a process holds {most:,} streams and not the "
            f"{settings.streams_per_process:,} of NOTIFIER_STREAMS_PER_PROCESS",
            "Raise the hard limit (LimitNOFILE= in the unit, ulimit -Hn), or lower the setting.",
        )
    return good("open files", f"{hard:,} for a process")


def _metrics(settings: Settings) -> Finding:
    if settings.metrics_bind or settings.metrics_token or settings.development:
        return good("metrics", settings.metrics_bind or "at /metrics")
    return note(
        "metrics",
        "closed: nobody can see how it is",
        "Set NOTIFIER_METRICS_BIND=127.0.0.1:9464 and let Prometheus or `notifier top` ask there.",
    )


def _pushes(settings: Settings) -> Finding:
    # That the key is one was checked when the settings were read.
    if not settings.vapid_private_key:
        return good("pushes", "off")
    host = urlsplit(settings.public_url).hostname
    if not settings.https and host not in LOCAL_HOSTS:
        return wrong(
            "pushes",
            "a key is set, but browsers take pushes from https:// only",
            "Put a proxy with TLS in front (deploy/) and set NOTIFIER_PUBLIC_URL to https://.",
        )
    return good("pushes", f"on, push services reach us at {settings.vapid_subject}")
