"""Messages on the wire: every kind comes back as it was; every signature in it is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import (
    Ballot,
    BlockId,
    Certificate,
    Decided,
    Kind,
    Message,
    Proposal,
    SafetyRecord,
    Statement,
    Status,
    Vote,
)
from consensus.evidence import compare
from consensus.messages import (
    Change,
    ChangeProof,
    NewView,
    NewViewStatement,
    ViewChange,
    Wish,
    WishStatement,
)
from consensus.plain import block_to_plain
from consensus.quorum import MEMBERS_MAX, MemberId, ValidatorSet
from consensus.safety import LastVote, Prepared
from contracts.validator_set import SET_MAX
from node.ledger import block as ledger_block
from node.ledger import crypto
from node.ledger.codec import decode, encode
from node.ledger.errors import InvalidMessage
from node.ledger.types import (
    VALIDATORS_MAX,
    ZERO_DIGEST,
    Digest,
    Epoch,
    Height,
    Key,
    OrgId,
    TimeMs,
)
from node.ordering import wire
from node.ordering.wal import SLOT_BYTES
from node.p2p.frames import BOUNDS, FrameType
from tests.node.network import private

CHAIN = bytes(range(32))
KEYS = [private(f"validator {n}") for n in range(4)]
SEATS = ledger_block.ValidatorSet(
    tuple(
        ledger_block.Validator(OrgId(f"bureau:{n}"), crypto.public_key(key))
        for n, key in enumerate(KEYS)
    )
)
MEMBERS = wire.to_core_validators(3, SEATS)
HEADER = ledger_block.Header(
    version=ledger_block.HEADER_VERSION, chain=Digest(CHAIN), height=Height(9),
    parent=Digest(b"a" * 32), epoch=Epoch(3), validators_hash=SEATS.hash,
    next_validators_hash=SEATS.hash, proposer="bureau:1", time_ms=TimeMs(1), tx_root=ZERO_DIGEST,
    tx_count=1, receipts_root=ZERO_DIGEST, receipts_count=1, state_root=ZERO_DIGEST,
)  # fmt: skip
BLOCK = wire.to_core_block(HEADER)
STATUS = Status(3, 1, 8, 2, True, False, 5, 3, 1)


def encoded(message: Message) -> bytes:
    """A message of these on the wire."""
    return wire.encode_message(message, HEADER.encode() if isinstance(message, Decided) else None)


def signed(signer: int, statement: Statement) -> bytes:
    return wire.sign_statement(KEYS[signer], CHAIN, statement)


def ballot(kind: Kind) -> Ballot:
    return Ballot(kind, 3, 1, 9, BLOCK.id)


def certificate(kind: Kind) -> Certificate:
    signatures = tuple((n, signed(n, ballot(kind))) for n in (0, 1, 3))
    return Certificate(kind, 3, 1, 9, BLOCK.id, signatures)


def view_change(sender: int) -> ViewChange:
    change = Change(3, 2, 8, BlockId(b"a" * 32), ballot(Kind.PREPARE))
    proof = ChangeProof(certificate(Kind.COMMIT), BLOCK, certificate(Kind.PREPARE))
    return ViewChange(sender, change, proof, signed(sender, change))


def messages() -> list[Message]:
    wish = WishStatement(3, 2)
    changes = tuple(view_change(n) for n in (0, 2, 3))
    said = NewViewStatement(3, 2, tuple((one.sender, one.statement) for one in changes))
    return [
        Proposal(1, ballot(Kind.PROPOSE), BLOCK, signed(1, ballot(Kind.PROPOSE))),
        Vote(2, ballot(Kind.PREPARE), signed(2, ballot(Kind.PREPARE))),
        Vote(0, ballot(Kind.COMMIT), signed(0, ballot(Kind.COMMIT))),
        Wish(3, wish, signed(3, wish)),
        view_change(1),
        NewView(2, said, changes, signed(2, said)),
        Decided(BLOCK, certificate(Kind.COMMIT)),
        STATUS,
    ]


def test_the_largest_set_of_the_ledger_is_one_of_the_core() -> None:
    """Else a vote seats one validator more, and no node gets over the end of that epoch."""
    seats = tuple(
        ledger_block.Validator(OrgId(f"bureau:{n:06}"), Key(bytes([1, n]) + bytes(31)))
        for n in range(VALIDATORS_MAX)
    )
    assert wire.to_core_validators(1, ledger_block.ValidatorSet(seats)).size == VALIDATORS_MAX
    assert MEMBERS_MAX == VALIDATORS_MAX == SET_MAX


def test_what_the_largest_set_says_is_within_every_bound() -> None:
    """A view change or a record that grew beyond its bound would stop a full network for good."""
    late = 2**62  # numbers that take nine bytes each
    validators = ValidatorSet(late, tuple(MemberId(bytes([n])) for n in range(MEMBERS_MAX)))
    block = replace(BLOCK, height=late, epoch=late)

    def said(kind: Kind) -> Certificate:
        signers = range(MEMBERS_MAX - validators.quorum, MEMBERS_MAX)
        named = tuple((n, bytes(64)) for n in signers)
        return Certificate(kind, late, late, late, block.id, named)

    change = Change(late, late + 1, late - 1, block.parent, said(Kind.PREPARE).ballot())
    proof = ChangeProof(said(Kind.COMMIT), block, said(Kind.PREPARE))
    everybody = range(MEMBERS_MAX)
    named = NewViewStatement(late, late + 1, tuple((n, change) for n in everybody))
    changes = tuple(ViewChange(n, change, proof, bytes(64)) for n in everybody)
    begun = NewView(1, named, changes, bytes(64))
    other = replace(begun, statement=replace(named, choices=named.choices[:-1]))
    assert len(wire.encode_message(begun)) < BOUNDS[FrameType.CHANGE]
    prepared = Prepared(block, said(Kind.PREPARE))
    record = SafetyRecord(
        late, late, late, LastVote(late, block), prepared, change, proof, named, late
    )  # fmt: skip
    assert len(wire.encode_record(record)) < SLOT_BYTES - 64
    lie = compare(begun, other)
    assert lie is not None
    proved = wire.encode_evidence(lie.bare())
    assert len(proved) < min(wire.EVIDENCE_BYTES_MAX, BOUNDS[FrameType.EVIDENCE])


@pytest.mark.parametrize("message", messages(), ids=lambda m: type(m).__name__)
def test_a_message_comes_back_and_verifies(message: Message) -> None:
    again = wire.decode_message(encoded(message))
    assert again == message
    wire.verify_message(again, CHAIN, MEMBERS)


@pytest.mark.parametrize("message", messages()[:-1], ids=lambda m: type(m).__name__)
def test_every_signature_in_it_counts(message: Message) -> None:
    """Each 64-byte signature on the wire is damaged in turn; each damage is refused."""
    data = encoded(message)
    places = [n for n in range(len(data) - 65) if data[n : n + 2] == b"\xc4\x40"]
    assert places
    for place in places:
        damaged = bytearray(data)
        damaged[place + 2 + 40] ^= 4
        with pytest.raises(InvalidMessage, match=r"message\.signature"):
            wire.verify_message(wire.decode_message(bytes(damaged)), CHAIN, MEMBERS)


def test_another_chain_epoch_or_signer_is_refused() -> None:
    vote = Vote(2, ballot(Kind.PREPARE), signed(2, ballot(Kind.PREPARE)))
    with pytest.raises(InvalidMessage, match=r"message\.signature"):
        wire.verify_message(vote, bytes(32), MEMBERS)
    with pytest.raises(InvalidMessage, match=r"message\.signature"):
        wire.verify_message(replace(vote, sender=1), CHAIN, MEMBERS)
    with pytest.raises(InvalidMessage, match=r"message\.signer"):
        wire.verify_message(replace(vote, sender=4), CHAIN, MEMBERS)
    with pytest.raises(InvalidMessage, match=r"message\.epoch"):
        wire.verify_message(vote, CHAIN, wire.to_core_validators(4, SEATS))


def test_a_prepare_is_no_commit() -> None:
    prepare = Vote(2, ballot(Kind.PREPARE), signed(2, ballot(Kind.COMMIT)))
    with pytest.raises(InvalidMessage, match=r"message\.signature"):
        wire.verify_message(prepare, CHAIN, MEMBERS)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_refused_or_are_a_message(data: bytes) -> None:
    try:
        message = wire.decode_message(data)
    except InvalidMessage:
        return
    assert wire.encode_message(message) == data


def test_what_is_decided_is_what_the_header_says() -> None:
    """A certificate proves a hash; parent and epoch are not in it, and no sender's to say."""
    proof = certificate(Kind.COMMIT)
    plain = decode(encoded(Decided(BLOCK, proof)))
    assert isinstance(plain, list)
    lied = replace(HEADER, parent=Digest(b"c" * 32), next_validators_hash=ZERO_DIGEST)
    told = wire.decode_message(encode([plain[0], lied.encode(), plain[2]]))
    assert isinstance(told, Decided)
    assert told.block == wire.to_core_block(lied)
    assert told.block.id != proof.block
    for other in (block_to_plain(BLOCK), b"", HEADER.encode()[:-1], BLOCK.id):
        with pytest.raises(InvalidMessage, match=r"message\.malformed"):
            wire.decode_message(encode([plain[0], other, plain[2]]))


