"""`REDIS_URL`, read: what kind of Redis it names, where it is, and how a connection is made.

One Redis, Sentinel and Cluster differ in where a channel lives; how to be let in (passwords, TLS,
Unix sockets) is the same for all three and is redis-py's business. Nothing here connects.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

# A Redis that does not answer within this is not waited for; reconcile delivers instead.
COMMAND_TIMEOUT_SECONDS = 1.0
# Half of it: two dead sentinels of three must leave time to ask the third.
SENTINEL_TIMEOUT_SECONDS = 0.5
REDIS_PORT = 6379
SENTINEL_PORT = 26379
SCHEMES_SENTENCE = (
    "must begin with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// "
    "(rediss+… for TLS)"
)


class Kind(Enum):
    """What answers at the address."""

    ONE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is: for Sentinel and Cluster, whom to ask where it is."""

    kind: Kind
    # The sentinels, or some of the cluster's nodes; none for one Redis.
    hosts: tuple[tuple[str, int], ...]
    # The name under which the sentinels know the master.
    service: str
    # What redis-py's connection takes: user, password, database, TLS.
    options: dict[str, Any]
    sentinel_login: dict[str, str]
    tls: bool

    @classmethod
    def parse(cls, url: str, ca_file: str = "") -> RedisAddress:
        """`ca_file` holds the certificates that a Redis with TLS is checked against.

        Raises `ValueError` with what is wrong, for a person.
        """
        scheme, _, kind_name = url.partition("://")[0].lower().partition("+")
        if scheme not in {"redis", "rediss", "unix"} or (scheme == "unix" and kind_name):
            raise ValueError(SCHEMES_SENTENCE)
        try:
            kind = Kind(kind_name)
        except ValueError:
            raise ValueError(SCHEMES_SENTENCE) from None
        hosts, service, plain = _taken_apart(url, scheme, kind)
        options: dict[str, Any] = dict(parse_url(plain))
        login = {
            name: options.pop(f"sentinel_{name}")
            for name in ("username", "password")
            if f"sentinel_{name}" in options
        }
        if kind is not Kind.ONE:
            options = {k: v for k, v in options.items() if k not in {"host", "port"}}
        if kind is Kind.CLUSTER and options.pop("db", 0):
            raise ValueError("a cluster has database 0 only")
        if scheme == "rediss" and ca_file:
            options["ssl_ca_certs"] = ca_file
        address = cls(kind, hosts, service, options, login, scheme == "rediss")
        try:
            address.connection("notifier")
        except TypeError as error:
            # redis-py's constructor is who knows what may stand behind the question mark.
            raise ValueError(f"has an option that is not known: {error}") from None
        return address

    def connection(self, name: str, *, host: str = "", port: int = 0) -> AbstractConnection:
        """A connection that is not open yet; Redis lists it under `name`."""
        options = self.connection_options()
        kind: type[AbstractConnection] = options.pop("connection_class", Connection)
        if host:
            options |= {"host": host, "port": port}
        return kind(client_name=name, **options)

    def connection_options(self) -> dict[str, Any]:
        """For redis-py: no retries, since whoever holds a connection decides about those."""
        return {
            "protocol": 2,
            "socket_connect_timeout": COMMAND_TIMEOUT_SECONDS,
            "socket_timeout": COMMAND_TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            **self.options,
        }

    def sentinels(self) -> Sentinel:
        """The sentinels, not connected; whoever takes them closes them."""
        of_tls = {k: v for k, v in self.options.items() if k.startswith("ssl_")}
        # redis-py types it not.
        kind: Any = Sentinel
        found: Sentinel = kind(
            self.hosts,
            sentinel_kwargs={
                "socket_connect_timeout": SENTINEL_TIMEOUT_SECONDS,
                "socket_timeout": SENTINEL_TIMEOUT_SECONDS,
                "retry": Retry(NoBackoff(), 0),
                **self.sentinel_login,
                **({"ssl": True, **of_tls} if self.tls else {}),
            },
        )
        return found


async def opened(connection: Any) -> AbstractConnection:
    """`connection`, once it is connected and let in; closed if that fails or is given up.

    Raises redis-py's errors: not reachable, wrong password, loading.
    """
    try:
        with closing_is_an_error():
            await connection.connect()
    except BaseException:
        closed(connection)
        raise
    found: AbstractConnection = connection
    return found


@contextlib.contextmanager
def closing_is_an_error() -> Iterator[None]:
    """Says redis-py's `ConnectionError` where a connection was closed between two of its calls:
    uvloop says `RuntimeError` then, and redis-py lets it through."""
    try:
        yield
    except RuntimeError as error:
        if "closed" not in str(error):
            raise
        raise RedisConnectionError("Redis closed the connection") from error


def closed(connection: Any) -> None:
    """End a connection at once, without ceremony."""
    # Private, and what redis-py itself does where it cannot wait; but a mere close would wait
    # for a frozen peer to take what is still to be sent.
    if connection._writer is not None:
        connection._writer.transport.abort()
    connection._close()


def _taken_apart(url: str, scheme: str, kind: Kind) -> tuple[tuple[tuple[str, int], ...], str, str]:
    """The hosts, the service, and an address of one Redis for what is left."""
    if kind is Kind.ONE:
        return (), "", url
    _, _, behind = url.partition("://")
    authority = re.split("[/?#]", behind, maxsplit=1)[0]
    # Several hosts are no address for urllib: with security fixes it refuses what stands before
    # the bracket of an IPv6 one.
    parts = urlsplit(f"//host{behind.removeprefix(authority)}")
    login, _, places = authority.rpartition("@")
    port = SENTINEL_PORT if kind is Kind.SENTINEL else REDIS_PORT
    hosts = tuple(_host_and_port(place, port) for place in places.split(",") if place)
    if not hosts:
        raise ValueError("names no host")
    service, _, database = parts.path.strip("/").partition("/")
    if kind is Kind.CLUSTER:
        service, database = "", service
    elif not service:
        raise ValueError("needs the master's name: redis+sentinel://host:port,host:port/<name>")
    if database and not database.isdecimal():
        raise ValueError(f"has a database that is no number: {database}")
    query = f"?{parts.query}" if parts.query else ""
    return hosts, service, f"{scheme}://{login}{'@' if login else ''}/{database}{query}"


def _host_and_port(place: str, usual_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError(f"has a host that cannot be read: {place}")
    return parts.hostname, parts.port or usual_port
