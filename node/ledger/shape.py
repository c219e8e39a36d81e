"""Checks of a decoded record's fields; each raises ``CodecError`` naming the field.

The codec knows what is canonical, this module what a field may hold. Decoders of transactions,
receipts, headers and proofs read as lists of these checks in wire order.
"""

from __future__ import annotations

from node.ledger.codec import decode
from node.ledger.errors import CodecError
from node.ledger.types import INT_MAX, ORG_ID_CHARS_MAX, Value

_KINDS = {
    dict: "map", list: "array", bytes: "bin", str: "text", int: "integer", bool: "boolean",
    type(None): "nil",
}  # fmt: skip


def kind(value: Value) -> str:
    """What a decoded value is, in the words of the format."""
    return _KINDS.get(type(value), type(value).__name__)


def record(value: Value, length: int, name: str) -> list[Value]:
    """An array of exactly ``length`` fields."""
    if type(value) is not list:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="array")
    if len(value) != length:
        raise CodecError("shape.fields", field=name, fields=len(value), wanted=length)
    return value


def decode_record(data: bytes, length: int, name: str, *, bytes_max: int) -> list[Value]:
    """The fields of a canonical array."""
    return record(decode(data, bytes_max=bytes_max), length, name)


def array(value: Value, name: str, *, least: int = 0, most: int) -> list[Value]:
    """An array of ``least`` to ``most`` items."""
    if type(value) is not list:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="array")
    if not least <= len(value) <= most:
        raise CodecError("shape.count", field=name, count=len(value), least=least, most=most)
    return value


def mapping(value: Value, name: str) -> dict[str, Value]:
    """A map; its keys are text because the codec admits no other."""
    if type(value) is not dict:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="map")
    return value


def binary(value: Value, name: str, length: int) -> bytes:
    """Bytes of exactly ``length``."""
    if type(value) is not bytes:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="bin")
    if len(value) != length:
        raise CodecError("shape.length", field=name, bytes=len(value), wanted=length)
    return value


def binary_up_to(value: Value, name: str, most: int) -> bytes:
    """Bytes of at most ``most``."""
    if type(value) is not bytes:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="bin")
    if len(value) > most:
        raise CodecError("shape.length", field=name, bytes=len(value), most=most)
    return value


def integer(value: Value, name: str, *, least: int = 0, most: int = INT_MAX) -> int:
    """An integer in a range; a bool is none."""
    if type(value) is not int:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="integer")
    if not least <= value <= most:
        raise CodecError("shape.range", field=name, value=value, least=least, most=most)
    return value


def text(value: Value, name: str, most: int, *, least: int = 1) -> str:
    """Printable ASCII of ``least`` to ``most`` characters: ids, names and codes."""
    if type(value) is not str:
        raise CodecError("shape.type", field=name, type=kind(value), wanted="text")
    if not least <= len(value) <= most:
        raise CodecError("shape.length", field=name, chars=len(value), least=least, most=most)
    if not (value.isascii() and value.isprintable()):
        raise CodecError("shape.characters", field=name, wanted="printable ASCII")
    return value


def org_id(value: Value, name: str) -> str:
    """An organisation's id."""
    return text(value, name, ORG_ID_CHARS_MAX)
