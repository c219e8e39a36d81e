"""The state tree against its recursive definition: the clever one is judged by the dumb one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger import state_tree
from node.ledger.codec import encode
from node.ledger.errors import InvalidProof, Unavailable
from node.ledger.state_proof import (
    Form,
    StateProof,
    inner_hash,
    key_path,
    leaf_hash,
    value_hash,
    verify_absent,
    verify_present,
)
from node.ledger.state_tree import (
    BUCKET_BYTES,
    EMPTY,
    ENTRY_BYTES,
    Overlay,
    StateTree,
    bucket_of,
    compute_bucket_roots,
    compute_changes,
)
from node.ledger.types import ZERO_DIGEST, Digest
from tests.node.ledger.damage import bit_flips, extensions, truncations

DEPTHS = [0, 1, 4, 12]

HELD = BUCKET_BYTES + 64
"""Bytes of a bucket of one entry in the cache."""


def naive_root(entries: dict[bytes, bytes], depth: int = 0) -> bytes:
    """STORAGE.md section 4, word for word."""
    if not entries:
        return bytes(32)
    if len(entries) == 1:
        ((path, hashed),) = entries.items()
        return sha256(b"\x10" + path + hashed).digest()
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for path, hashed in entries.items():
        sides[path[depth // 8] >> (7 - depth % 8) & 1][path] = hashed
    left, right = naive_root(sides[0], depth + 1), naive_root(sides[1], depth + 1)
    return sha256(b"\x11" + left + right).digest()


class Model:
    """A tree over a dict that plays the store."""

    def __init__(self, depth: int, *, cache_bytes: int = 1 << 20) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.depth = depth
        self.asked = 0
        self.tree = StateTree(depth, self.source, cache_bytes=cache_bytes)

    def source(self, bucket: int) -> Iterable[tuple[bytes, bytes]]:
        self.asked += 1
        return sorted(
            item for item in self.entries.items() if bucket_of(item[0], self.depth) == bucket
        )

    def apply(self, changes: dict[bytes, bytes | None]) -> None:
        for path, hashed in changes.items():
            if hashed is None:
                self.entries.pop(path, None)
            else:
                self.entries[path] = hashed

    def commit(self, changes: dict[bytes, bytes | None]) -> Overlay:
        overlay = self.tree.overlay(changes)
        self.apply(changes)
        self.tree.commit(overlay)
        return overlay


def after(entries: dict[bytes, bytes], *changes: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    result = dict(entries)
    for change in changes:
        for path, hashed in change.items():
            if hashed is None:
                result.pop(path, None)
            else:
                result[path] = hashed
    return result


def path_of(prefix: str, tail: int = 0) -> bytes:
    """A path that begins with the bits of ``prefix`` and ends in ``tail``."""
    bits = prefix.ljust(240, "0") + f"{tail:016b}"
    return int(bits, 2).to_bytes(32, "big")


# Few paths that share long prefixes, so that leaves are lifted and sunk all the time.
PATHS = st.one_of(
    st.builds(path_of, st.text("01", max_size=8), st.integers(0, 3)),
    st.integers(0, 255).map(lambda bit: (1 << bit).to_bytes(32, "big")),
    st.integers(0, 40).map(lambda n: sha256(bytes([n])).digest()),
)
CHANGES = st.dictionaries(PATHS, st.none() | st.binary(min_size=32, max_size=32), max_size=8)


@pytest.mark.parametrize("depth", DEPTHS)
@given(rounds=st.lists(CHANGES, max_size=8))
@settings(max_examples=50)
def test_root_is_the_recursive_definition_after_any_changes(
    depth: int, rounds: list[dict[bytes, bytes | None]]
) -> None:
    model = Model(depth, cache_bytes=3 * HELD)
    assert model.tree.root == ZERO_DIGEST
    for changes in rounds:
        model.commit(changes)
        assert model.tree.root == naive_root(model.entries)


@given(CHANGES, CHANGES, CHANGES)
@settings(max_examples=50)
def test_overlays_on_overlays_show_what_committing_would(
    first: dict[bytes, bytes | None],
    second: dict[bytes, bytes | None],
    third: dict[bytes, bytes | None],
) -> None:
    model = Model(4)
    model.commit(first)
    below = model.tree.overlay(second)
    dropped = model.tree.overlay(third)
    above = model.tree.overlay(third, below)
    expected = naive_root(after(model.entries, second, third))
    assert below.root == naive_root(after(model.entries, second))
    assert dropped.root == naive_root(after(model.entries, third))
    assert above.root == expected
    assert model.tree.root == naive_root(model.entries)
    model.apply(second)
    model.tree.commit(below)
    assert model.tree.overlay(third, below).root == expected
    model.apply(third)
    model.tree.commit(above)
    assert model.tree.root == expected == naive_root(model.entries)
    assert model.tree.overlay(first).root == naive_root(after(model.entries, first))


@given(st.dictionaries(PATHS, st.binary(min_size=32, max_size=32), max_size=12), st.randoms())
@settings(max_examples=50)
def test_root_depends_on_the_set_only(entries: dict[bytes, bytes], order: random.Random) -> None:
    roots = set()
    for depth in DEPTHS:
        one_by_one = Model(depth)
        shuffled = list(entries.items())
        order.shuffle(shuffled)
        for path, hashed in shuffled:
            one_by_one.commit({path: hashed})
        built = StateTree.build(depth, one_by_one.source, sorted(entries.items()))
        roots |= {one_by_one.tree.root, built.root}
        persisted = list(compute_bucket_roots(depth, sorted(entries.items())))
        roots.add(StateTree.load(depth, one_by_one.source, reversed(persisted)).root)
    assert roots == {naive_root(entries)}


@given(st.lists(CHANGES, min_size=1, max_size=5))
@settings(max_examples=50)
def test_bucket_roots_of_overlays_are_enough_to_load(
    rounds: list[dict[bytes, bytes | None]],
) -> None:
    model = Model(4)
    persisted: dict[int, tuple[int, int, bytes]] = {}
    for changes in rounds:
        for number, kind, digest in model.commit(changes).bucket_roots():
            persisted[number] = (number, kind, digest)
    loaded = StateTree.load(4, model.source, persisted.values())
    assert loaded.root == model.tree.root
    kept = {number for number, (_, kind, _) in persisted.items() if kind != EMPTY}
    assert kept == {bucket_of(path, 4) for path in model.entries}


def test_writing_what_is_there_changes_nothing() -> None:
    model = Model(4)
    model.commit({path_of("01"): bytes(32), path_of("11"): bytes(32)})
    same = model.tree.overlay({path_of("01"): bytes(32), path_of("0011"): None})
    assert same.root == model.tree.root
    assert same.bucket_roots() == []
    assert model.tree.overlay({}).root == model.tree.root
    model.tree.commit(same)


def test_a_stale_overlay_is_a_bug() -> None:
    model = Model(4)
    stale = model.tree.overlay({path_of("1"): bytes(32)})
    model.commit({path_of("0"): bytes(32)})
    with pytest.raises(AssertionError, match="after its parent"):
        model.tree.commit(stale)
    with pytest.raises(AssertionError, match="another chain of blocks"):
        model.tree.overlay({path_of("0"): None}, stale)


def test_busy_buckets_are_not_asked_for_again() -> None:
    model = Model(4)
    model.entries = {path_of(f"{n:04b}"): bytes(32) for n in range(16)}
    roots = compute_bucket_roots(4, sorted(model.entries.items()))
    model.tree = StateTree.load(4, model.source, roots, cache_bytes=8 * (BUCKET_BYTES + 64))
    busy, others = path_of("0000"), [path_of(f"{n:04b}") for n in range(1, 16)]
    for turn, other in enumerate(others, 1):
        model.commit({busy: bytes([turn] * 32), other: bytes([turn] * 32)})
    assert model.asked == 1 + len(others)
    model.commit({others[-1]: bytes(32)})
    assert model.asked == 1 + len(others)
    model.commit({others[0]: bytes(32)})  # it made room for others
    assert model.asked == 2 + len(others)
    assert model.tree.root == naive_root(model.entries)


@given(st.lists(CHANGES, max_size=8), st.integers(0, 4 * HELD))
def test_what_is_held_is_within_its_bound(
    rounds: list[dict[bytes, bytes | None]], room: int
) -> None:
    model = Model(4, cache_bytes=room)
    for changes in rounds:
        model.commit(changes)
        most = BUCKET_BYTES + 64 * len(model.entries | changes)
        assert model.tree.held_bytes <= room + most


def test_a_proof_from_a_store_that_is_ahead_is_put_off() -> None:
    """The batch of a block is on disk a moment before the tree follows it."""
    model = Model(4, cache_bytes=0)
    model.commit({path_of("0000"): bytes(32), path_of("1000"): bytes(32)})
    overlay = model.tree.overlay(changes := {path_of("0000", 1): bytes(32)})
    model.apply(changes)
    model.tree.prove_path(path_of("1000"))  # the one bucket that a cache of nothing holds
    with pytest.raises(Unavailable, match="head-moved"):
        model.tree.prove_path(path_of("0000"))
    model.tree.commit(overlay)
    assert model.tree.prove_path(path_of("0000")).form is Form.PRESENT


@contextmanager
def planted(name: str, replacement: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_tree, name, replacement)
        yield


def never_lift(bucket: bytes, depth: int) -> state_tree.Node:
    """A bucket root that forgets to lift a leaf over an empty sibling of a pair."""
    if len(bucket) <= ENTRY_BYTES:
        return (state_tree.LEAF, bucket[32:]) if bucket else (EMPTY, ZERO_DIGEST)
    split = max(ENTRY_BYTES, state_tree._split(bucket, depth))
    left, right = bucket[:split], bucket[split:]
    if not right:
        return never_lift(left, depth + 1)
    return state_tree.INNER, inner_hash(
        never_lift(left, depth + 1)[1], never_lift(right, depth + 1)[1]
    )


fold, change = state_tree._fold, state_tree._change


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("_subtree", never_lift),
        ("_fold", lambda heads, low, high, depth, bits: fold(heads, low, high, depth + 1, bits)),
        ("_change", lambda bucket, paths, changes: change(bucket, paths[:1], changes)),
        ("leaf_hash", lambda path, hashed: Digest(sha256(b"\x10" + path).digest())),
        ("inner_hash", lambda left, right: Digest(sha256(b"\x11" + right + left).digest())),
    ],
)
def test_a_planted_bug_is_found_by_the_definition(name: str, replacement: object) -> None:
    rng = random.Random(7)
    with planted(name, replacement):
        model = Model(4)
        for _ in range(20):
            changes: dict[bytes, bytes | None] = {
                rng.randbytes(32): rng.randbytes(32) for _ in range(3)
            }
            model.apply(changes)
            model.tree.commit(model.tree.overlay(changes))
            if model.tree.root != naive_root(model.entries):
                return
    pytest.fail("the planted bug was not noticed")


def test_two_keys_with_a_common_prefix_of_255_bits() -> None:
    first, second = bytes(32), (1).to_bytes(32, "big")
    for depth in DEPTHS:
        model = Model(depth)
        model.commit({first: b"\x01" * 32, second: b"\x02" * 32})
        assert model.tree.root == naive_root(model.entries)
        proof = model.tree.prove_path(first)
        assert len(proof.siblings) == 256
        assert StateProof.decode(proof.encode()) == proof
        model.commit({second: None})
        assert model.tree.prove_path(first).siblings == ()
        assert model.tree.root == leaf_hash(first, b"\x01" * 32)


def test_a_path_that_is_found_inside_of_another_entry_is_not_there() -> None:
    model = Model(0)
    model.commit({bytes(32): b"\x01" * 32})
    inside = leaf_hash(bytes(32), b"\x01" * 32)
    model.commit({inside: b"\x02" * 32})
    assert model.tree.root == naive_root(model.entries)
    assert model.tree.prove_path(inside).form is Form.PRESENT


# --- State keys, proofs -----------------------------------------------------------------------


TABLE = {
    "claim/a": {"status": "settled", "total_fen": 123_400},
    "claim/b": {"status": "open"},
    "fund/430100": {"310100": -5},
    "org/centre": ["centre"],
    "person/p:430100:7f3a": {"salt": bytes(32)},
}


def keyed(depth: int, size: int = 0) -> tuple[Model, dict[str, bytes]]:
    values = {key: encode(value) for key, value in TABLE.items()}
    values |= {f"claim/{number}": encode(number) for number in range(size)}
    model = Model(depth)
    model.commit(compute_changes(values))
    return model, values


def test_golden_state_roots_are_frozen() -> None:
    assert key_path("claim/a").hex() == (
        "c0172048cb0ee9c8d864bf7e7f872f108322165d4debbc3b9fdf2d5224daeb8e"
    )
    for depth in DEPTHS:
        assert keyed(depth)[0].tree.root.hex() == (
            "0d576cb059c20fa586fac33a2c1b3621b4208deb15bbe181288e397d035de382"
        )


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_entry_is_proved_and_every_other_key_proved_absent(depth: int) -> None:
    model, values = keyed(depth, 60)
    root = model.tree.root
    forms = set()
    for key, value in values.items():
        proof = model.tree.prove(key).encode()
        verify_present(root, key, value, proof)
        with pytest.raises(InvalidProof):
            verify_absent(root, key, proof)
        with pytest.raises(InvalidProof):
            verify_present(root, key, value + b"\x00", proof)
        with pytest.raises(InvalidProof):
            verify_present(root, key + "x", value, proof)
    for number in range(100):
        key = f"claim/absent-{number}"
        absence = model.tree.prove(key)
        forms.add(absence.form)
        verify_absent(root, key, absence.encode())
        with pytest.raises(InvalidProof):
            verify_present(root, key, encode(number), absence.encode())
    assert forms == {Form.ABSENT_EMPTY, Form.ABSENT_OTHER}


def test_a_bucket_that_is_split_in_a_wrong_place_is_found_by_its_proofs() -> None:
    model, values = keyed(DEPTHS[0])
    with planted("_split", lambda bucket, depth: len(bucket) // ENTRY_BYTES // 2 * ENTRY_BYTES):
        wrong = 0
        for key, value in values.items():
            try:
                verify_present(model.tree.root, key, value, model.tree.prove(key).encode())
            except InvalidProof:
                wrong += 1
    assert wrong


def test_a_proof_is_for_one_root() -> None:
    model, values = keyed(4, 10)
    old_root, proof = model.tree.root, model.tree.prove("claim/a").encode()
    model.commit(compute_changes({"claim/b": encode("changed")}))
    verify_present(old_root, "claim/a", values["claim/a"], proof)
    with pytest.raises(InvalidProof, match="root-differs"):
        verify_present(model.tree.root, "claim/a", values["claim/a"], proof)


@pytest.mark.parametrize("key", ["claim/a", "claim/7", "claim/absent-0", "claim/absent-1", "none"])
def test_every_truncation_bit_change_and_extension_of_a_proof_is_refused(key: str) -> None:
    model, values = keyed(4, 30)
    root, proof = model.tree.root, model.tree.prove(key).encode()

    def verify(candidate: bytes) -> None:
        if key in values:
            verify_present(root, key, values[key], candidate)
        else:
            verify_absent(root, key, candidate)

    verify(proof)
    for damaged in [*truncations(proof), *bit_flips(proof), *extensions(proof)]:
        with pytest.raises(InvalidProof):
            verify(damaged)


def test_an_empty_tree_proves_every_absence() -> None:
    proof = Model(4).tree.prove("claim/a").encode()
    verify_absent(ZERO_DIGEST, "claim/a", proof)
    with pytest.raises(InvalidProof):
        verify_present(ZERO_DIGEST, "claim/a", b"", proof)


def test_absence_cannot_be_shown_with_a_leaf_from_elsewhere() -> None:
    """The leaf must stand on the key's own way: sharing the root is not enough."""
    model, _ = keyed(4, 30)
    root = model.tree.root
    victim = key_path("claim/a")
    refused = 0
    for key in ("claim/b", "claim/3", "claim/9", "fund/430100"):
        neighbour = model.tree.prove(key)
        hashed = model.entries[key_path(key)]
        forged = StateProof(Form.ABSENT_OTHER, neighbour.siblings, (key_path(key), Digest(hashed)))
        with pytest.raises(InvalidProof):
            verify_absent(root, "claim/a", forged.encode())
        refused += 1
    own = StateProof(
        Form.ABSENT_OTHER,
        model.tree.prove("claim/a").siblings,
        (victim, Digest(model.entries[victim])),
    )
    with pytest.raises(InvalidProof, match="present"):
        verify_absent(root, "claim/a", own.encode())
    assert refused == 4


