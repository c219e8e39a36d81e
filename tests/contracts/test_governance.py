"""Governance: a quorum of the validators decides, once, and what it decided happens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.quorum import quorum as core_quorum
from contracts import governance, organisation_methods, parameters
from contracts.governance import proposal_status, quorum
from contracts.organisations import find_signer, load, validators
from contracts.registry import STATE_KEY
from tests.contracts import world as w
from tests.contracts.certified import attestation
from tests.contracts.world import World, make_world, new_key

C = "governance"
SET = (w.CENTRE, w.BUREAU_HUNAN, w.BUREAU_GUANGDONG, w.BUREAU_CHANGSHA, w.BUREAU_GUANGZHOU)
"""Five validators: quorum 4."""
SICHUAN = "bureau:510000"


@pytest.fixture
def world() -> World:
    contracts = [governance.CONTRACT, organisation_methods.CONTRACT]
    made = make_world(contracts, validating=SET)
    for org in SET:
        set_endpoint(made, org)
    return made


def set_endpoint(world: World, org: str) -> None:
    args = {"host": "127.0.0.1", "port": 1, "tls_pin": bytes(32)}
    world.do(org, "organisations", "set_endpoint", args)


def propose(world: World, method: str, vote_id: str = "v1", **args: Any) -> None:
    world.do(w.BUREAU_HUNAN, C, method, {"id": vote_id, **args})


def pass_(world: World, vote_id: str = "v1", count: int = 4) -> None:
    for org in SET[:count]:
        world.do(org, C, "vote", {"id": vote_id, "approve": True})


def admission() -> dict[str, Any]:
    keys = [new_key(SICHUAN, "first", "checker"),
            new_key(SICHUAN, "validate", "operator", ("validate",))]  # fmt: skip
    return {"organisation": SICHUAN, "kind": "bureau", "region": "510000", "keys": keys}


@given(st.integers(1, 60))
def test_the_quorum_is_the_consensus_rule(n: int) -> None:
    """Two quorums share an honest voter, and the honest alone reach one."""
    assert quorum(n) == core_quorum(n)
    f = (n - 1) // 3
    assert 2 * quorum(n) - n >= f + 1
    assert quorum(n) <= n - f


def test_a_quorum_admits_a_bureau_and_makes_it_validate(world: World) -> None:
    propose(world, "propose_admission", **admission())
    pass_(world, count=3)
    assert load(world.state, SICHUAN) is None
    assert proposal_status(world.state.get("vote/v1"), world.time_ms) == "open"
    outcome = world.do(w.BUREAU_CHANGSHA, C, "vote", {"id": "v1", "approve": True})
    assert outcome.answer == {"approved": 4, "quorum": 4, "status": "carried"}
    org = load(world.state, SICHUAN)
    assert org is not None
    assert (org.admitted_by, org.keys) == ("vote", 2)
    world.next_block()
    key = w.key_of(SICHUAN, "validate")
    set_endpoint(world, SICHUAN)
    propose(world, "propose_validator", "v2", organisation=SICHUAN, key=key)
    pass_(world, "v2")
    world.do(SICHUAN, C, "attest", attestation(world, "v2", SICHUAN))
    assert (SICHUAN, key) in validators(world.state)
    assert list(validators(world.state)) == sorted(validators(world.state))
    # The newcomer takes part in the next vote, not in those that were open before.
    propose(world, "propose_parameter", "v3", name="vote_days", value=10)
    assert world.state.get("vote/v3")["quorum"] == quorum(6)


def test_rotation_and_removal_of_a_validator(world: World) -> None:
    key = new_key(w.BUREAU_HUNAN, "validate2", "operator", ("validate",))
    world.do(w.BUREAU_HUNAN, "organisations", "add_key", {"organisation": w.BUREAU_HUNAN, **key})
    propose(world.next_block(), "propose_validator", organisation=w.BUREAU_HUNAN, key=key["key"])
    world.do(
        w.BUREAU_HUNAN, C, "attest", attestation(world, "v1", w.BUREAU_HUNAN, "validate2")
    )  # fmt: skip
    pass_(world)
    assert len(validators(world.state)) == 5
    assert dict(validators(world.state))[w.BUREAU_HUNAN] == key["key"]
    propose(world, "propose_validator_removal", "v2", organisation=w.BUREAU_GUANGZHOU)
    pass_(world, "v2", count=3)
    vote = {"id": "v2", "approve": True}
    world.refused("governance.set-changed", w.BUREAU_CHANGSHA, C, "vote", vote)
    world.next_block().do(w.BUREAU_CHANGSHA, C, "vote", vote)
    assert w.BUREAU_GUANGZHOU not in dict(validators(world.state))
    # Four are left: a set that bears one fault does not shrink further.
    args = {"id": "v3", "organisation": w.BUREAU_CHANGSHA}
    world.refused(
        "governance.too-few-validators", SET[2], C, "propose_validator_removal", args
    )  # fmt: skip


def test_removal_of_an_organisation(world: World) -> None:
    propose(world, "propose_removal", organisation=w.BUREAU_CHANGSHA)
    pass_(world, count=3)
    vote = {"id": "v1", "approve": True}
    world.refused("governance.still-validating", w.BUREAU_GUANGZHOU, C, "vote", vote)
    propose(world, "propose_removal", "v2", organisation=w.BANK)
    pass_(world, "v2")
    key = w.key_of(w.BANK, "clerk")
    assert find_signer(world.state, w.BANK, key, world.height) is not None
    assert find_signer(world.state, w.BANK, key, world.height + 1) is None
    args = {"organisation": w.BANK, **new_key(w.BANK, "more")}
    world.refused("organisations.left", w.BANK, "organisations", "add_key", args)


def test_a_bureau_that_lost_its_keys_gets_one_by_vote(world: World) -> None:
    propose(world, "propose_key", organisation=w.BUREAU_HUNAN, **new_key(w.BUREAU_HUNAN, "rescue"))
    pass_(world)
    assert world.signer(w.BUREAU_HUNAN, "rescue") is not None
    org = load(world.state, w.BUREAU_HUNAN)
    assert org is not None
    newest = world.state.get(f"org-keys/{w.BUREAU_HUNAN}/{org.keys - 1}")
    assert newest == w.key_of(w.BUREAU_HUNAN, "rescue"), "it is counted among the others"


def test_contract_versions_and_parameters(world: World) -> None:
    propose(world, "propose_contract", contract="claim", version=2, from_height=500)
    pass_(world)
    schedule = world.state.get(STATE_KEY)
    assert schedule["claim"] == [[500, 2]]
    assert schedule[C] == [[0, 1]]
    propose(world, "propose_contract", "v2", contract="claim", version=3, from_height=10)
    pass_(world, "v2", count=3)
    world.refused("governance.height", SET[3], C, "vote", {"id": "v2", "approve": True})
    propose(world, "propose_parameter", "v3", name="vote_days", value=5)
    pass_(world, "v3")
    assert parameters.network(world.state, "vote_days") == 5
    wrong = {"id": "v4", "name": "vote_days", "value": 0}
    world.refused("organisations.parameter-shape", w.BUREAU_HUNAN, C, "propose_parameter", wrong)
    unknown = wrong | {"name": "weather"}
    world.refused(
        "organisations.unknown-parameter", w.BUREAU_HUNAN, C, "propose_parameter", unknown
    )


def test_votes_are_one_for_each_and_end(world: World) -> None:
    args = {"id": "v1", "organisation": w.BANK}
    world.refused("sender.kind", w.BANK, C, "propose_removal", args)
    world.refused("sender.post", w.BUREAU_HUNAN, C, "propose_removal", args, post="clerk")
    propose(world, "propose_removal", organisation=w.BANK)
    world.refused("governance.id-used", w.BUREAU_GUANGDONG, C, "propose_removal", args)
    vote = {"id": "v1", "approve": False}
    missing = {"id": "v0", "approve": True}
    world.refused("governance.unknown-proposal", w.BUREAU_HUNAN, C, "vote", missing)
    world.do(w.BUREAU_HUNAN, C, "vote", vote)
    again = vote | {"approve": True}
    world.refused("governance.already-voted", w.BUREAU_HUNAN, C, "vote", again)
    outcome = world.do(w.BUREAU_GUANGDONG, C, "vote", vote)
    # Three approvals are all that is left, four are needed.
    assert outcome.answer["status"] == "refused"
    world.refused("governance.closed", w.CENTRE, C, "vote", again)


def test_a_proposal_lapses(world: World) -> None:
    propose(world, "propose_removal", organisation=w.BANK)
    world.time_ms += 30 * governance.MS_PER_DAY
    assert proposal_status(world.state.get("vote/v1"), world.time_ms) == "open"
    world.do(w.CENTRE, C, "vote", {"id": "v1", "approve": True})
    world.time_ms += 1
    assert proposal_status(world.state.get("vote/v1"), world.time_ms) == "lapsed"
    world.refused("governance.lapsed", w.BUREAU_HUNAN, C, "vote", {"id": "v1", "approve": True})


def test_only_the_validators_of_the_proposals_height_vote() -> None:
    world = make_world([governance.CONTRACT, organisation_methods.CONTRACT], validating=SET[:3])
    args = {"id": "v1", "organisation": w.BANK}
    world.refused("governance.not-entitled", w.BUREAU_CHANGSHA, C, "propose_removal", args)
    propose(world, "propose_removal", organisation=w.BANK)
    world.refused(
        "governance.not-entitled", w.BUREAU_CHANGSHA, C, "vote", {"id": "v1", "approve": True}
    )


def test_what_may_validate(world: World) -> None:
    bank_key = w.key_of(w.BANK, "clerk")
    args = {"id": "v0", **admission(), "kind": "bank"}
    world.refused("governance.not-a-bureau", w.BUREAU_HUNAN, C, "propose_admission", args)
    for vote_id, org, key, code in (
        ("v1", w.BANK, bank_key, "governance.not-a-bureau"),
        ("v2", w.BUREAU_HUNAN, w.key_of(w.BUREAU_HUNAN, "clerk"), "governance.not-a-validate-key"),
        ("v3", w.BUREAU_HUNAN, w.key_of(w.CENTRE, "validate"), "governance.not-a-validate-key"),
        ("v4", "bureau:none", bank_key, "organisations.unknown"),
    ):
        proposal = {"id": vote_id, "organisation": org, "key": key}
        world.refused(code, SET[3], C, "propose_validator", proposal)
    proposal = {"id": "v5", "organisation": w.BANK}
    world.refused("governance.not-validating", SET[3], C, "propose_validator_removal", proposal)


def test_an_admitted_bureau_has_a_right_id(world: World) -> None:
    args = {"kind": "centre", "region": "000000", "keys": [new_key("centre:2", "first", "checker")]}
    propose(world, "propose_admission", organisation="centre:2", **args)
    pass_(world, count=3)
    vote = {"id": "v1", "approve": True}
    outcome = world.refused("organisations.wrong-id", SET[3], C, "vote", vote)
    assert outcome.values["expected"] == "centre"
    # The vote that could not be carried out does not count.
    assert len(world.state.get("vote/v1")["votes"]) == 3


def test_a_validate_key_with_an_end_does_not_enter_the_set(world: World) -> None:
    key = new_key(w.BUREAU_HUNAN, "short", "operator", ("validate",))
    args = {"organisation": w.BUREAU_HUNAN, **key, "to_height": 1000}
    world.do(w.BUREAU_HUNAN, "organisations", "add_key", args)
    proposal = {"id": "v1", "organisation": w.BUREAU_HUNAN, "key": key["key"]}
    world.refused("governance.key-with-end", SET[3], C, "propose_validator", proposal)


def test_one_validator_decides_alone() -> None:
    contracts = [governance.CONTRACT, organisation_methods.CONTRACT]
    world = make_world(contracts, validating=(w.BUREAU_HUNAN,))
    propose(world, "propose_admission", **admission())
    world.do(w.BUREAU_HUNAN, C, "vote", {"id": "v1", "approve": True})
    assert load(world.state, SICHUAN) is not None
