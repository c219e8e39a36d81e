"""Headers, certificates and limits of bodies: what makes a block final, and all that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from consensus.quorum import quorum
from node.ledger import types
from node.ledger.block import (
    Certificate,
    Header,
    Validator,
    ValidatorSet,
    check_limits,
    check_link,
    compute_tx_root,
    make_certificate,
    quorum_size,
)
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock
from node.ledger.transaction import Call, TransactionBody, sign_transaction
from node.ledger.types import Digest, Epoch, Height, OrgId, Signature, TimeMs
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.world import (
    Committed,
    World,
    bureau,
    certify,
    make_transaction,
    private,
    public,
    sign_vote,
)


def one_block(bureaus: int = 4) -> tuple[World, Committed]:
    world = World(bureaus)
    return world, world.commit([make_transaction(world.genesis.chain, 1, calls=2)])


def test_golden_hashes_are_frozen() -> None:
    world, block = one_block()
    assert world.genesis.validators.hash.hex() == (
        "18e7336616c4eabac4e5d080e688108d9f6f671d6ab7ddf9cebd33546a2fb47e"
    )
    assert (
        block.header.hash.hex()
        == "b6a0baf6d9064898b138ceb018d9350f14539128964b9e220b89d74538023e3a"
    )
    assert len(block.header.encode()) < 400


def test_header_round_trip() -> None:
    world, block = one_block()
    for header in (world.head, block.header):
        assert Header.decode(header.encode()) == header
        assert Header.decode(header.encode()).hash == header.hash


def test_every_damaged_header_is_refused_or_has_another_hash() -> None:
    world, block = one_block()
    data = block.header.encode()
    for damaged in [*truncations(data), *extensions(data)]:
        with pytest.raises(InvalidBlock):
            Header.decode(damaged)
    for damaged in bit_flips(data):
        try:
            changed = Header.decode(damaged)
        except InvalidBlock:
            continue
        with pytest.raises(InvalidBlock, match=r"certificate\.header"):
            block.certificate.verify_header(changed, world.genesis.validators)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 0), (0, 2), (1, bytes(31)), (2, -1), (2, True), (3, None), (4, "0"), (5, b""),
        (7, ""), (7, "o" * 65), (8, -1), (10, 0), (10, 1001), (12, 0), (12, 1001), (13, "x"),
    ],
)  # fmt: skip
def test_a_header_field_out_of_range_is_refused(place: int, value: Any) -> None:
    fields = decode(one_block()[1].header.encode())
    fields[place] = value
    with pytest.raises(InvalidBlock, match=r"header\.malformed"):
        Header.decode(encode(fields))


def test_a_link_to_the_parent() -> None:
    world = World()
    parent = world.head
    header = world.commit([make_transaction(parent.chain, 1)]).header
    check_link(header, parent)
    for changed in (
        replace(header, chain=Digest(bytes(32))),
        replace(header, height=Height(2)),
        replace(header, parent=Digest(bytes(32))),
        replace(header, epoch=Epoch(1)),
        replace(header, validators_hash=Digest(bytes(32))),
        replace(header, time_ms=parent.time_ms),
    ):
        with pytest.raises(InvalidBlock, match=r"header\.(link|time)"):
            check_link(changed, parent)


def test_an_epoch_ends_with_the_block_that_changes_the_validators() -> None:
    world = World()
    chain = world.genesis.chain
    last = world.commit([make_transaction(chain, 1)], next_numbers=[0, 1, 2, 3, 4]).header
    assert last.is_epoch_final
    first = world.commit([make_transaction(chain, 2)]).header
    assert (first.epoch, first.validators_hash) == (1, last.next_validators_hash)
    assert not first.is_epoch_final
    check_link(first, last)
    with pytest.raises(InvalidBlock, match=r"header\.link"):
        check_link(replace(first, epoch=Epoch(0)), last)


# --- Bodies -----------------------------------------------------------------------------------


def test_the_transaction_root_covers_signatures() -> None:
    _, block = one_block()
    (transaction,) = block.transactions
    resigned = replace(transaction, signature=Signature(bytes(64)))
    assert compute_tx_root([transaction]) == block.header.tx_root
    assert compute_tx_root([resigned]) != block.header.tx_root


def many_calls(number: int, calls: int) -> Any:
    body = TransactionBody(
        Digest(bytes(32)),
        OrgId("centre"),
        public(5),
        TimeMs(number),
        tuple(Call("c", "m", {}) for _ in range(calls)),
    )
    return sign_transaction(body, private(5))


def test_calls_of_a_block_at_the_limit() -> None:
    check_limits([many_calls(1, 999), many_calls(2, 1)])
    with pytest.raises(InvalidBlock, match=r"block\.calls"):
        check_limits([many_calls(1, 999), many_calls(2, 2)])


def test_bytes_of_a_block_at_the_limit() -> None:
    def filled(number: int, filler: int) -> Any:
        body = TransactionBody(
            Digest(bytes(32)),
            OrgId("centre"),
            public(5),
            TimeMs(number),
            (Call("c", "m", {"filler": bytes(filler)}),),
        )
        return sign_transaction(body, private(5))

    megabyte = [filled(number, 1024 * 1024 - 9_000) for number in range(8)]
    room = types.BLOCK_BYTES_MAX - sum(item.size() for item in megabyte)
    overhead = filled(100, room - 300).size() - (room - 300)
    last = filled(100, room - overhead)
    assert sum(item.size() for item in [*megabyte, last]) == types.BLOCK_BYTES_MAX
    check_limits([*megabyte, last])
    with pytest.raises(InvalidBlock, match=r"block\.too-long"):
        check_limits([*megabyte, filled(100, len(last.body.calls[0].args["filler"]) + 1)])


# --- Votes and certificates -------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 101))
def test_quorum_is_the_consensus_cores(n: int) -> None:
    assert quorum_size(n) == quorum(n)
    faulty = (n - 1) // 3
    assert 2 * quorum_size(n) - n >= faulty + 1  # two quorums share a correct member
    assert quorum_size(n) <= n - faulty  # the correct ones can form one


@pytest.mark.parametrize("n", [1, 2, 4, 5, 7, 8, 9, 33])
def test_a_quorum_makes_a_block_final_and_one_less_does_not(n: int) -> None:
    world = World(n)
    block = world.commit([make_transaction(world.genesis.chain, 1)])
    validators = world.genesis.validators
    seats = list(range(n))
    for signers in (seats, seats[: validators.quorum], seats[-validators.quorum :]):
        certificate = certify(block.header, validators, world.numbers, signers)
        certificate.verify_header(block.header, validators)
        assert certificate.signer_indexes() == signers
        assert Certificate.decode(certificate.encode()) == certificate
    few = certify(block.header, validators, world.numbers, seats[: validators.quorum - 1])
    with pytest.raises(InvalidBlock, match=r"certificate\.quorum"):
        few.verify_header(block.header, validators)


def test_every_damaged_certificate_is_refused() -> None:
    world, block = one_block()
    data = block.certificate.encode()

    def verify(candidate: bytes) -> None:
        Certificate.decode(candidate).verify_header(block.header, world.genesis.validators)

    verify(data)
    for damaged in [*truncations(data), *bit_flips(data), *extensions(data)]:
        with pytest.raises(InvalidBlock):
            verify(damaged)


def test_forged_certificates_are_refused_one_by_one() -> None:
    world, block = one_block()
    validators, header = world.genesis.validators, block.header
    good = certify(header, validators, world.numbers, [0, 1, 2])
    s0, s1, s2 = good.signatures
    statement = (header.epoch, 0, header.height, header.hash)
    other_view = sign_vote(private(2), "COMMIT", header.chain, (0, 1, header.height, header.hash))
    prepared = sign_vote(private(2), "PREPARE", header.chain, statement)
    other_chain = sign_vote(private(2), "COMMIT", bytes(32), statement)
    outsider = sign_vote(private(9), "COMMIT", header.chain, statement)
    forgeries = {
        "two signers swapped": replace(good, signatures=(s1, s0, s2)),
        "one signer three times": replace(good, signatures=(s0, s0, s0)),
        "one signature missing": replace(good, signatures=(s0, s1)),
        "one signature more": replace(good, signatures=(s0, s1, s2, s2)),
        "votes of two views": replace(good, signatures=(s0, s1, other_view)),
        "a PREPARE among the COMMITs": replace(good, signatures=(s0, s1, prepared)),
        "a vote of another chain": replace(good, signatures=(s0, s1, other_chain)),
        "an outsider's vote": replace(good, signatures=(s0, s1, outsider)),
        "a bit beyond the last seat": replace(good, signers=b"\xe8", signatures=(s0, s1, s2, s2)),
        "only a bit beyond": replace(good, signers=b"\xc8"),
        "a longer bitmap": replace(good, signers=b"\xe0\x00"),
        "no bitmap": replace(good, signers=b"", signatures=()),
        "another seat's bit": replace(good, signers=b"\xd0"),
        "another view": replace(good, view=1),
        "another epoch": replace(good, epoch=Epoch(1)),
        "another height": replace(good, height=Height(2)),
        "another block": replace(good, block_hash=Digest(bytes(32))),
    }
    good.verify_header(header, validators)
    for name, forgery in forgeries.items():
        try:
            forgery.verify_header(header, validators)
        except InvalidBlock:
            continue
        pytest.fail(f"accepted: {name}")


def test_one_bad_signature_spoils_a_certificate_with_enough_good_ones() -> None:
    world, block = one_block()
    full = certify(block.header, world.genesis.validators, world.numbers, [0, 1, 2, 3])
    spoiled = replace(full, signatures=(*full.signatures[:3], Signature(bytes(64))))
    with pytest.raises(InvalidBlock, match=r"vote\.signature"):
        spoiled.verify_header(block.header, world.genesis.validators)


def test_a_certificate_of_another_validator_set_is_refused() -> None:
    _, block = one_block()
    others = World(7).genesis.validators
    with pytest.raises(InvalidBlock, match=r"certificate\.header"):
        block.certificate.verify_header(block.header, others)


def test_a_prepare_certificate_is_no_commit_certificate() -> None:
    world, block = one_block()
    header, validators = block.header, world.genesis.validators
    statement = (0, 3, header.height, header.hash)
    votes = {n: sign_vote(private(n), "PREPARE", header.chain, statement) for n in range(3)}
    certificate = make_certificate(validators, statement, votes)
    with pytest.raises(InvalidBlock, match=r"vote\.signature"):
        certificate.verify_header(header, validators)


def test_a_validator_set_has_one_form() -> None:
    seats = [Validator(OrgId(bureau(n)), public(n)) for n in range(3)]
    validators = ValidatorSet(tuple(seats))
    assert ValidatorSet.from_fields(decode(validators.encode())) == validators
    assert validators.index_of(bureau(1)) == 1
    assert validators.index_of("centre") is None
    for wrong in (
        (),
        (seats[1], seats[0]),
        (seats[0], seats[0]),
        (seats[0], replace(seats[0], key=public(7))),
        (seats[0], replace(seats[1], key=seats[0].key)),
        tuple(
            Validator(OrgId(f"bureau:{n:06}"), public(n)) for n in range(types.VALIDATORS_MAX + 1)
        ),
    ):
        with pytest.raises(InvalidBlock):
            ValidatorSet(wrong)
    for fields in ([], None, [["bureau:110000"]], [["", public(0)]], [["bureau:110000", b""]]):
        with pytest.raises(CodecError):
            ValidatorSet.from_fields(fields)
