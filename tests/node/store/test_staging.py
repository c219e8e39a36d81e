"""A snapshot is gathered and switched to; the machine stops at every single write of it.

Whatever was cut off, what comes up is the old database or the new one, with all checks of a start,
and gathering goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.ledger.block import Header
from node.ledger.codec import encode
from node.ledger.errors import InvalidProof
from node.ledger.evidence import EpochEnd
from node.ledger.snapshot import Chunk, Manifest, check_chunk, decode_chunk, encode_chunk
from node.ledger.types import Checked, Digest, Epoch, Height
from node.service.opening import OpenedLedger, open_database
from node.store import keys
from node.store.database import Database
from node.store.kv import Operation
from node.store.staging import MANIFEST, OF_HEIGHTS, SWEEP, Staging, check_base, sweep
from node.store.work import WHOLE as WORK_WHOLE
from tests.node.network import OPEN, Client, make_genesis, make_node, open_folder, runtime
from tests.node.store.sim_kv import Crash, SimKV

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)
DEPTH = 4


class Source:
    """A chain of six blocks, and its state as manifest and chunks."""

    def __init__(self, folder: Path) -> None:
        async def live() -> None:
            node = make_node(folder, open_folder(folder, GENESIS_BYTES))
            await node.start()
            for number in range(6):
                made = CLIENT.enter(f"k{number}", number + 1)
                await node.submit(made.encode())
                assert await node.wait(made.id, 20)
            await node.stop()

        asyncio.run(live())
        ledger = open_folder(folder, GENESIS_BYTES)
        head = ledger.parent.header.height
        blocks = ledger.database.blocks
        self.header = blocks.header(head) or b""
        self.certificate = blocks.certificate(head) or b""
        self.manifest = Manifest((), self.header, self.certificate, DEPTH, ledger.tree.row(DEPTH))
        entries = list(ledger.database.state.entries())
        self.chunks: list[Chunk] = [
            [(key, value) for path, key, value in entries if path[0] >> 4 == number]
            for number in range(1 << DEPTH)
        ]
        ledger.database.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("source"))


def opened(kv: SimKV) -> OpenedLedger:
    """A start on this disk, with all its checks."""
    database = Database(kv, diff_heights=OPEN.diff_heights)
    return open_database(database, GENESIS, GENESIS_BYTES, runtime().registry, OPEN)


def gather(kv: SimKV, source: Source, past: Sequence[Operation] = ()) -> None:
    """What a node does, from wherever it stopped. ``past``: rows that it turns out to have."""
    database = opened(kv).database
    if past:
        kv.write(past, sync=True)
    if database.slot:
        return
    staging = Staging(database)
    if staging.manifest() is None:
        staging.begin(source.manifest.encode())
    for number, chunk in enumerate(source.chunks):
        digest = source.manifest.row[number][1]
        if staging.mark(number) != digest:
            check_chunk(source.manifest, number, chunk)
            staging.put(number, DEPTH, digest, chunk)
    header = Header.decode(source.header)
    staging.finish(OPEN.tree_depth, header.state_root)
    staging.switch(header, source.certificate, (), None)
    opened(kv)


def is_new(kv: SimKV, source: Source) -> bool:
    """Whether a start finds the new state; otherwise it must find the old one, whole."""
    ledger = opened(kv)
    head = Header.decode(source.header)
    if ledger.parent.header == head:
        assert ledger.tree.root == head.state_root
        assert ledger.database.floor() == head.height + 1
        assert kv.get(MANIFEST) is None, "what a switch leaves behind is swept at the start"
        return True
    assert ledger.parent.header.height == 0
    assert ledger.database.floor() == 0
    return False


def test_without_a_crash(source: Source) -> None:
    kv = SimKV()
    gather(kv, source)
    assert is_new(kv, source)
    assert source.manifest.verify(GENESIS).height == 6


def writes_of_a_whole_run(source: Source) -> int:
    kv = SimKV()
    gather(kv, source)
    return kv.writes


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_crash_at_each_write(source: Source, kind: str) -> None:
    count = writes_of_a_whole_run(source)
    assert count > 20
    news = 0
    for number in range(2, count + 1):
        kv = SimKV()
        if kind == "before":
            kv.crash_before = number
        else:
            kv.crash_after = number
        with pytest.raises(Crash):
            gather(kv, source)
        again = kv.after_crash()
        news += is_new(again, source)
        gather(again, source)
        assert is_new(again, source)
    assert 0 < news < count / 2, "some crashes come after the switch, most before"


def test_nothing_stays_of_what_a_node_had_before_the_switch(source: Source) -> None:
    """Blocks, contents, proposals and indexes of its own past, and what an earlier gathering left
    in the slot: afterwards the rows are those of a node that had no past."""
    height = 3
    had = [
        keys.at_height(kind, height)
        for kind in (
            keys.HEADER, keys.CERTIFICATE, keys.BODY, keys.RECEIPTS, keys.DIFF, keys.SEAL,
            keys.CHECKED, keys.INDEX_DIGEST,
        )
    ]  # fmt: skip
    had += [keys.attachment(height, 0), keys.proposal(height, bytes(32))]
    had += [keys.TRANSACTION + bytes(32), keys.COMMITMENT + bytes(32)]
    had += [keys.INDEX + b"kind", keys.WORK + b"list"]
    had += [keys.STATES[1] + bytes(32), keys.bucket(999, 1), keys.expiry(1, bytes(32), 1)]
    had += [keys.expiry(1, bytes(32), 0)]
    past: list[Operation] = [(key, b"old") for key in had]
    past.append((keys.NUMBER + bytes(32), keys.pack_height(height)))
    fresh, kv = SimKV(), SimKV()
    gather(fresh, source)
    gather(kv, source, past)
    assert is_new(kv, source)
    assert kv.rows() == fresh.rows()


def test_over_epochs_their_ends_and_the_base_stay_and_nothing_else(source: Source) -> None:
    """Both as this node had checked them, which is by their certificates and no more: it had run
    all of it itself before, and keeps nothing that would show it."""
    kv = SimKV()
    database = opened(kv).database
    block_0 = {key: value for key, value in kv.rows().items() if key in rows_of_height(kv, 0)}
    head, validators = Header.decode(source.header), GENESIS.validators
    ends = [
        replace(head, height=Height(height), epoch=Epoch(epoch),
                next_validators_hash=Digest(bytes([height]) * 32))
        for epoch, height in enumerate((3, 5, 8))
    ]  # fmt: skip
    *before, base = ends
    own = [(keys.at_height(kind, height), b"own") for kind in OF_HEIGHTS for height in range(1, 8)]
    own.append((keys.proposal(8, bytes(32)), b"what it voted for before it fell behind"))
    hashes = [(keys.NUMBER + bytes([height]) * 32, keys.pack_height(height)) for height in (2, 4)]
    indexed = [(kind + b"x", b"own") for kind in (keys.INDEX, keys.TRANSACTION, keys.COMMITMENT)]
    slots = [(row[0] + b"x", b"own") for row in (keys.STATES, keys.EXPIRIES, keys.BUCKETS)]
    kv.write([*own, *hashes, *indexed, *slots, (keys.staged(1), b"x")], sync=True)
    staging = Staging(database)
    staging.switch(
        base, b"certificate", [EpochEnd(end.encode(), b"its", validators) for end in before],
        validators,
    )  # fmt: skip
    assert database.switched, "it writes no more"
    new = Database(kv, diff_heights=50)
    assert kv.get(WORK_WHOLE) is None, "the work lists are of the old state"
    sweep(new)

    assert {key: kv.get(key) for key in block_0} == block_0
    for end in ends:
        height = end.height
        assert new.blocks.header(height) == end.encode()
        assert new.blocks.certificate(height) == (b"certificate" if end is base else b"its")
        assert new.checked(height) is Checked.CERTIFICATE
        assert new.blocks.height_of(end.hash) == height
        held = {key[:1] for key in rows_of_height(kv, height)}
        seal = {keys.SEAL} if end is base else set()
        assert held == {keys.HEADER, keys.CERTIFICATE, keys.CHECKED} | seal
    for height in (1, 2, 4, 6, 7):
        assert not rows_of_height(kv, height)
    named = [keys.unpack_height(value) for _, value in kv.iterate(*keys.all_of(keys.NUMBER))]
    assert sorted(named) == [0, 3, 5, 8]
    epochs = [(number, first) for number, first, _ in new.epochs()]
    assert epochs == [(0, 1), (1, 4), (2, 6), (3, 9)]
    assert (new.floor(), new.diff_floor()) == (9, 9)
    gone = (
        keys.STATES[0], keys.EXPIRIES[0], keys.BUCKETS[0], keys.STAGED, keys.INDEX,
        keys.TRANSACTION, keys.COMMITMENT, keys.WORK,
    )  # fmt: skip
    assert not [kind for kind in gone if list(kv.iterate(*keys.all_of(kind)))]
    assert kv.get(SWEEP) is None, "it is done, and not done again at each start"
    check_base(new)
    later = encode([13, validators.fields()])
    kv.write([(keys.epoch(4), later)], sync=True)
    check_base(new)  # the end of an epoch above the base is not looked for below it


def rows_of_height(kv: SimKV, height: int) -> set[bytes]:
    return {
        key for kind in OF_HEIGHTS for key, _ in kv.iterate(*keys.heights(kind, height, height + 1))
    }


def test_a_restart_does_not_gather_again_what_is_here(source: Source) -> None:
    kv = SimKV()
    kv.crash_after = 12
    with pytest.raises(Crash):
        gather(kv, source)
    staging = Staging(Database(kv.after_crash(), diff_heights=50))
    marks = [staging.mark(number) is not None for number in range(1 << DEPTH)]
    assert marks.count(True) >= 8
    assert not marks[-1]


def twist(chunk: Chunk, kind: str) -> Chunk | None:
    entries = list(chunk)
    if kind == "value":
        return [(entries[0][0], entries[0][1] + b"\0"), *entries[1:]]
    if kind == "key":
        return [("org/other", entries[0][1]), *entries[1:]]
    if kind == "missing":
        return entries[:-1]
    if kind == "order":
        return entries[::-1] if len(entries) > 1 else None
    return [*entries, entries[-1]]


@pytest.mark.parametrize("kind", ["value", "key", "missing", "order", "twice"])
def test_a_wrong_chunk_is_noticed_wherever_it_stands(source: Source, kind: str) -> None:
    tried = 0
    for number, chunk in enumerate(source.chunks):
        if not chunk:
            continue
        wrong = twist(chunk, kind)
        if wrong is None:
            continue
        with pytest.raises(InvalidProof):
            check_chunk(source.manifest, number, wrong)
        with pytest.raises(InvalidProof):
            check_chunk(source.manifest, (number + 1) % 16, chunk)
        tried += 1
    assert tried


def test_a_chunk_that_was_not_checked_never_becomes_the_state(source: Source) -> None:
    """M36: without the check of chunks there is still the root above them all."""
    kv = SimKV()
    staging = Staging(opened(kv).database)
    staging.begin(source.manifest.encode())
    full = next(number for number, chunk in enumerate(source.chunks) if chunk)
    for number, chunk in enumerate(source.chunks):
        wrong = twist(chunk, "missing") if number == full else chunk
        staging.put(number, DEPTH, b"", wrong or [])
    with pytest.raises(InvalidProof, match=r"snapshot\.root"):
        staging.finish(OPEN.tree_depth, Header.decode(source.header).state_root)
    assert staging.manifest() is None
    gather(kv, source)
    assert is_new(kv, source)


def test_chunk_and_manifest_bytes(source: Source) -> None:
    assert Manifest.decode(source.manifest.encode()) == source.manifest
    for chunk in source.chunks:
        assert list(decode_chunk(encode_chunk(chunk))) == list(chunk)


def forged(source: Source) -> Sequence[Manifest]:
    whole = source.manifest
    header = Header.decode(whole.header)
    row = list(whole.row)
    row[0], row[1] = row[1], row[0]
    other = replace(header, state_root=bytes(32)).encode()
    lower = replace(header, height=0).encode()
    return [
        replace(whole, row=tuple(row)),
        replace(whole, header=other),
        replace(whole, header=lower),
        replace(whole, certificate=whole.certificate[:-1] + bytes([whole.certificate[-1] ^ 1])),
    ]


def test_a_forged_manifest_is_refused(source: Source) -> None:
    for manifest in forged(source):
        with pytest.raises(InvalidProof):
            manifest.verify(GENESIS)
