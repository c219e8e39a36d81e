"""RFC 6962 trees: public vectors, the recursive definition, and every damaged proof."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger import merkle
from node.ledger.errors import InvalidProof
from node.ledger.types import Digest


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = naive_root(leaves[:split]), naive_root(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


def tree(size: int) -> tuple[list[bytes], list[Digest], Digest]:
    leaves = [b"leaf %d" % number for number in range(size)]
    return leaves, [merkle.leaf_hash(leaf) for leaf in leaves], merkle.compute_root(leaves)


def raw(text: str | None) -> bytes:
    return base64.b64decode(text) if text else b""


def run_vector(vector: dict[str, Any]) -> None:
    proof = [raw(item) for item in vector["proof"] or []]
    match vector["kind"]:
        case "inclusion":
            merkle.verify_inclusion(
                raw(vector["root"]), vector["treeSize"], vector["leafIdx"],
                raw(vector["leafHash"]), proof,
            )  # fmt: skip
        case "subtreeinclusion":
            size, index = vector["end"] - vector["start"], vector["leafIdx"] - vector["start"]
            merkle.verify_inclusion(
                raw(vector["root"]), size, index, raw(vector["leafHash"]), proof
            )
        case "consistency":
            merkle.verify_consistency(
                vector["size1"], raw(vector["root1"]), vector["size2"], raw(vector["root2"]), proof
            )
        case "subtreeconsistency":
            merkle.verify_subtree(
                (vector["start"], vector["end"]), raw(vector["root1"]), vector["size"],
                raw(vector["root2"]), proof,
            )  # fmt: skip


def test_transparency_dev_all_vectors(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "vectors" / "transparency_dev_merkle.json").read_bytes())
    assert len(vectors) == 518
    for vector in vectors:
        if vector["wantErr"]:
            with pytest.raises(InvalidProof):
                run_vector(vector)
        else:
            run_vector(vector)


@pytest.mark.parametrize("size", range(71))
def test_root_is_the_recursive_definition(size: int) -> None:
    leaves, _, root = tree(size)
    assert root == naive_root(leaves)


def test_golden_roots_are_frozen() -> None:
    assert [merkle.compute_root([b"a", b"b", b"c"][:n]).hex()[:16] for n in range(4)] == [
        "e3b0c44298fc1c14",
        "022a6979e6dab7aa",
        "b137985ff484fb60",
        "36642e73c2540ab1",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 33])
def test_every_leaf_is_proved_and_nowhere_else(size: int) -> None:
    _, hashes, root = tree(size)
    for index in range(size):
        path = merkle.inclusion_path(hashes, index)
        merkle.verify_inclusion(root, size, index, hashes[index], path)
        for other in [*range(size), -1, size, size + 1]:
            if other != index:
                with pytest.raises(InvalidProof):
                    merkle.verify_inclusion(root, size, other, hashes[index], path)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_every_damaged_inclusion_proof_is_refused(size: int) -> None:
    _, hashes, root = tree(size)
    for index in range(size):
        path = merkle.inclusion_path(hashes, index)
        for damaged in damaged_paths(path):
            with pytest.raises(InvalidProof):
                merkle.verify_inclusion(root, size, index, hashes[index], damaged)
        with pytest.raises(InvalidProof):
            merkle.verify_inclusion(flip(root, 0), size, index, hashes[index], path)
        with pytest.raises(InvalidProof):
            merkle.verify_inclusion(root, size, index, flip(hashes[index], 7), path)


def damaged_paths(path: list[Digest]) -> list[list[bytes]]:
    damaged: list[list[bytes]] = [[*path, bytes(32)], [bytes(32), *path], [*path, b""]]
    for place, item in enumerate(path):
        damaged.append(path[:place] + path[place + 1 :])
        damaged += [[*path[:place], flip(item, bit), *path[place + 1 :]] for bit in range(256)]
        damaged += [[*path[:place], item[:-1], *path[place + 1 :]]]
    return damaged


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(changed)


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_prefix_is_proved_consistent(first: int, second: int) -> None:
    old, new = sorted((first, second))
    _, hashes, root = tree(new)
    old_root = merkle.root_of(hashes[:old])
    path = merkle.consistency_path(hashes, old)
    merkle.verify_consistency(old, old_root, new, root, path)
    for damaged in ([*path, bytes(32)], path[:-1], path[1:]):
        if damaged != path:
            with pytest.raises(InvalidProof):
                merkle.verify_consistency(old, old_root, new, root, damaged)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(old, flip(old_root, 3), new, root, path)


def subtree_path(hashes: list[Digest], start: int, end: int, whole: bool = True) -> list[Digest]:
    """The draft's recursive definition of a subtree consistency proof."""
    if (start, end) == (0, len(hashes)):
        return [] if whole else [merkle.root_of(hashes)]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = hashes[:split], hashes[split:]
    if end <= split:
        return [*subtree_path(left, start, end, whole), merkle.root_of(right)]
    if split <= start:
        return [*subtree_path(right, start - split, end - split, whole), merkle.root_of(left)]
    return [*subtree_path(right, 0, end - split, False), merkle.root_of(left)]