@pytest.mark.parametrize("value", [None, [], [99], ["x"], [1, 2], {"a": 1}, [True, 0]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(InvalidMessage):
        wire.decode_message(encode(value))


def test_stored_certificates_are_the_same_votes() -> None:
    core = certificate(Kind.COMMIT)
    stored = wire.to_ledger_certificate(core, SEATS)
    stored.verify(CHAIN, SEATS)
    assert wire.from_ledger_certificate(stored) == core
    assert stored.signers == bytes([0b1101_0000])


def test_the_safety_record_comes_back() -> None:
    record = SafetyRecord(sequence=7, epoch=3, view=1, vote=LastVote(1, BLOCK), commit_floor=8)
    assert wire.decode_record(wire.encode_record(record)) == record


def forged_shapes() -> list[Message]:
    """Each signature good, and no message that a correct member sends."""
    good = certificate(Kind.COMMIT)
    [pair, *_] = good.signatures
    new = messages()[5]
    assert isinstance(new, NewView)
    many = new.view_changes * 20
    proof = ChangeProof(replace(good, signatures=(pair,) * 60), None, None)
    change = replace(view_change(1), proof=proof)
    return [
        Decided(BLOCK, replace(good, signatures=(pair,) * 63)),
        Decided(BLOCK, replace(good, signatures=good.signatures[:2])),
        Decided(BLOCK, replace(good, signatures=good.signatures[::-1])),
        Decided(BLOCK, replace(good, signatures=(*good.signatures, (4, pair[1])))),
        change,
        replace(new, view_changes=many),
        replace(new, view_changes=(change, *new.view_changes[1:])),
    ]


@pytest.mark.parametrize("message", forged_shapes(), ids=lambda m: type(m).__name__)
def test_counting_comes_before_computing(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a frame may cost is what an honest one costs: forged ones cost no signature at all."""
    computed: list[object] = []
    monkeypatch.setattr(crypto, "verify", lambda *parts: computed.append(parts))
    with pytest.raises(InvalidMessage, match=r"message\.(certificate|view-changes)"):
        wire.verify_message(message, CHAIN, MEMBERS)
    assert not computed
