"""What can be set, read once from the environment (and `.env`), checked before anything starts.

The README's table lists every setting; a test compares the two. Nothing else in the code reads
the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from notifier import vapid
from notifier.errors import SettingsError
from notifier.redis_addresses import RedisAddress

# Keys that people leave in place by accident: the ones that tutorials and templates carry.
DEFAULT_SECRET_KEYS = frozenset(
    {"change-me", "changeme", "dev", "secret", "secret-key", "you-will-never-guess", "development"}
)
# itsdangerous signs with HMAC-SHA-512; a key below 16 characters can be guessed off line.
SECRET_KEY_MIN_CHARACTERS = 16


class Settings(BaseSettings):
    """Every setting, with its unit in its name where it has one.

    Names without an alias are read with the prefix `NOTIFIER_`.
    """

    model_config = SettingsConfigDict(
        env_prefix="NOTIFIER_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    secret_key: str = Field("", alias="SECRET_KEY", repr=False)
    secret_key_fallbacks: str = Field("", alias="SECRET_KEY_FALLBACKS", repr=False)
    database_url: str = Field("sqlite:///notifier.db", alias="DATABASE_URL", repr=False)
    redis_url: str = Field("", alias="REDIS_URL", repr=False)
    posts_per_page: int = Field(20, alias="POSTS_PER_PAGE", ge=1, le=100)

    env: Literal["production", "development"] = "production"
    public_url: str = ""
    stream_url: str = ""
    rate_limits: Literal["on", "off"] = "on"
    # People who had not written before that one person may write to. Whoever gathers a class or a
    # club writes to some dozens; more than that in a day is advertising.
    strangers_per_day: int = Field(50, ge=1, le=100_000)
    # How many proxies in front of us add an X-Forwarded-For entry that may be believed.
    trusted_proxies: int = Field(0, ge=0, le=8)
    metrics_token: str = Field("", repr=False)
    # Where the figures of all processes of a machine are asked for: HOST:PORT.
    metrics_bind: str = ""

    reconcile_seconds: float = Field(15, gt=0, le=3600)
    heartbeat_seconds: float = Field(20, gt=0, le=300)
    stream_age_seconds: float = Field(600, gt=0, le=86_400)
    streams_per_person: int = Field(64, ge=1, le=10_000)
    streams_per_process: int = Field(100_000, ge=1, le=1_000_000)
    # Of one process; 0 for no limit. Needs `trusted_proxies` behind a proxy.
    streams_per_address: int = Field(1000, ge=0, le=1_000_000)
    drain_seconds: float = Field(5, ge=0, le=300)

    # Web Push: the key by which push services know this site, and how to reach who runs it.
    # `notifier vapid` makes both; without them nothing is pushed.
    vapid_private_key: str = Field("", repr=False)
    vapid_subject: str = ""
    push_after_seconds: float = Field(10, gt=0, le=3600)

    # The certificates that a Redis with TLS (rediss://) is checked against; else the system's.
    redis_ca: str = ""
    # The bus: every channel begins with this, so that two installations can share one Redis.
    channel_prefix: str = Field("notifier", pattern=r"^[A-Za-z0-9_.-]{1,40}$")

    # The log of a person: kept notifications beyond either bound are pruned.
    kept_notifications: int = Field(1000, ge=10, le=100_000)
    kept_days: float = Field(30, gt=0, le=3650)

    # Connections of one process to a database server; SQLite uses as many readers.
    database_pool: int = Field(5, ge=1, le=200)
    database_timeout_seconds: float = Field(5, gt=0, le=60)
    # Argon2 takes 64 MiB each, so this also bounds the memory that sign-ins can take.
    password_hashers: int = Field(2, ge=1, le=64)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process.

        Raises `SettingsError` with one sentence for each thing that is wrong.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            wrong = [_sentence(cls, dict(one)) for one in error.errors()]
            raise SettingsError("\n".join(wrong)) from None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("is not a database address, such as sqlite:///notifier.db") from None
        if url.get_backend_name() not in {"sqlite", "postgresql", "postgres"}:
            raise ValueError("must begin with sqlite:// or postgresql://")
        if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
            # Each connection would have one of its own, and each of them empty.
            raise ValueError("must name a file, such as sqlite:///notifier.db")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        if value:
            RedisAddress.parse(value)
        return value

    @field_validator("redis_ca")
    @classmethod
    def _is_file(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError("is not a file")
        return value

    @field_validator("public_url", "stream_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        if not value:
            return value
        try:
            parts = urlsplit(value)
            # Reading it is what checks it.
            wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
        except ValueError:
            wrong = True
        if wrong:
            raise ValueError("must be an address such as https://notifier.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _safe_secret(self) -> Self:
        key = self.secret_key
        if not key:
            # An empty key signs cookies that anybody can forge, in development too.
            raise ValueError("SECRET_KEY is missing: set it to a long random text")
        if self.env == "production" and (
            len(key) < SECRET_KEY_MIN_CHARACTERS or key.lower() in DEFAULT_SECRET_KEYS
        ):
            raise ValueError(
                "SECRET_KEY is too short or a well-known default: set it to a random text of at "
                f"least {SECRET_KEY_MIN_CHARACTERS} characters (NOTIFIER_ENV=development allows it)"
            )
        return self

    @model_validator(mode="after")
    def _whole_vapid(self) -> Self:
        if not self.vapid_private_key:
            return self
        try:
            vapid.public_key(self.vapid_private_key)
        except ValueError:
            raise ValueError(
                "NOTIFIER_VAPID_PRIVATE_KEY is no key: make one with `notifier vapid`"
            ) from None
        if not self.vapid_subject.startswith(("mailto:", "https://")):
            raise ValueError(
                "NOTIFIER_VAPID_SUBJECT must say how push services reach you: mailto:… or https://…"
            )
        return self

    @property
    def vapid_public_key(self) -> str:
        """What browsers subscribe with; "" where nothing is pushed."""
        return vapid.public_key(self.vapid_private_key) if self.vapid_private_key else ""

    @property
    def limits_on(self) -> bool:
        """Whether rate limits are enforced; load tests switch them off."""
        return self.rate_limits == "on"

    @property
    def development(self) -> bool:
        return self.env == "development"

    @property
    def https(self) -> bool:
        """Whether people reach us over TLS, as far as the public address says."""
        return self.public_url.startswith("https://")

    @property
    def public_origin(self) -> str:
        """Scheme, host and port that people see, lower case, or "" when it is not set."""
        return origin_of(self.public_url)

    @property
    def old_secret_keys(self) -> list[str]:
        """Keys that sign nothing any more but are still believed; from a comma-separated list."""
        return [key for key in (k.strip() for k in self.secret_key_fallbacks.split(",")) if key]

    @property
    def redis_address(self) -> RedisAddress | None:
        """Where Redis is; None for a single process without it."""
        return RedisAddress.parse(self.redis_url, self.redis_ca) if self.redis_url else None

    @property
    def sqlalchemy_url(self) -> URL:
        """The database address with the asynchronous driver that we use for it."""
        url = make_url(self.database_url)
        if url.get_backend_name() == "sqlite":
            return url.set(drivername="sqlite+aiosqlite")
        return url.set(drivername="postgresql+asyncpg")


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an address, lower case, default ports left out; "" for ""."""
    if not url:
        return ""
    parts = urlsplit(url)
    scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    if ":" in host:
        host = f"[{host}]"
    if port is None or port == {"http": 80, "https": 443}.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def _sentence(cls: type[Settings], error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message + "."
    name = str(error["loc"][0])
    field = cls.model_fields.get(name)
    shown = name if field is None or name.isupper() else (field.alias or f"NOTIFIER_{name.upper()}")
    return f"{shown}: {message}."