def test_every_subtree_of_small_trees_is_proved_and_no_other() -> None:
    """The public vectors have refusals for subtrees that do not start at 0, but no acceptance."""
    proved = 0
    for size in range(1, 18):
        _, hashes, root = tree(size)
        for start in range(size):
            for end in range(start + 1, size + 1):
                part = merkle.root_of(hashes[start:end])
                if start % (1 << (end - start - 1).bit_length()):
                    with pytest.raises(InvalidProof, match="size-range"):
                        merkle.verify_subtree((start, end), part, size, root, [])
                    continue
                path = subtree_path(hashes, start, end)
                merkle.verify_subtree((start, end), part, size, root, path)
                proved += 1
                for bad_part, bad_root, bad_path in (
                    (flip(part, 9), root, path),
                    (part, flip(root, 9), path),
                    (part, root, [*path, part]),
                    (part, root, [flip(item, 9) for item in path] or [part]),
                ):
                    with pytest.raises(InvalidProof):
                        merkle.verify_subtree((start, end), bad_part, size, bad_root, bad_path)
    assert proved == 398  # all valid subtrees of 17 trees


def test_a_tree_is_no_prefix_of_a_smaller_one() -> None:
    """Not even of one with the same root: the walk alone would meet it at the top."""
    _, _, root = tree(4)
    for span in ((0, 8), (0, 5), (4, 8)):
        with pytest.raises(InvalidProof, match="size-range"):
            merkle.verify_subtree(span, root, 4, root, [])
    with pytest.raises(InvalidProof, match="size-range"):
        merkle.verify_consistency(8, root, 4, root, [])


def test_a_rewritten_history_is_not_consistent() -> None:
    _, hashes, _ = tree(7)
    rewritten = [merkle.leaf_hash(b"other"), *hashes[1:]]
    path = merkle.consistency_path(rewritten, 4)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(4, merkle.root_of(hashes[:4]), 7, merkle.root_of(rewritten), path)


def test_doubling_the_last_leaf_changes_the_root() -> None:
    """CVE-2012-2459: trees that double an odd leaf give both lists one root."""
    assert merkle.compute_root([b"1", b"2", b"3"]) != merkle.compute_root([b"1", b"2", b"3", b"3"])


def test_an_inner_node_is_not_taken_for_a_leaf() -> None:
    _, hashes, root = tree(4)
    inner = hashes[0] + hashes[1]
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(
            root, 2, 0, merkle.leaf_hash(inner), [merkle.node_hash(hashes[2], hashes[3])]
        )


def test_the_number_of_leaves_is_part_of_the_claim() -> None:
    _, hashes, root = tree(6)
    path = merkle.inclusion_path(hashes, 5)
    merkle.verify_inclusion(root, 6, 5, hashes[5], path)
    for size in (0, 5, 7, 8, 2**63):
        with pytest.raises(InvalidProof):
            merkle.verify_inclusion(root, size, 5, hashes[5], path)


def test_a_path_of_absurd_length_is_refused_before_it_is_hashed() -> None:
    with pytest.raises(InvalidProof, match="path-too-long"):
        merkle.verify_inclusion(bytes(32), 2**62, 0, bytes(32), [bytes(32)] * 100_000)
