"""What explorers look things up by, derived from blocks and receipts and from nothing else.

A call that succeeded is entered under the claim, person, filing, institution and insurer that its
arguments, answer or events name, under its sender, under the topics of its events, under the areas
whose notices of payment they tell of, under every account that it moved and under the person whose
account that is; the postings themselves are read from its receipt. A refused call is entered under
its sender only: otherwise anyone could fill another's claim with noise.

The rows of a height are a pure function of the block, so the index can be dropped and built again,
and ``verify_index`` finds a row that is missing or invented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.regions import COUNTRY, is_area, widening
from contracts.settlement.funds_chart import owner_of
from node.ledger.receipt import OK, Receipt
from node.ledger.transaction import SignedTransaction
from node.store import keys
from node.store.checks import check_count
from node.store.database import Rows
from node.store.errors import DerivedDamaged
from node.store.index import (
    MADE_BY,
    RULES,
    SUBJECT_BYTES_MAX,
    Subject,
    call_rows,
    digest_of,
    prefix_of,
    with_digest,
)
from node.store.kv import KV, Operation

ACCOUNT, AREA, ORGANISATION, PERSON, TOPIC = (
    Subject.ACCOUNT.value, Subject.AREA.value, Subject.ORGANISATION.value, Subject.PERSON.value,
    Subject.TOPIC.value,
)  # fmt: skip

FIELDS: Mapping[str, bytes] = {
    "claim": Subject.CLAIM.value,
    "original": Subject.CLAIM.value,
    "replacement": Subject.CLAIM.value,
    "person": Subject.PERSON.value,
    "filing": Subject.FILING.value,
    "institution": Subject.INSTITUTION.value,
    "hospital": Subject.INSTITUTION.value,
    "insurer": Subject.INSTITUTION.value,
}
"""Names of fields in arguments, answers and events, and what they name."""

AREAS = ("payer_region", "payee_region")
"""Fields of events that name an area whose money is asked for or moves: its finance department and
those of its city and province look for them."""

PERSON_ACCOUNTS = ("person:", "wallet:")
"""Accounts that belong to a person."""

REBUILD_ROWS = 10_000
"""Rows of one batch while the index is built again."""


def index_rows(
    height: int, transactions: Sequence[SignedTransaction], receipts: Sequence[Receipt]
) -> list[Operation]:
    """All rows of a height and the row with their digest, in a fixed order."""
    rows: list[Operation] = []
    place = 0
    for transaction in transactions:
        sender = prefix_of(ORGANISATION, transaction.body.sender)
        for call in transaction.body.calls:
            receipt = receipts[place]
            prefixes = {sender: None}  # a dict, because it keeps the order
            if receipt.status == OK:
                _add_named(prefixes, call.args)
                _add_named(prefixes, receipt.answer)
                for event in receipt.events:
                    prefixes[prefix_of(TOPIC, event.topic)] = None
                    _add_named(prefixes, event.fields)
                    _add_areas(prefixes, event.fields)
                for posting in receipt.postings:
                    account = posting.account
                    prefixes[prefix_of(ACCOUNT, account)] = None
                    if account.startswith(PERSON_ACCOUNTS):
                        prefixes[prefix_of(PERSON, owner_of(account))] = None
            rows += call_rows(prefixes, height, place, receipt.tx_id, receipt.call_index)
            place += 1
    return with_digest(height, rows)


def verify_height(
    rows: Rows,
    height: int,
    transactions: Sequence[SignedTransaction],
    receipts: Sequence[Receipt],
) -> int:
    """How many rows the height has. Raises ``DerivedDamaged`` unless each one that its block says
    is there."""
    expected = index_rows(height, transactions, receipts)
    digest = rows.index.digest(height)
    if digest is None:
        raise DerivedDamaged(f"The index of height {height} is missing.")
    if digest != digest_of(expected[:-1]) or not all(rows.index.has(row) for row in expected):
        raise DerivedDamaged(f"The index of height {height} is not its block's.")
    return len(expected) - 1  # the digest is beside the index


def read_height(rows: Rows, height: int) -> tuple[list[SignedTransaction], list[Receipt]]:
    """Transactions and receipts of a stored height."""
    leaves = rows.blocks.leaves(height)
    receipts = rows.blocks.receipts(height)
    return (
        [SignedTransaction.decode_trusted_leaf(leaf) for leaf in leaves],
        [Receipt.decode_trusted(receipt) for receipt in receipts],
    )


def verify_index(
    rows: Rows, head_height: int, progress: Callable[[int], None] | None = None
) -> None:
    """Compare the whole index with the chain: no row is missing, changed or invented. Raises
    ``DerivedDamaged``."""
    if not rows.index.is_current():
        raise DerivedDamaged("The index was made by other rules, or not to its end.")
    count = 0
    for height in range(rows.floor(), head_height + 1):
        count += verify_height(rows, height, *read_height(rows, height))
        if progress is not None:
            progress(height)
    check_count(rows, keys.INDEX, count, "the index", DerivedDamaged)


def rebuild(
    kv: KV, rows: Rows, head_height: int, progress: Callable[[int], None] | None = None
) -> None:
    """Drop the index and build it from the chain, in batches.

    Only while the node is stopped: a node that finds a height without index says so at start.
    """
    kv.write([(MADE_BY, None)], sync=True)
    for prefix in (keys.INDEX_DIGEST, keys.INDEX):
        batch: list[Operation] = []
        for key, _ in kv.iterate(*keys.all_of(prefix)):
            batch.append((key, None))
            if len(batch) >= REBUILD_ROWS:
                kv.write(batch, sync=True)
                batch = []
        kv.write(batch, sync=True)
    batch = []
    for height in range(rows.floor(), head_height + 1):
        batch += index_rows(height, *read_height(rows, height))
        if len(batch) >= REBUILD_ROWS:
            kv.write(batch, sync=True)
            batch = []
        if progress is not None:
            progress(height)
    kv.write([*batch, (MADE_BY, RULES)], sync=True)


def _add_named(prefixes: dict[bytes, None], fields: Mapping[str, Any]) -> None:
    for name, kind in FIELDS.items():
        if name in fields:
            value = fields[name]
            if type(value) is str and value and len(value.encode()) <= SUBJECT_BYTES_MAX:
                prefixes[prefix_of(kind, value)] = None


def _add_areas(prefixes: dict[bytes, None], fields: Mapping[str, Any]) -> None:
    for name in AREAS:
        area = fields.get(name)
        if type(area) is str and is_area(area):
            for around in widening(area):
                if around != COUNTRY:
                    prefixes[prefix_of(AREA, around)] = None
