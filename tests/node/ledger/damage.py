"""Every small damage that bytes can take, for tests that must see all of it refused."""

from __future__ import annotations

import random
from collections.abc import Iterator


def truncations(data: bytes, sample: int | None = None) -> Iterator[bytes]:
    """All true prefixes, or ``sample`` of them."""
    for length in _pick(len(data), sample):
        yield data[:length]


def bit_flips(data: bytes, sample: int | None = None) -> Iterator[bytes]:
    """All copies that differ in one bit, or ``sample`` of them."""
    for bit in _pick(len(data) * 8, sample):
        changed = bytearray(data)
        changed[bit >> 3] ^= 1 << (bit & 7)
        yield bytes(changed)


def extensions(data: bytes) -> Iterator[bytes]:
    """Copies with something after the end or before the start."""
    for extra in (b"\x00", b"\xc0", b"\xff", data):
        yield data + extra
        yield extra + data


def _pick(count: int, sample: int | None) -> list[int]:
    if sample is None or sample >= count:
        return list(range(count))
    return sorted(random.Random(count).sample(range(count), sample))