def test_a_proof_that_could_be_shorter_is_refused() -> None:
    value = encode("x")
    path = key_path("k")
    leaf = leaf_hash(path, value_hash(value))
    deeper = StateProof(Form.PRESENT, (ZERO_DIGEST,))
    sides = (leaf, ZERO_DIGEST) if path[0] < 0x80 else (ZERO_DIGEST, leaf)
    with pytest.raises(InvalidProof, match="not-compact"):
        verify_present(inner_hash(*sides), "k", value, deeper.encode())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "state-proof.length"),
        (b"\x01\x00", "state-proof.length"),
        (b"\x00\x00\x00", "state-proof.form"),
        (b"\x04\x00\x00", "state-proof.form"),
        (b"\x01\x01\x01" + bytes(33), "state-proof.depth"),
        (b"\x01\xff\xff", "state-proof.depth"),
        (b"\x01\x00\x01\x40", "state-proof.bitmap"),
        (b"\x01\x00\x01\x80" + bytes(31), "state-proof.length"),
        (b"\x01\x00\x01\x80" + bytes(33), "state-proof.length"),
        (b"\x01\x00\x01\x80" + bytes(32), "state-proof.empty-sibling-given"),
        (b"\x01\x00\x01", "state-proof.length"),
        (b"\x03\x00\x00" + bytes(63), "state-proof.length"),
        (b"\x01" + bytes(10_000), "state-proof.length"),
    ],
)
def test_the_layout_of_a_proof_has_no_slack(data: bytes, code: str) -> None:
    with pytest.raises(InvalidProof) as refusal:
        StateProof.decode(data)
    assert refusal.value.code == code


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_random_bytes_are_no_proof(data: bytes) -> None:
    for verify in (
        lambda: verify_present(ZERO_DIGEST, "k", b"", data),
        lambda: verify_absent(b"\x01" * 32, "k", data),
    ):
        with pytest.raises(InvalidProof):
            verify()


def test_a_thousand_random_keys_against_a_dict() -> None:
    rng = random.Random(1)
    model, values = keyed(12, 0)
    for _ in range(20):
        writes: dict[str, bytes | None] = {}
        for _ in range(50):
            key = f"claim/{rng.randrange(1500)}"
            writes[key] = None if rng.random() < 0.2 else encode(rng.randrange(2**40))
        model.commit(compute_changes(writes))
        for key, value in writes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
    root = model.tree.root
    assert root == naive_root(model.entries)
    for number in range(1500):
        key = f"claim/{number}"
        proof = model.tree.prove(key).encode()
        if key in values:
            verify_present(root, key, values[key], proof)
        else:
            verify_absent(root, key, proof)
