"""The one canonical encoding of the ledger: msgpack, restricted until each value has one form.

Allowed: nil, bool, integers in [-2^63, 2^63), str, bin, array, and map with str keys in ascending
order of their UTF-8 bytes; shortest encodings; depth at most 16; no float, no ext, no duplicate
key (ARCHITECTURE.md section 3). Text is not normalised: two spellings are two texts.

How strictness is had cheaply, for 2,500 claims a second pass here: ormsgpack (Rust) reads the value
and writes it again with sorted keys. Equal bytes rule out nearly everything at once: disorder of
keys, duplicate keys, longer forms of a length or an integer, float32, trailing bytes. What that
library allows and the ledger does not (float64, integers from 2^63, depth) is looked for apart.
Whatever fails on this fast path goes the slow one, which looks at every value and says what is
wrong; a value that passes either path is the same value with the same bytes. A general-purpose
decoder alone accepts all of these (SECURITY.md section 3 has the list, measured).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgpack
import ormsgpack

from node.ledger.errors import CodecError
from node.ledger.types import CONTAINERS_MAX, DEPTH_MAX, FRAME_BYTES_MAX, INT_MAX, Value

_CONTAINERS: Final = frozenset({list, dict, tuple})
_SCALARS: Final = frozenset({type(None), bool, int, str, bytes})
_ALLOWED: Final = _SCALARS | _CONTAINERS

_FAST: Final = (
    ormsgpack.OPT_SORT_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
"""Sorted keys, and nothing written that is not of the ledger's types: the library refuses it."""

_UINT64_ABOVE_INT63: Final = re.compile(rb"\xcf[\x80-\xff]")
"""An integer of 2^63 or more is written as 0xcf and a byte with its top bit set. The same two bytes
may also lie inside text or a digest, therefore a hit only asks for a look at every integer."""


_FLOAT64: Final = b"\xcb"
"""First byte of a float as the library writes it. The same byte occurs inside text, lengths and
digests, therefore a hit only asks for a look."""


def encode(value: Value) -> bytes:
    """Canonical bytes of a plain value. Maps are sorted, tuples are written as arrays.

    Raises ``CodecError`` for a type, an integer or a depth that has no canonical form. Subclasses
    are refused: an enum member or a numpy integer in ledger data is a mistake of its author.
    """
    try:
        data = ormsgpack.packb(value, option=_FAST)
    except TypeError:
        return _encode_slowly(value)
    if not _is_plain(value) or (
        _UINT64_ABOVE_INT63.search(data) is not None and _has_large_integer(value)
    ):
        return _encode_slowly(value)
    return data


def encode_trusted(value: Value) -> bytes:
    """The same bytes for a value that is known to be canonical; nothing is looked at.

    Only for arrays whose shape the calling code fixes and whose items are bytes, text, nil and
    lengths: rows of writes, leaves of a block.
    """
    data: bytes = ormsgpack.packb(value, option=_FAST)
    return data


def encode_made(value: Value) -> bytes:
    """The same bytes for a value whose nesting the calling code fixes: explanations.

    The library refuses whatever is not of the ledger's types except floats and integers from 2^63;
    each shows in the bytes, and where they could be one every value is looked at. Taken on trust
    are depth, and that no ``bytearray``, ``memoryview`` or extension of the library's is inside.
    Raises ``CodecError``.
    """
    try:
        data: bytes = ormsgpack.packb(value, option=_FAST)
    except TypeError:
        return _encode_slowly(value)
    if _FLOAT64 in data or _UINT64_ABOVE_INT63.search(data) is not None:
        return encode(value)
    return data


def _encode_slowly(value: Value) -> bytes:
    kind = type(value)
    if kind in _CONTAINERS:
        value = _sorted_container(value, 1)
    elif kind not in _ALLOWED:
        raise CodecError("codec.type", type=kind.__name__)
    return _pack(value)


def decode(data: bytes, *, bytes_max: int = FRAME_BYTES_MAX) -> Value:
    """The value whose canonical bytes are ``data``; arrays come back as lists.

    Raises ``CodecError`` when ``data`` is longer than ``bytes_max`` or is not canonical.
    """
    if len(data) > bytes_max:
        raise CodecError("codec.too-long", bytes=len(data), bytes_max=bytes_max)
    if len(data) > CONTAINERS_MAX:  # each container takes at least a byte: they must be counted
        return _decode_slowly(data)
    try:
        value = ormsgpack.unpackb(data)
        # TypeError: what it read and cannot write, for example keys that are no text.
        is_same = ormsgpack.packb(value, option=_FAST) == data
    except (ValueError, TypeError):
        return _decode_slowly(data)
    if (
        not is_same
        or not _is_plain(value)
        or (_UINT64_ABOVE_INT63.search(data) is not None and _has_large_integer(value))
    ):
        return _decode_slowly(data)
    return value


def _decode_slowly(data: bytes) -> Value:
    try:
        value = _unpack(data)
    except CodecError:
        raise
    except (ValueError, msgpack.exceptions.UnpackException, TypeError, RecursionError) as error:
        raise CodecError("codec.malformed", reason=_fault(error)) from None
    _check_walk(value)
    if _pack(value) != data:
        raise CodecError("codec.not-canonical", bytes=len(data))
    return value


