"""REDIS_URL is read as it is meant, or refused with what is wrong."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from notifier.redis_addresses import Kind, RedisAddress, closing_is_an_error


def test_one_redis_is_given_to_redis_py_as_it_is() -> None:
    address = RedisAddress.parse("redis://harry:p%40ss%2F@example.org:7000/3?socket_keepalive=yes")
    assert (address.kind, address.hosts, address.tls) == (Kind.ONE, (), False)
    assert address.options == {
        "username": "harry",
        "password": "p@ss/",
        "host": "example.org",
        "port": 7000,
        "db": 3,
        "socket_keepalive": True,
    }


def test_sentinels_are_hosts_a_name_and_a_database() -> None:
    address = RedisAddress.parse(
        "redis+sentinel://harry:secret@one:1,two,[::1]:3/mymaster/2?sentinel_password=other"
    )
    assert address.kind is Kind.SENTINEL
    assert address.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert address.service == "mymaster"
    assert address.options == {"username": "harry", "password": "secret", "db": 2}
    assert address.sentinel_login == {"password": "other"}


def test_a_cluster_is_some_of_its_nodes() -> None:
    address = RedisAddress.parse("rediss+cluster://:secret@one:1,two/0", "/etc/authority.crt")
    assert address.kind is Kind.CLUSTER
    assert address.hosts == (("one", 1), ("two", 6379))
    assert address.tls
    assert address.options == {
        "password": "secret",
        "connection_class": SSLConnection,
        "ssl_ca_certs": "/etc/authority.crt",
    }


def test_an_authority_matters_only_where_tls_is_spoken() -> None:
    plain = RedisAddress.parse("redis://example.org", "/etc/authority.crt")
    assert "ssl_ca_certs" not in plain.options


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org", "must begin with redis://"),
        ("redis+ring://example.org", "must begin with redis://"),
        ("unix+cluster:///run/redis.sock", "must begin with redis://"),
        ("redis+sentinel://one:1", "needs the master's name"),
        ("redis+sentinel:///mymaster", "names no host"),
        ("redis+sentinel://one:1/mymaster/first", "a database that is no number: first"),
        ("redis+cluster://one:1/2", "a cluster has database 0 only"),
        ("redis+cluster://one:1,:2", "a host that cannot be read: :2"),
        ("redis+cluster://one:many", "Port could not be cast"),
        ("redis://example.org?colour=red", "an option that is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RedisAddress.parse(url)


def test_a_connection_that_closes_between_two_calls_is_an_error_of_redis() -> None:
    uvloops = RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed")
    with pytest.raises(RedisConnectionError), closing_is_an_error():
        raise uvloops
    with pytest.raises(RuntimeError, match="our own fault"), closing_is_an_error():
        raise RuntimeError("our own fault")
