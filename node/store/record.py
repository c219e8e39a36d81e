"""Small records of the store's own, read back so that a damaged one is called damage."""

from __future__ import annotations

from node.ledger import shape
from node.ledger.errors import CodecError
from node.ledger.types import Value
from node.store.errors import DatabaseDamaged

RECORD_BYTES_MAX = 1 << 20
"""The largest is a validator set: 63 seats take about 3 KiB."""


def read_record(data: bytes, types: tuple[type, ...], what: str) -> list[Value]:
    """Fields of a canonical array with these types. Raises ``DatabaseDamaged``."""
    try:
        fields = shape.decode_record(data, len(types), what, bytes_max=RECORD_BYTES_MAX)
    except CodecError as error:
        raise DatabaseDamaged(f"The {what} cannot be read: {error.code}.") from error
    for field, wanted in zip(fields, types, strict=True):
        if type(field) is not wanted:
            raise DatabaseDamaged(f"The {what} cannot be read: wrong type.")
    return fields
