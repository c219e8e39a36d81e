"""Evidence files: genesis is enough to believe them, and nothing in them can be bent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.block import Validator, ValidatorSet
from node.ledger.codec import decode, encode
from node.ledger.crypto import H
from node.ledger.errors import CodecError, InvalidProof
from node.ledger.evidence import (
    ReceiptFacts,
    StateFacts,
    Trail,
    build_receipt_evidence,
    build_state_evidence,
    verify_evidence,
)
from node.ledger.types import OrgId
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.world import (
    Committed,
    World,
    bureau,
    certify,
    explanation_of,
    make_genesis,
    make_transaction,
    public,
    receipts_of,
)


@cache
def history() -> World:
    """Two changes of validators: four, five with a newcomer, five with a rotated key."""
    world = World()
    chain = world.genesis.chain
    world.commit([make_transaction(chain, 1)])
    world.commit([make_transaction(chain, 2)], next_numbers=[0, 1, 2, 3, 4])
    world.commit([make_transaction(chain, 3)], next_numbers=[0, 1, 2, 3, 104])
    world.commit([make_transaction(chain, n, calls=2) for n in (4, 5, 6)])
    return world


def receipt_file(world: World, block: Committed, index: int, *, whole: bool = True) -> bytes:
    receipt = block.receipts[index]
    (transaction,) = (item for item in block.transactions if item.id == receipt.tx_id)
    indexes = transaction.body.calls[receipt.call_index].attachments
    return build_receipt_evidence(
        world.certified(block),
        [item.encode_leaf() for item in block.transactions],
        [item.encode() for item in block.receipts],
        index,
        attachments=[(i, transaction.attachments[i]) for i in indexes] if whole else [],
        explanation=explanation_of(transaction, receipt.call_index) if whole else None,
    )


def state_file(world: World, key: str) -> bytes:
    block = world.blocks[-1]
    proof = world.tree.prove(key).encode()
    return build_state_evidence(world.certified(block), key, world.state.get(key), proof)


def refuse(data: bytes, world: World) -> InvalidProof:
    with pytest.raises(InvalidProof) as refusal:
        verify_evidence(data, world.genesis)
    return refusal.value


@pytest.mark.parametrize("height", [1, 2, 3, 4])
def test_a_receipt_is_proved_in_every_epoch(height: int) -> None:
    world = history()
    block = world.blocks[height - 1]
    for index, receipt in enumerate(block.receipts):
        facts = verify_evidence(receipt_file(world, block, index), world.genesis)
        assert isinstance(facts, ReceiptFacts)
        assert facts.header == block.header
        assert facts.receipt == receipt
        assert facts.call == facts.transaction.body.calls[receipt.call_index]
        assert facts.explanation == {"steps": [{"step": "deductible"}]}
        assert decode(facts.attachments["validators"])["lines"][0]["code"] == "made-up"
        assert len(facts.signers) >= 3
        assert set(facts.signers) <= {bureau(n) for n in range(5)}


def test_attachments_and_explanation_may_be_withheld() -> None:
    world = history()
    facts = verify_evidence(receipt_file(world, world.blocks[3], 2, whole=False), world.genesis)
    assert isinstance(facts, ReceiptFacts)
    assert facts.attachments == {}
    assert facts.explanation is None


def test_a_state_entry_and_an_absence_are_proved() -> None:
    world = history()
    facts = verify_evidence(state_file(world, "param/x"), world.genesis)
    assert facts == StateFacts(world.head, facts.signers, "param/x", 1, True)
    facts = verify_evidence(state_file(world, "claim/none"), world.genesis)
    assert isinstance(facts, StateFacts)
    assert (facts.present, facts.value) == (False, None)


def test_golden_file_is_frozen() -> None:
    world = history()
    data = receipt_file(world, world.blocks[3], 2)
    assert H("yibao/tx/v1", data).hex() == (
        "cd58f50f2f7011e721e2e1a2ab4eb2929b2b5ed4b03b12aac280fca2bb1e49d5"
    )


def small() -> World:
    world = World(1)
    world.commit([make_transaction(world.genesis.chain, 1)])
    return world


def test_every_single_bit_change_of_a_small_file_is_refused() -> None:
    world = small()
    for data in (receipt_file(world, world.blocks[0], 0), state_file(world, "param/x")):
        for damaged in bit_flips(data):
            refuse(damaged, world)


def test_every_truncation_and_extension_of_a_small_file_is_refused() -> None:
    world = small()
    for data in (receipt_file(world, world.blocks[0], 0), state_file(world, "claim/none")):
        for damaged in [*truncations(data), *extensions(data)]:
            refuse(damaged, world)


def test_sampled_damage_of_a_large_file_is_refused() -> None:
    world = history()
    data = receipt_file(world, world.blocks[3], 2)
    assert len(data) > 3_000
    for damaged in [*truncations(data, 200), *bit_flips(data, 600)]:
        refuse(damaged, world)


def test_another_genesis_refuses_the_file() -> None:
    world = history()
    data = receipt_file(world, world.blocks[0], 0)
    with pytest.raises(InvalidProof, match="wrong-chain"):
        verify_evidence(data, make_genesis(5))


# --- Forgeries: well-formed files that say something untrue ------------------------------------


def bent(data: bytes, bend: Any) -> bytes:
    fields = decode(data)
    bend(fields)
    return encode(fields)


def swap_epochs(fields: list[Any]) -> None:
    fields[3].reverse()


def skip_epoch(fields: list[Any]) -> None:
    del fields[3][0]


def repeat_epoch(fields: list[Any]) -> None:
    fields[3].insert(0, fields[3][0])


def other_validators(fields: list[Any]) -> None:
    fields[3][0][2] = fields[3][0][2][:4]


def other_certificate(fields: list[Any]) -> None:
    fields[5] = fields[3][0][1]


def no_certificate(fields: list[Any]) -> None:
    fields[5] = b""


def other_kind(fields: list[Any]) -> None:
    fields[2] = "state"


def unknown_kind(fields: list[Any]) -> None:
    fields[2] = "rumour"


def other_format(fields: list[Any]) -> None:
    fields[0] = "yibao-evidence/2"


def extra_field(fields: list[Any]) -> None:
    fields.append(None)


def extra_subject_field(fields: list[Any]) -> None:
    fields[6].append(None)


def other_receipt_index(fields: list[Any]) -> None:
    fields[6][4] += 1


def other_transaction_index(fields: list[Any]) -> None:
    fields[6][1] = 0


def longer_path(fields: list[Any]) -> None:
    fields[6][5].append(bytes(32))


def attachment_of_another_call(fields: list[Any]) -> None:
    fields[6][6][0][0] = 1


def attachment_twice(fields: list[Any]) -> None:
    fields[6][6] *= 2


def other_attachment(fields: list[Any]) -> None:
    fields[6][6][0][2] += b"\x00"


def other_explanation(fields: list[Any]) -> None:
    fields[6][7][1] = encode({"steps": []})


def sized_blind(fields: list[Any]) -> None:
    """The commitment is over blind || content: moving the border must not go unnoticed."""
    blind, content = fields[6][7]
    fields[6][7] = [blind + content[:1], content[1:]]


@pytest.mark.parametrize(
    "bend",
    [
        swap_epochs, skip_epoch, repeat_epoch, other_validators, other_certificate, no_certificate,
        other_kind, unknown_kind, other_format, extra_field, extra_subject_field,
        other_receipt_index, other_transaction_index, longer_path, attachment_of_another_call,
        attachment_twice, other_attachment, other_explanation, sized_blind,
    ],
    ids=lambda bend: bend.__name__,
)  # fmt: skip
def test_a_bent_file_is_refused(bend: Any) -> None:
    world = history()
    refuse(bent(receipt_file(world, world.blocks[3], 2), bend), world)


def test_an_epoch_that_did_not_end_cannot_be_slipped_in() -> None:
    """Else a file could pretend a change of validators that the chain never made."""
    world = history()
    plain = world.blocks[0]

    def slip(fields: list[Any]) -> None:
        validators = world.genesis.validators.fields()
        fields[3].insert(0, [plain.header.encode(), plain.certificate.encode(), validators])

    refusal = refuse(bent(receipt_file(world, world.blocks[3], 2), slip), world)
    assert refusal.code == "evidence.not-epoch-final"


def test_validators_who_left_cannot_certify_later_blocks() -> None:
    """The old set signs a block of its own on top of the change: its epoch is over."""
    world = history()
    last = world.blocks[3].header
    old = world.genesis.validators
    claimed = replace(last, epoch=type(last.epoch)(0), validators_hash=old.hash)
    certificate = certify(claimed, old, [0, 1, 2, 3], [0, 1, 2])
    data = receipt_file(world, world.blocks[3], 2)

    def with_history(fields: list[Any]) -> None:
        fields[4], fields[5] = claimed.encode(), certificate.encode()

    refusal = refuse(bent(data, with_history), world)
    assert (refusal.code, refusal.values["wanted"]) == ("evidence.epoch", 2)


def test_validators_of_a_forgers_own_cannot_follow_a_true_end_of_an_epoch() -> None:
    """The end is certified; whom it names is its header's to say, and not the file's."""
    world = history()
    numbers = [200, 201, 202, 203]
    own = ValidatorSet(tuple(Validator(OrgId(bureau(n % 100)), public(n)) for n in numbers))
    last = world.blocks[3].header
    claimed = replace(last, epoch=type(last.epoch)(1), validators_hash=own.hash)
    certificate = certify(claimed, own, numbers, [0, 1, 2])
    end = world.epochs[0]

    def with_own(fields: list[Any]) -> None:
        fields[3] = [[end.header, end.certificate, own.fields()]]
        fields[4], fields[5] = claimed.encode(), certificate.encode()

    data = receipt_file(world, world.blocks[3], 2)
    assert refuse(bent(data, with_own), world).code == "evidence.validators"


def test_what_the_same_validators_certified_in_another_network_is_of_another_network() -> None:
    """A test network run with the keys of this one: its certificates are good, for itself."""
    world = history()
    block = world.blocks[0]
    elsewhere = replace(block.header, chain=H("genesis", b"another"))
    certificate = certify(elsewhere, world.genesis.validators, [0, 1, 2, 3], [0, 1, 2])

    def moved(fields: list[Any]) -> None:
        fields[4], fields[5] = elsewhere.encode(), certificate.encode()

    def named(fields: list[Any]) -> None:
        fields[1] = elsewhere.chain

    data = receipt_file(world, block, 0)
    for bend in (moved, named):
        assert refuse(bent(data, bend), world).code == "evidence.wrong-chain"


def test_what_is_certified_stands_above_all_that_was() -> None:
    world = history()
    first, second = ((b.header.encode(), b.certificate.encode()) for b in world.blocks[:2])
    trail = Trail(world.genesis.chain, world.genesis.validators)
    trail.certify(*first)
    with pytest.raises(InvalidProof, match="height"):
        trail.certify(*first)
    trail.certify(*second)
    assert trail.height == 2
    with pytest.raises(InvalidProof, match="height"):
        trail.certify(*first)


def test_an_attachment_is_shown_under_its_own_call() -> None:
    """Both calls are of one transaction, and what is shown is true of the other."""
    world = history()
    block = world.blocks[3]
    transaction = block.transactions[1]
    data = build_receipt_evidence(
        world.certified(block),
        [item.encode_leaf() for item in block.transactions],
        [item.encode() for item in block.receipts],
        2,
        attachments=[(1, transaction.attachments[1])],
        explanation=None,
    )
    refusal = refuse(data, world)
    assert (refusal.code, refusal.values["index"]) == ("evidence.attachment-place", 1)


def test_a_receipt_of_another_transaction_is_refused() -> None:
    """Both are in the block; only together do they say something."""
    world = history()
    block = world.blocks[3]
    data = receipt_file(world, block, 2, whole=False)
    other = decode(receipt_file(world, block, 5, whole=False))

    def mix(fields: list[Any]) -> None:
        fields[6][3:6] = other[6][3:6]

    assert refuse(bent(data, mix), world).code == "evidence.other-transaction"


def test_a_transaction_that_is_not_in_the_block_cannot_be_built_around() -> None:
    world = history()
    block = world.blocks[3]
    foreign = next(receipts_of(make_transaction(world.genesis.chain, 99)))
    with pytest.raises(InvalidProof, match="transaction-missing"):
        build_receipt_evidence(
            world.certified(block),
            [item.encode_leaf() for item in block.transactions],
            [foreign.encode()],
            0,
        )


def test_a_quorum_of_liars_cannot_speak_for_the_sender() -> None:
    """A transaction that its sender did not sign is refused even where it was certified."""
    world = World()
    honest = make_transaction(world.genesis.chain, 1)
    forged = replace(honest, signature=type(honest.signature)(bytes(63) + b"\x01"))
    block = world.commit([forged])
    refusal = refuse(receipt_file(world, block, 0), world)
    assert refusal.code == "evidence.transaction"
    assert refusal.values["reason"].startswith("transaction.signature")


def test_a_receipt_of_a_call_that_was_not_made_is_refused() -> None:
    world = World()
    transaction = make_transaction(world.genesis.chain, 1)
    (receipt,) = receipts_of(transaction)
    block = world.commit([transaction], receipts=[replace(receipt, call_index=1)])
    data = build_receipt_evidence(
        world.certified(block), [transaction.encode_leaf()], [block.receipts[0].encode()], 0
    )
    assert refuse(data, world).code == "evidence.call"


def test_a_state_value_is_proved_for_its_key_and_block() -> None:
    world = history()

    def other_key(fields: list[Any]) -> None:
        fields[6][0] = "param/y"

    def other_value(fields: list[Any]) -> None:
        fields[6][1] = encode(2)

    def earlier_block(fields: list[Any]) -> None:
        fields[3] = fields[3][:1]
        fields[4], fields[5] = (
            world.blocks[2].header.encode(),
            world.blocks[2].certificate.encode(),
        )

    for bend in (other_key, other_value, earlier_block):
        refuse(bent(state_file(world, "param/x"), bend), world)


def test_a_present_entry_cannot_be_passed_off_as_absent() -> None:
    world = history()
    proof = world.tree.prove("param/x").encode()
    forged = build_state_evidence(world.certified(world.blocks[-1]), "param/x", None, proof)
    assert refuse(forged, world).code == "state-proof.form"


# --- Field by field ---------------------------------------------------------------------------


class Inner:
    """The value inside bytes that are canonical bytes themselves: header, leaf, receipt ..."""

    def __init__(self, value: Any) -> None:
        self.value = value


def opened(value: Any) -> Any:
    """The value with everything opened that was packed into it."""
    if isinstance(value, bytes) and len(value) > 40:
        try:
            return Inner(opened(decode(value)))
        except CodecError:
            return value
    if isinstance(value, list):
        return [opened(item) for item in value]
    if isinstance(value, dict):
        return {key: opened(item) for key, item in value.items()}
    return value


def packed(value: Any) -> Any:
    """What ``opened`` opened."""
    if isinstance(value, Inner):
        return encode(packed(value.value))
    if isinstance(value, list):
        return [packed(item) for item in value]
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    return value


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a tree stand, itself first."""
    yield path
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Inner):
        inside = [("value", value.value)]
    elif isinstance(value, list):
        inside = enumerate(value)
    elif isinstance(value, dict):
        inside = value.items()
    for step, item in inside:
        yield from places(item, (*path, step))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value.value if isinstance(value, Inner) else value[step]
    return value


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a place."""
    if not path:
        return new
    if isinstance(value, Inner):
        return Inner(changed(value.value, path[1:], new))
    copied = value.copy()
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


@cache
def genuine() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Files of every receipt and of two state keys, opened; and every value that is in them."""
    world = history()
    files = [receipt_file(world, block, index)
             for block in world.blocks for index in range(len(block.receipts))]  # fmt: skip
    files += [state_file(world, key) for key in ("param/x", "claim/none")]
    trees = tuple(opened(decode(data)) for data in files)
    values = tuple(at(tree, path) for tree in trees for path in places(tree))
    return trees, values


ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63 - 1, "", "param/x", b"", bytes(32), [], {}, [[]],
)  # fmt: skip