def _fault(error: Exception) -> str:
    """In words what msgpack found; most of its errors are plain ``ValueError``."""
    match error:
        case msgpack.exceptions.ExtraData():
            return "more bytes after its end"
        case UnicodeDecodeError():
            return "text that is not UTF-8"
        case ValueError() if "incomplete input" in str(error):
            return "cut short"
    return "not msgpack of the ledger"


def _unpack(data: bytes) -> Value:
    """The value by msgpack's rules, with a bounded number of containers."""
    if len(data) <= CONTAINERS_MAX:  # each container takes at least a byte
        return msgpack.unpackb(data, strict_map_key=True, max_ext_len=0)
    count = 0

    def counted(container: Value) -> Value:
        nonlocal count
        count += 1
        if count > CONTAINERS_MAX:
            raise CodecError("codec.containers", containers_max=CONTAINERS_MAX)
        return container

    return msgpack.unpackb(
        data, strict_map_key=True, max_ext_len=0, list_hook=counted, object_hook=counted
    )


def decode_trusted(data: bytes) -> Value:
    """The value of bytes that this process wrote itself with ``encode``; nothing is checked.

    Only for the node's own store, whose integrity is the store's business.
    """
    return ormsgpack.unpackb(data)


def _is_plain(value: Value) -> bool:
    """Whether all types are the ledger's and containers are not nested too deep.

    Item by item: the ledger's containers are small, and a call into C for each costs more than it
    saves, up to some 20 items.
    """
    if type(value) not in _CONTAINERS:
        return type(value) in _SCALARS
    level = [value]
    for _ in range(DEPTH_MAX):
        below: list[Value] = []
        for container in level:
            for item in container.values() if type(container) is dict else container:
                kind = type(item)
                if kind not in _SCALARS:
                    if kind not in _CONTAINERS:
                        return False
                    below.append(item)
        if not below:
            return True
        level = below
    return False


def _pack(value: Value) -> bytes:
    try:
        data: bytes = msgpack.packb(value)
    except OverflowError:
        raise CodecError("codec.integer-range") from None
    except UnicodeEncodeError:
        raise CodecError("codec.text-surrogate") from None
    if _UINT64_ABOVE_INT63.search(data) is not None and _has_large_integer(value):
        raise CodecError("codec.integer-range")
    return data


def _sorted_container(value: Value, depth: int) -> Value:
    """A copy of the container with sorted maps, or itself where nothing needs sorting."""
    if depth > DEPTH_MAX:
        raise CodecError("codec.depth", depth_max=DEPTH_MAX)
    if type(value) is not dict:
        if _SCALARS.issuperset(map(type, value)):
            return value
        _check_types(value)
        return [
            _sorted_container(item, depth + 1) if type(item) in _CONTAINERS else item
            for item in value
        ]
    try:
        # Code point order of text is the byte order of its UTF-8.
        keys = sorted(value)
    except TypeError:  # text mixed with something else
        raise CodecError("codec.key-type") from None
    if keys and type(keys[0]) is not str:
        raise CodecError("codec.key-type")
    if _SCALARS.issuperset(map(type, value.values())):
        # What was decoded and put again is in order already.
        return value if keys == list(value) else {key: value[key] for key in keys}
    _check_types(value.values())
    return {
        key: _sorted_container(item, depth + 1) if type(item := value[key]) in _CONTAINERS else item
        for key in keys
    }


def _check_walk(value: Value) -> None:
    """Types, key order and depth of a decoded value, one level of containers after the other."""
    if type(value) not in _CONTAINERS:
        if type(value) not in _ALLOWED:
            raise CodecError("codec.type", type=type(value).__name__)
        return
    level = [value]
    for _ in range(DEPTH_MAX):
        below: list[Value] = []
        for container in level:
            items: Iterable[Value] = container
            if type(container) is dict:
                keys = list(container)
                try:
                    disordered = sorted(keys) != keys
                except TypeError:  # text and bytes mixed
                    raise CodecError("codec.key-type") from None
                if disordered:
                    raise CodecError("codec.key-order")
                if keys and type(keys[0]) is not str:
                    raise CodecError("codec.key-type")
                items = container.values()
            if not _SCALARS.issuperset(map(type, items)):
                _check_types(items)
                below += [item for item in items if type(item) in _CONTAINERS]
        if not below:
            return
        level = below
    raise CodecError("codec.depth", depth_max=DEPTH_MAX)


def _has_large_integer(value: Value) -> bool:
    """Whether an integer of 2^63 or more is in a value whose types are the ledger's."""
    level: list[Value] = [[value]]
    while level:
        below: list[Value] = []
        for container in level:
            for item in container.values() if type(container) is dict else container:
                kind = type(item)
                if kind is int:
                    if item > INT_MAX:
                        return True
                elif kind in _CONTAINERS:
                    below.append(item)
        level = below
    return False


def _check_types(items: Iterable[Value]) -> None:
    foreign = sorted({kind.__name__ for kind in map(type, items) if kind not in _ALLOWED})
    if foreign:
        raise CodecError("codec.type", type=foreign[0])
