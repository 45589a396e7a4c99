"""IP addresses and networks as ranges of 128-bit numbers, IPv4 within them as `::ffff:a.b.c.d`, as the index holds them."""

import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

_MAPPED = 0xFFFF << 32


class Network(NamedTuple):
    """The first and the last address."""

    first: int
    last: int


@lru_cache(maxsize=16384)
def address(text: str) -> int | None:
    """Return an address, None where the text is none."""
    try:
        if ":" in text:
            return int.from_bytes(socket.inet_pton(socket.AF_INET6, text))
        return _MAPPED | int.from_bytes(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=16384)
def spelled(text: str) -> str:
    """Return an address as the index spells it (InetAddresses.toAddrString), what is none as it stands."""
    found = address(text)
    if found is None:
        return text
    return str(IPv4Address(found & 0xFFFFFFFF) if found >> 32 == 0xFFFF else IPv6Address(found))


def network(text: str) -> Network | None:
    """Return the network that a CIDR block or a single address names, None where it is neither.

    The address of a block may have bits beyond its prefix: `10.6.48.157/8` is `10.0.0.0/8`.
    """
    start, slash, length = text.partition("/")
    found = address(start)
    if found is None:
        return None
    if not slash:
        return Network(found, found)
    bits = 32 if ":" not in start else 128
    if not (length.isdecimal() and length.isascii() and int(length) <= bits):
        return None
    size = 1 << (bits - int(length))
    first = found - found % size
    return Network(first, first + size - 1)


def within(networks: Iterable[Network]) -> Callable[[Any], bool]:
    """Return the test whether an address (a text) is in one of the networks."""
    ranges = tuple(networks)

    def test(value: Any) -> bool:
        found = address(value) if isinstance(value, str) else None
        if found is None:
            return False
        for first, last in ranges:  # noqa: SIM110  a loop is quicker than any() over a generator
            if first <= found <= last:
                return True
        return False

    return test
