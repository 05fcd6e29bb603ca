"""Settings: each bad value is one clear sentence, and no secret is ever shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from notifier.errors import SettingsError
from notifier.settings import Settings, origin_of

KEY = "a long and random text for tests"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the machine's environment nor a developer's .env comes into these tests."""
    ours = {alias for field in Settings.model_fields.values() if (alias := field.alias)}
    for name in list(os.environ):
        if name in ours or name.startswith("NOTIFIER_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", KEY)


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return str(caught.value)


def test_a_secret_key_is_all_that_is_needed() -> None:
    settings = Settings.load()
    assert settings.env == "production"
    assert settings.limits_on
    assert not settings.development and not settings.https
    assert settings.redis_url == "" == settings.public_origin


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "", "is not a database address"),
        ("DATABASE_URL", "notifier.db", "is not a database address"),
        ("DATABASE_URL", "mysql://localhost/x", "must begin with sqlite:// or postgresql://"),
        ("DATABASE_URL", "sqlite://", "must name a file, such as sqlite:///notifier.db"),
        ("DATABASE_URL", "sqlite:///:memory:", "must name a file"),
        ("REDIS_URL", "localhost:6379", "must begin with redis://"),
        ("REDIS_URL", "http://localhost", "must begin with redis://"),
        ("POSTS_PER_PAGE", "0", "greater than or equal to 1"),
        ("POSTS_PER_PAGE", "1000", "less than or equal to 100"),
        ("POSTS_PER_PAGE", "ten", "valid integer"),
        ("NOTIFIER_ENV", "staging", "'production' or 'development'"),
        ("NOTIFIER_RATE_LIMITS", "maybe", "'on' or 'off'"),
        ("NOTIFIER_PUBLIC_URL", "notifier.example.org", "must be an address such as https://"),
        ("NOTIFIER_PUBLIC_URL", "ftp://example.org", "must be an address such as https://"),
        ("NOTIFIER_PUBLIC_URL", "https://", "must be an address such as https://"),
        ("NOTIFIER_PUBLIC_URL", "https://example.org:99999", "must be an address such as https://"),
        ("NOTIFIER_PUBLIC_URL", "https://example.org:x", "must be an address such as https://"),
        ("NOTIFIER_PUBLIC_URL", "http://[::1", "must be an address such as https://"),
        ("NOTIFIER_STREAM_URL", "//example.org", "must be an address such as https://"),
        ("NOTIFIER_TRUSTED_PROXIES", "-1", "greater than or equal to 0"),
        ("NOTIFIER_RECONCILE_SECONDS", "0", "greater than 0"),
        ("NOTIFIER_RECONCILE_SECONDS", "nan", "NOTIFIER_RECONCILE_SECONDS"),
        ("NOTIFIER_HEARTBEAT_SECONDS", "inf", "less than or equal to 300"),
        ("NOTIFIER_STREAM_AGE_SECONDS", "ten", "valid number"),
        ("NOTIFIER_STREAMS_PER_PERSON", "0", "greater than or equal to 1"),
        ("NOTIFIER_DRAIN_SECONDS", "-1", "greater than or equal to 0"),
        ("NOTIFIER_CHANNEL_PREFIX", "a b", "pattern"),
        ("NOTIFIER_KEPT_NOTIFICATIONS", "1", "greater than or equal to 10"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    said = complaint()
    assert said.startswith(f"{name}: "), said
    assert says in said
    assert len(said.splitlines()) == 1
    assert said.endswith(".")


def test_two_bad_values_are_two_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTS_PER_PAGE", "ten")
    monkeypatch.setenv("NOTIFIER_ENV", "staging")
    assert len(complaint().splitlines()) == 2


@pytest.mark.parametrize("env", ["production", "development"])
@pytest.mark.parametrize("key", ["", None])
def test_no_secret_key_is_refused_everywhere(
    monkeypatch: pytest.MonkeyPatch, env: str, key: str | None
) -> None:
    monkeypatch.setenv("NOTIFIER_ENV", env)
    if key is None:
        monkeypatch.delenv("SECRET_KEY")
    else:
        monkeypatch.setenv("SECRET_KEY", key)
    assert "SECRET_KEY is missing" in complaint()


@pytest.mark.parametrize("key", ["dev", "you-will-never-guess", "You-Will-Never-Guess", "x" * 15])
def test_a_weak_secret_key_is_for_development_only(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", key)
    said = complaint()
    assert "SECRET_KEY is too short or a well-known default" in said
    assert key not in said.replace("development", "")
    monkeypatch.setenv("NOTIFIER_ENV", "development")
    assert Settings.load().secret_key == key


def test_secrets_are_in_no_representation_and_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", f"hush-{KEY}")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "hush-older-key, hush-oldest-key")
    monkeypatch.setenv("DATABASE_URL", "postgresql://notifier:hush@db/notifier")
    monkeypatch.setenv("REDIS_URL", "redis://:hush@cache")
    monkeypatch.setenv("NOTIFIER_METRICS_TOKEN", "hush")
    settings = Settings.load()
    assert "hush" not in repr(settings) and "hush" not in str(settings)
    assert settings.old_secret_keys == ["hush-older-key", "hush-oldest-key"]
    monkeypatch.setenv("DATABASE_URL", "mysql://notifier:hush@db/notifier")
    monkeypatch.setenv("REDIS_URL", "http://:hush@cache")
    monkeypatch.setenv("NOTIFIER_PUBLIC_URL", "ftp://hush@example.org")
    assert "hush" not in complaint()


def test_a_file_is_read_and_the_environment_overrules_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("POSTS_PER_PAGE=7\nNOTIFIER_DRAIN_SECONDS=1.5\nOTHER=x\n")
    monkeypatch.setenv("POSTS_PER_PAGE", "9")
    settings = Settings.load()
    assert (settings.posts_per_page, settings.drain_seconds) == (9, 1.5)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///notifier.db", "sqlite+aiosqlite"),
        ("postgres://u:p@db/notifier", "postgresql+asyncpg"),
        ("postgresql://u:p@db/notifier", "postgresql+asyncpg"),
        ("postgresql+psycopg2://u:p@db/notifier", "postgresql+asyncpg"),
    ],
)
def test_the_asynchronous_driver_is_ours_to_choose(
    monkeypatch: pytest.MonkeyPatch, url: str, driver: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert Settings.load().sqlalchemy_url.drivername == driver


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", ""),
        ("https://Example.ORG", "https://example.org"),
        ("HTTPS://example.org:443/path?x#y", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_an_address_may_end_in_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_PUBLIC_URL", "https://Example.org/")
    settings = Settings.load()
    assert settings.https
    assert (settings.public_url, settings.public_origin) == (
        "https://Example.org",
        "https://example.org",
    )
