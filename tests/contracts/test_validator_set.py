"""Changes of the validator set: what joins, what leaves, and what would stop the chain."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import governance, organisation_methods, validator_set
from contracts.governance import proposal_status, quorum
from contracts.organisations import find_endpoint, key_of, validators
from contracts.validator_set import ATTESTED_MAX, members_of
from tests.contracts import world as w
from tests.contracts.certified import attestation, certified
from tests.contracts.world import World, make_world, new_key

C = "governance"
SET = (w.CENTRE, w.BUREAU_HUNAN, w.BUREAU_GUANGDONG, w.BUREAU_CHANGSHA)
"""Four validators: quorum 3."""
NEWCOMER = w.BUREAU_GUANGZHOU
YES = {"id": "v1", "approve": True}


def set_endpoint(world: World, organisation: str) -> None:
    args = {"host": "127.0.0.1", "port": 1, "tls_pin": bytes(32)}
    world.do(organisation, "organisations", "set_endpoint", args)


def add_validate_key(world: World, organisation: str, name: str) -> bytes:
    key = new_key(organisation, name, "operator", ("validate",))
    args = {"organisation": organisation, **key}
    world.do(organisation, "organisations", "add_key", args)
    return bytes(key["key"])


@pytest.fixture
def world() -> World:
    made = make_world([governance.CONTRACT, organisation_methods.CONTRACT], validating=SET)
    for org in (*SET, NEWCOMER):
        set_endpoint(made, org)
    add_validate_key(made, NEWCOMER, "validate")
    return made.next_block()


def propose(world: World, organisation: str = NEWCOMER, name: str = "validate", **more: Any) -> str:
    vote_id: str = more.get("vote_id", "v1")
    args = {"id": vote_id, "organisation": organisation, "key": w.key_of(organisation, name)}
    world.do(w.BUREAU_HUNAN, C, "propose_validator", args)
    return vote_id


def approve(world: World, vote_id: str = "v1", count: int = 3) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for org in SET[:count]:
        answer = world.do(org, C, "vote", {"id": vote_id, "approve": True}).answer
    return answer


def test_votes_alone_seat_nobody_the_attestation_does(world: World) -> None:
    propose(world)
    assert approve(world)["status"] == "approved"
    assert NEWCOMER not in dict(validators(world.state))
    world.refused("governance.closed", SET[3], C, "vote", YES)
    outcome = world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    assert outcome.answer == {"height": world.height - 1, "status": "carried"}
    assert dict(validators(world.state))[NEWCOMER] == w.key_of(NEWCOMER, "validate")
    assert members_of(world.state, 0) == tuple(
        sorted((org, w.key_of(org, "validate")) for org in SET)
    )
    assert members_of(world.state, 1) == validators(world.state)
    assert members_of(world.state, 2) is None
    # The newcomer votes from here on, and the quorum counts it.
    args = {"id": "v2", "organisation": w.BUREAU_CHANGSHA}
    world.next_block().do(NEWCOMER, C, "propose_validator_removal", args)
    assert world.state.get("vote/v2")["quorum"] == quorum(5) == 4


def test_an_attestation_before_the_votes_counts_while_it_is_fresh(world: World) -> None:
    propose(world)
    world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    attested = world.height - 1
    world.height = attested + ATTESTED_MAX
    assert approve(world)["status"] == "carried"


def test_an_old_attestation_waits_for_a_new_one(world: World) -> None:
    propose(world)
    world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    world.height += ATTESTED_MAX
    assert approve(world)["status"] == "approved"
    old = attestation(world, "v1", NEWCOMER, height=world.height - ATTESTED_MAX - 1)
    outcome = world.refused("governance.attestation-old", NEWCOMER, C, "attest", old)
    assert outcome.values == {
        "height": world.height - ATTESTED_MAX - 1, "least": world.height - ATTESTED_MAX
    }  # fmt: skip
    least = attestation(world, "v1", NEWCOMER, height=world.height - ATTESTED_MAX)
    assert world.do(NEWCOMER, C, "attest", least).answer["status"] == "carried"


def test_what_is_no_attestation(world: World) -> None:
    propose(world)
    approve(world)
    key = add_validate_key(world, NEWCOMER, "other")
    assert key
    good = attestation(world, "v1", NEWCOMER)
    not_certified, _ = certified(world, world.height - 2)
    _, three_of_four = certified(world, world.height - 1, signers=(0, 1))
    wrong = {
        "governance.attestation-signature": [
            good | {"signature": bytes(64)},
            attestation(world, "v1", NEWCOMER, signer="other"),
            attestation(world, "v1", NEWCOMER, signer="checker"),
            good | {"signature": attestation(world, "v1", NEWCOMER, "other")["signature"]},
        ],
        "governance.attestation-block": [
            good | {"header": b"\x00"},
            good | {"header": not_certified},
            good | {"certificate": b"\x90"},
            good | {"certificate": three_of_four},
            attestation(world, "v1", NEWCOMER, epoch=1),
            attestation(world, "v1", NEWCOMER, chain=bytes(32)),
        ],
        # A block that is still to come cannot have been seen by anybody.
        "governance.attestation-old": [attestation(world, "v1", NEWCOMER, height=world.height)],
    }
    for code, attempts in wrong.items():
        for args in attempts:
            world.refused(code, NEWCOMER, C, "attest", args)
        if code == "governance.attestation-signature":
            assert world.work >= validator_set.WORK_OF_SIGNATURE * (len(SET) + 1)
    world.refused("governance.unknown-proposal", NEWCOMER, C, "attest", good | {"id": "v0"})
    world.do(NEWCOMER, C, "attest", good)
    world.refused("governance.closed", NEWCOMER, C, "attest", good)


def test_an_attestation_belongs_to_a_proposal_of_a_key(world: World) -> None:
    args = {"id": "v1", "name": "vote_days", "value": 5}
    world.do(w.BUREAU_HUNAN, C, "propose_parameter", args)
    world.refused("governance.closed", NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))


def test_an_approved_proposal_lapses_too(world: World) -> None:
    propose(world)
    approve(world)
    world.time_ms += 31 * governance.MS_PER_DAY
    assert proposal_status(world.state.get("vote/v1"), world.time_ms) == "lapsed"
    world.refused("governance.lapsed", NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))


def test_a_rotated_key_is_replaced_retires_and_never_returns(world: World) -> None:
    old = w.key_of(w.BUREAU_HUNAN, "validate")
    new = add_validate_key(world, w.BUREAU_HUNAN, "validate2")
    propose(world.next_block(), w.BUREAU_HUNAN, "validate2")
    world.do(
        w.BUREAU_HUNAN, C, "attest", attestation(world, "v1", w.BUREAU_HUNAN, "validate2")
    )  # fmt: skip
    assert approve(world)["status"] == "carried"
    assert dict(validators(world.state))[w.BUREAU_HUNAN] == new
    assert len(validators(world.state)) == 4
    assert world.state.get("validators/1")["from_height"] == world.height + 1
    for _, kept in validators(world.state):
        assert key_of(world.state, kept).to_height is None  # type: ignore[union-attr]
    record = key_of(world.state, old)
    assert record is not None
    assert record.to_height == world.height + 1
    back = {"id": "v2", "organisation": w.BUREAU_HUNAN, "key": old}
    outcome = world.next_block().refused(
        "governance.key-retired", w.CENTRE, C, "propose_validator", back
    )
    assert outcome.values["since_height"] == world.height
    again = {"id": "v2", "organisation": w.BUREAU_HUNAN, "key": new}
    world.refused("governance.no-change", w.CENTRE, C, "propose_validator", again)


def test_a_removed_validator_comes_back_with_a_new_key_only(world: World) -> None:
    propose(world)
    approve(world)
    world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    world.next_block()
    world.do(SET[0], C, "propose_validator_removal", {"id": "v2", "organisation": NEWCOMER})
    for org in (*SET[1:], NEWCOMER):
        world.do(org, C, "vote", {"id": "v2", "approve": True})
    assert NEWCOMER not in dict(validators(world.state))
    args = {"id": "v3", "organisation": NEWCOMER, "key": w.key_of(NEWCOMER, "validate")}
    world.next_block().refused("governance.key-retired", SET[0], C, "propose_validator", args)
    world.refused("governance.not-entitled", NEWCOMER, C, "propose_validator", args)
    add_validate_key(world, NEWCOMER, "fresh")
    propose(world, name="fresh", vote_id="v3")


def test_four_do_not_become_three(world: World) -> None:
    args = {"id": "v1", "organisation": w.BUREAU_CHANGSHA}
    outcome = world.refused(
        "governance.too-few-validators", SET[0], C, "propose_validator_removal", args
    )
    assert outcome.values == {"left": 3, "minimum": 4}


def test_a_set_has_no_more_members_than_messages_are_made_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validator_set, "SET_MAX", 4)
    args = {"id": "v1", "organisation": NEWCOMER, "key": w.key_of(NEWCOMER, "validate")}
    many = world.refused("governance.too-many-validators", SET[0], C, "propose_validator", args)
    assert many.values == {"members": 5, "maximum": 4}
    monkeypatch.setattr(validator_set, "SET_MAX", 5)
    propose(world)


def test_two_removals_that_were_both_right_when_proposed(world: World) -> None:
    """The check is made again when the vote carries the change out."""
    propose(world)
    approve(world)
    world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    world.next_block()
    for vote_id, org in (("a", NEWCOMER), ("b", w.BUREAU_CHANGSHA)):
        args = {"id": vote_id, "organisation": org}
        world.do(SET[0], C, "propose_validator_removal", args)
        for voter in SET[:3]:
            world.do(voter, C, "vote", {"id": vote_id, "approve": True})
    last = {"id": "b", "approve": True}
    world.do(SET[3], C, "vote", {"id": "a", "approve": True})
    world.next_block().refused("governance.too-few-validators", SET[3], C, "vote", last)
    # Whoever has left the set still has its vote in what was proposed before.
    world.refused("governance.too-few-validators", NEWCOMER, C, "vote", last)


def test_below_four_a_set_may_shrink_to_one_and_no_further() -> None:
    contracts = [governance.CONTRACT, organisation_methods.CONTRACT]
    world = make_world(contracts, validating=SET[:2])
    args = {"id": "v1", "organisation": w.BUREAU_HUNAN}
    world.do(w.CENTRE, C, "propose_validator_removal", args)
    for org in SET[:2]:
        world.do(org, C, "vote", YES)
    assert [org for org, _ in validators(world.state)] == [w.CENTRE]
    last = {"id": "v2", "organisation": w.CENTRE}
    world.next_block().refused(
        "governance.too-few-validators", w.CENTRE, C, "propose_validator_removal", last
    )


def test_one_change_in_a_block(world: World) -> None:
    add_validate_key(world, w.BUREAU_HUNAN, "validate2")
    propose(world.next_block())
    propose(world, w.BUREAU_HUNAN, "validate2", vote_id="v2")
    approve(world)
    approve(world, "v2")
    rotation = attestation(world, "v2", w.BUREAU_HUNAN, "validate2")
    world.do(NEWCOMER, C, "attest", attestation(world, "v1", NEWCOMER))
    world.refused("governance.set-changed", w.BUREAU_HUNAN, C, "attest", rotation)
    # What the set before certified stays good in the next epoch.
    world.next_block().do(w.BUREAU_HUNAN, C, "attest", rotation)
    assert len(validators(world.state)) == 5
    assert members_of(world.state, 2) == validators(world.state)


def test_who_cannot_be_reached_does_not_join() -> None:
    contracts = [governance.CONTRACT, organisation_methods.CONTRACT]
    world = make_world(contracts, validating=SET)
    for org in SET:
        set_endpoint(world, org)
    add_validate_key(world, NEWCOMER, "validate")
    assert find_endpoint(world.state, NEWCOMER) is None
    args = {"id": "v1", "organisation": NEWCOMER, "key": w.key_of(NEWCOMER, "validate")}
    outcome = world.next_block().refused(
        "governance.no-endpoint", SET[0], C, "propose_validator", args
    )
    assert outcome.values == {"organisation": NEWCOMER}
