"""Group arithmetic of edwards25519, for the one check that libraries do not offer: is a public key
of prime order?

Slow (about a millisecond a key), variable in time, and only ever given public keys. A key passes
here once, when it is registered (SECURITY.md section 2, R2). RFC 8032 section 5.1 is the source of
the formulas and of the names p, d, L.
"""

from __future__ import annotations

from typing import Final

P: Final = 2**255 - 19
"""The field's prime."""

L: Final = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point's group."""

D: Final = -121665 * pow(121666, P - 2, P) % P
"""Constant of the curve."""

_SQRT_MINUS_1: Final = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z."""

IDENTITY: Final[Point] = (0, 1, 1, 0)


def decode_point(encoded: bytes) -> Point | None:
    """The point of 32 bytes, or None where they are not the canonical encoding of one."""
    if len(encoded) != 32:
        return None
    number = int.from_bytes(encoded, "little")
    sign = number >> 255
    y = number & (2**255 - 1)
    if y >= P:
        return None
    x_squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x_squared == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(x_squared, (P + 3) // 8, P)
    if (x * x - x_squared) % P != 0:
        x = x * _SQRT_MINUS_1 % P
    if (x * x - x_squared) % P != 0:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def encode_point(point: Point) -> bytes:
    """The 32 bytes of a point."""
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    affine_x, affine_y = x * inverse % P, y * inverse % P
    return (affine_y | ((affine_x & 1) << 255)).to_bytes(32, "little")


def add(first: Point, second: Point) -> Point:
    """Sum of two points (RFC 8032 section 5.1.4)."""
    a = (first[1] - first[0]) * (second[1] - second[0]) % P
    b = (first[1] + first[0]) * (second[1] + second[0]) % P
    c = 2 * first[3] * second[3] * D % P
    d = 2 * first[2] * second[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    """``scalar`` times ``point``, ``scalar`` not negative."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def is_identity(point: Point) -> bool:
    """Whether the point is the group's neutral element."""
    x, y, z, _ = point
    return x % P == 0 and (y - z) % P == 0


def is_prime_order(encoded: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of a point of order L, other than identity."""
    point = decode_point(encoded)
    return point is not None and not is_identity(point) and is_identity(multiply(L, point))
