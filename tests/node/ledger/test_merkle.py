"""RFC 6962 trees: public vectors, the recursive definition, and every damaged proof."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

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


def test_transparency_dev_inclusion_vectors(shared_data: Path) -> None:
    found = json.loads((shared_data / "vectors" / "transparency_dev_merkle.json").read_bytes())
    vectors = [vector for vector in found if vector["kind"] in ("inclusion", "subtreeinclusion")]
    assert len(vectors) == 302
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