def bend(value: Any, data: st.DataObject) -> Any:
    """A value in the place of another: from elsewhere, odd, or the same with one thing amiss."""
    how = data.draw(st.sampled_from(["elsewhere", "odd", "drop", "twice", "swap", "near"]))
    if how == "elsewhere":
        return data.draw(st.sampled_from(genuine()[1]))
    if isinstance(value, list) and value and how in ("drop", "twice", "swap"):
        one, two = (data.draw(st.integers(0, len(value) - 1)) for _ in range(2))
        made = value.copy()
        if how == "drop":
            del made[one]
        elif how == "twice":
            made.insert(one, value[two])
        else:
            made[one], made[two] = value[two], value[one]
        return made
    if how == "near" and type(value) is int:
        return value + data.draw(st.sampled_from([-1, 1, 2, 256]))
    if how == "near" and isinstance(value, bytes) and value:
        bit = data.draw(st.integers(0, 8 * len(value) - 1))
        near = bytearray(value)
        near[bit >> 3] ^= 1 << (bit & 7)
        return bytes(near)
    return data.draw(st.sampled_from(ODD))


@settings(max_examples=800, deadline=None)
@given(st.data())
def test_whatever_is_bent_nothing_false_is_believed(data: st.DataObject) -> None:
    """One to three fields of any depth hold something else: the file is refused with a code, or
    what it says is so."""
    world, (trees, _) = history(), genuine()
    tree = data.draw(st.sampled_from(trees))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(tree))))
        tree = changed(tree, path, bend(at(tree, path), data))
    try:
        bytes_of = encode(packed(tree))
    except CodecError:
        return  # nothing that could be written into a file
    try:
        facts = verify_evidence(bytes_of, world.genesis)
    except InvalidProof:
        return
    block = next(block for block in world.blocks if block.header == facts.header)
    if isinstance(facts, StateFacts):
        assert block is world.blocks[-1]
        known = world.state.get(facts.key)
        assert (facts.present, facts.value) == (
            known is not None, None if known is None else decode(known)
        )  # fmt: skip
        return
    (sent,) = (one for one in block.transactions if one.id == facts.receipt.tx_id)
    assert facts.receipt in block.receipts
    assert facts.transaction.encode_leaf() == sent.encode_leaf()
    attached = sent.call_attachments(facts.receipt.call_index)
    assert all(attached[who].content == content for who, content in facts.attachments.items())
    assert facts.explanation in (None, {"steps": [{"step": "deductible"}]})
