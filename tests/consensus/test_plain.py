"""Values as plain lists and back: every kind, under every other tag (B8), and damaged (B23)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import PeerError
from consensus.evidence import Evidence, compare
from consensus.messages import (
    NUMBER_LIMIT,
    Decided,
    Kind,
    Message,
    Proposal,
    Status,
    Wish,
    WishStatement,
)
from consensus.plain import (
    MESSAGE_TAGS,
    certificate_from_plain,
    certificate_to_plain,
    evidence_from_plain,
    evidence_to_plain,
    message_from_plain,
    message_to_plain,
    record_from_plain,
    record_to_plain,
)
from consensus.safety import SafetyRecord, with_change, with_new_view, with_prepared, with_vote
from tests.consensus.test_evidence import GUILTY, INNOCENT
from tests.consensus.values import ballot, block, certificate, change, new_view, vote

B1 = block("B1")
B2 = block("B2", B1, final=True)

MESSAGES: list[Message] = [
    Proposal(0, ballot(Kind.PROPOSE, B1), B1, b"s"),
    vote(Kind.PREPARE, B1, 1),
    vote(Kind.COMMIT, B2, 2, 7),
    Wish(3, WishStatement(1, 9), b"s"),
    change(0, 1),
    change(1, 3, B1, B2, 2),
    new_view(1, (change(0, 1), change(1, 1, B1), change(2, 1, prepared=B1))),
    Decided(B1, certificate(Kind.COMMIT, B1)),
    Status(0, 1, 2, 3, True, False, 5, 6, 7),
]

CHANGED = change(1, 1)
LEFT = with_change(SafetyRecord(), CHANGED.statement, CHANGED.proof)
RECORDS = [
    SafetyRecord(),
    with_vote(SafetyRecord(sequence=5, commit_floor=3), 0, B1),
    with_prepared(SafetyRecord(), B1, certificate(Kind.PREPARE, B1)),
    with_new_view(LEFT, new_view(1, (change(0, 1), CHANGED, change(2, 1))).statement),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_messages_come_back(message: Message) -> None:
    assert message_from_plain(message_to_plain(message)) == message


@pytest.mark.parametrize("record", RECORDS)
def test_records_come_back(record: SafetyRecord) -> None:
    assert record_from_plain(record_to_plain(record)) == record


def test_certificates_come_back() -> None:
    proof = certificate(Kind.COMMIT, B2, 3)
    assert certificate_from_plain(certificate_to_plain(proof)) == proof


@pytest.mark.parametrize("kind", GUILTY)
def test_evidence_comes_back(kind: str) -> None:
    found = compare(*GUILTY[kind])
    assert found is not None
    assert evidence_from_plain(evidence_to_plain(found)) == found


@pytest.mark.parametrize("story", INNOCENT)
def test_what_proves_nothing_is_no_evidence(story: str) -> None:
    first, second = INNOCENT[story]
    with pytest.raises(PeerError):
        evidence_from_plain(evidence_to_plain(Evidence("E2", 0, (2,), first, second)))


def test_a_wish_convicts_nobody() -> None:
    wish = message_to_plain(MESSAGES[3])
    for value in ([[1, wish], [1, wish]], [[2, wish], [1, wish]], [[1, wish]], [wish, wish]):
        with pytest.raises(PeerError):
            evidence_from_plain(value)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_b8_every_body_under_every_other_tag(message: Message) -> None:
    body = message_to_plain(message)
    for tag in range(-1, len(MESSAGE_TAGS) + 1):
        if tag == body[0]:
            continue
        with pytest.raises(PeerError):
            message_from_plain([tag, *body[1:]])


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=3),
    st.text(max_size=3),
)  # fmt: skip
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


def damaged(value: object, path: list[int], other: object) -> object:
    """``value`` with one place replaced."""
    if not isinstance(value, list) or not value or not path:
        return other
    index = path[0] % len(value)
    return [damaged(item, path[1:], other) if i == index else item for i, item in enumerate(value)]


@given(st.sampled_from(MESSAGES), st.lists(st.integers(0, 9), max_size=5), values)
def test_one_damaged_place_is_refused_or_another_message(
    message: Message, path: list[int], other: object
) -> None:
    value = damaged(message_to_plain(message), path, other)
    try:
        read = message_from_plain(value)
    except PeerError:
        return
    assert message_to_plain(read) == value, "what is accepted is written the same way"


@given(st.sampled_from(RECORDS), st.lists(st.integers(0, 9), max_size=5), values)
def test_one_damaged_place_in_a_record(
    record: SafetyRecord, path: list[int], other: object
) -> None:
    value = damaged(record_to_plain(record), path, other)
    try:
        read = record_from_plain(value)
    except PeerError:
        return
    assert record_to_plain(read) == value


@pytest.mark.parametrize("number", [-1, NUMBER_LIMIT, True, "1", None, 1.0])
def test_b23_numbers_are_numbers(number: object) -> None:
    value = message_to_plain(MESSAGES[1])
    value[1] = number
    with pytest.raises(PeerError):
        message_from_plain(value)


def test_a_new_view_carries_view_changes_and_nothing_else() -> None:
    value = message_to_plain(MESSAGES[6])
    for inside in MESSAGES:
        value[3] = [message_to_plain(inside)]
        if type(inside).__name__ != "ViewChange":
            with pytest.raises(PeerError):
                message_from_plain(value)


def test_kinds_of_ballots_are_three() -> None:
    value = message_to_plain(MESSAGES[1])
    assert isinstance(value[2], list)
    value[2][0] = 3
    with pytest.raises(PeerError):
        message_from_plain(value)


def test_a_record_of_another_version_is_refused() -> None:
    with pytest.raises(PeerError):
        record_from_plain([2, *record_to_plain(SafetyRecord())[1:]])


def test_too_many_signatures() -> None:
    many = replace(certificate(Kind.COMMIT, B1), signatures=tuple((i, b"s") for i in range(64)))
    with pytest.raises(PeerError):
        certificate_from_plain(certificate_to_plain(many))
