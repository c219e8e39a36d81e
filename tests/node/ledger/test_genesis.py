"""Genesis: one content, one chain; nothing unknown, doubled or unproved gets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts import organisations
from node.ledger import crypto
from node.ledger import genesis as module
from node.ledger.block import quorum_size
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.errors import InvalidGenesis
from node.ledger.genesis import Genesis, make_content
from node.ledger.types import Key, Signature
from tests.node.ledger.damage import truncations
from tests.node.ledger.world import bureau, genesis_proofs, make_genesis, public


def rendered(bureaus: int = 4) -> tuple[Genesis, bytes]:
    genesis = make_genesis(bureaus)
    return genesis, genesis.render(genesis_proofs(genesis))


def refuse(data: bytes) -> InvalidGenesis:
    with pytest.raises(InvalidGenesis) as refusal:
        Genesis.parse(data)
    return refusal.value


def test_golden_chain_is_frozen() -> None:
    genesis = make_genesis()
    assert genesis.chain.hex() == "6651875ff4d4226d548140067dc5d502c759f5f3f5c06e4c416fd176acdbe48b"
    assert genesis.chain == H("yibao/genesis/v1", encode(genesis.content))


def test_round_trip() -> None:
    genesis, data = rendered()
    assert Genesis.parse(data) == genesis
    assert genesis.validators.size == 4
    assert genesis.validators.quorum == quorum_size(4)
    assert genesis.contracts == {"claim": 1, "filing": 1}
    assert genesis.time_ms == genesis.content["time_ms"]


def test_layout_of_the_text_does_not_matter_but_content_does() -> None:
    genesis, data = rendered()
    compact = json.dumps(json.loads(data), separators=(",", ":"), sort_keys=True).encode()
    assert compact != data
    assert Genesis.parse(compact) == genesis
    assert len({make_genesis(n).chain for n in range(1, 6)}) == 5


def test_optional_fields_may_be_left_out() -> None:
    genesis, data = rendered()
    document = json.loads(data)
    for organisation in document["organisations"]:
        for field in ("level_code", "dedc_level", "switches", "endpoint"):
            del organisation[field]
    assert Genesis.parse(json.dumps(document).encode()) == genesis


def test_endpoints_and_switches_are_content() -> None:
    plain = make_genesis(1)
    endpoint = {"host": "node.example", "port": 8440, "tls_pin": bytes(range(32))}
    organisation = {**plain.organisations[0], "endpoint": endpoint, "switches": ["inpatient"]}
    parts = plain.content
    genesis = Genesis.from_content(
        make_content(
            time_ms=parts["time_ms"],
            parameters=parts["parameters"],
            contracts=parts["contracts"],
            organisations=[organisation],
            validators=[tuple(pair) for pair in parts["validators"]],
        )
    )
    assert genesis.chain != plain.chain
    data = genesis.render(genesis_proofs(genesis))
    assert Genesis.parse(data) == genesis
    assert Genesis.parse(data).organisations[0]["endpoint"] == endpoint
    for old, new, reason in (
        (b'"port": 8440', b'"port": 0', "shape.range"),
        (b'"port": 8440', b'"port": 65536', "shape.range"),
        (b'"port": 8440', b'"port": 8440, "path": "/"', "shape.field-unknown"),
        (b'"host": "node.example"', b'"host": ""', "shape.length"),
        (b'"tls_pin": "00', b'"tls_pin": "', "shape.hex"),
    ):
        assert refuse(data.replace(old, new, 1)).values["reason"] == reason


def test_organisations_are_what_the_contracts_take() -> None:
    genesis, _ = rendered()
    members = [(seat.organisation, seat.key) for seat in genesis.validators.validators]
    records = organisations.genesis_records(genesis.organisations, members, genesis.parameters)
    assert {f"org/{bureau(n)}" for n in range(4)} <= records.keys()
    for value in records.values():
        encode(value)
    assert set(module.KINDS) == set(organisations.KINDS)
    assert set(module.POSTS) == set(organisations.POSTS)
    assert set(module.PURPOSES) == set(organisations.PURPOSES)


def test_possession_is_signed_as_the_contracts_expect_it() -> None:
    """``contracts.organisation_methods.register_key`` verifies this message on this chain."""
    genesis, _ = rendered()
    key = public(0)
    proof = genesis_proofs(genesis)[key]
    message = encode([bureau(0), key, ["validate"]])
    crypto.verify(key, organisations.POSSESSION_CONTEXT, genesis.chain, message, proof)


# --- Refusals ---------------------------------------------------------------------------------


def bent(bend: Callable[[Any], None]) -> bytes:
    document = json.loads(rendered()[1])
    bend(document)
    return json.dumps(document).encode()


def key_of(document: Any, number: int = 0) -> Any:
    return document["organisations"][0]["keys"][number]


BENT: list[tuple[Callable[[Any], Any], str]] = [
    (lambda d: d.pop("suite"), "shape.field-missing"),
    (lambda d: d.update(surprise=1), "shape.field-unknown"),
    (lambda d: d.update(format=2), "shape.range"),
    (lambda d: d["suite"].update(hash="sm3"), "genesis.suite"),
    (lambda d: d["suite"].update(extra="x"), "genesis.suite"),
    (lambda d: d.update(time_ms="now"), "shape.type"),
    (lambda d: d.update(time_ms=True), "shape.type"),
    (lambda d: d.update(time_ms=2**63), "shape.range"),
    (lambda d: d.update(parameters=[]), "shape.type"),
    (lambda d: d["parameters"].update(x=2**63), "codec.integer-range"),
    (lambda d: d["contracts"].update(claim=0), "shape.range"),
    (lambda d: d["contracts"].update({"": 1}), "shape.length"),
    (lambda d: d.update(organisations=[]), "shape.count"),
    (lambda d: d["organisations"].reverse(), "genesis.organisations-order"),
    (lambda d: d["organisations"].append(d["organisations"][3]), "genesis.organisations-order"),
    (lambda d: d["organisations"][0].update(kind="ministry"), "genesis.kind"),
    (lambda d: d["organisations"][0].update(region="43"), "shape.length"),
    (lambda d: d["organisations"][0].update(region="43x000"), "genesis.region"),
    (lambda d: d["organisations"][0].update(id=""), "shape.length"),
    (lambda d: d["organisations"][0].update(name="x"), "shape.field-unknown"),
    (lambda d: d["organisations"][0].update(dedc_level=4), "shape.range"),
    (lambda d: d["organisations"][0].update(switches=["b", "a"]), "genesis.switches-order"),
    (lambda d: d["organisations"][0].update(endpoint={"host": "h"}), "shape.hex"),
    (lambda d: d["organisations"][0].update(keys=[]), "shape.count"),
    (lambda d: key_of(d).update(post="king"), "genesis.post"),
    (lambda d: key_of(d).update(purposes=["rule"]), "genesis.purpose"),
    (lambda d: key_of(d).update(purposes=["encrypt"]), "genesis.purpose"),
    (lambda d: key_of(d).update(purposes=["sign", "validate"]), "genesis.purposes-mixed"),
    (lambda d: key_of(d).update(purposes=["sign", "read"]), "genesis.purposes-order"),
    (lambda d: key_of(d).update(purposes=[]), "shape.count"),
    (lambda d: key_of(d).update(key="01"), "shape.hex"),
    (lambda d: key_of(d).update(key=key_of(d)["key"].upper()), "shape.hex"),
    (lambda d: key_of(d).update(key="zz" * 33), "shape.hex"),
    (lambda d: key_of(d).update(key=key_of(d, 1)["key"]), "genesis.key-twice"),
    (lambda d: key_of(d).pop("proof"), "shape.field-missing"),
    (lambda d: key_of(d).update(proof=key_of(d, 1)["proof"]), "signature.wrong"),
    (lambda d: key_of(d).update(holder="other"), "signature.wrong"),
    (lambda d: d["parameters"].update(x=1), "signature.wrong"),
    (lambda d: d.update(validators=[]), "shape.count"),
    (lambda d: d["validators"].reverse(), "validators.order"),
    (lambda d: d["validators"].append(d["validators"][3]), "validators.order"),
    (lambda d: d["validators"][0].update(organisation="centre"), "genesis.validator-key"),
    (lambda d: d["validators"][0].update(organisation=7), "genesis.validator-key"),
    (lambda d: d["validators"][0].update(key=key_of(d, 1)["key"]), "genesis.validator-key"),
]


@pytest.mark.parametrize(
    ("bend", "reason"), BENT, ids=[f"{n}-{r}" for n, (_, r) in enumerate(BENT)]
)
def test_a_bent_file_is_refused_with_its_reason(bend: Callable[[Any], None], reason: str) -> None:
    refusal = refuse(bent(bend))
    assert refusal.code == "genesis.content"
    assert refusal.values["reason"] == reason


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"format": 1', b'"format": 1, "format": 1', "genesis.duplicate-key"),
        (b'"claim": 1', b'"claim": 1, "claim": 2', "genesis.duplicate-key"),
        (b'"claim": 1', b'"claim": 1.0', "genesis.number"),
        (b'"claim": 1', b'"claim": 1e0', "genesis.number"),
        (b'"claim": 1', b'"claim": NaN', "genesis.number"),
        (b'"claim": 1', b'"claim": -Infinity', "genesis.number"),
        (b'"claim": 1', b'"claim": \xff', "genesis.json"),
        (b'"claim": 1', b'"claim": ' + b"[" * 100_000, "genesis.json"),
        (b'"claim": 1', b'"claim": 1' + b"0" * 5_000, "genesis.json"),
        (b'"claim": 1', b'"cl\\ud800": 1', "genesis.content"),
    ],
)
def test_loose_json_is_refused(old: bytes, new: bytes, code: str) -> None:
    assert refuse(rendered()[1].replace(old, new, 1)).code == code


def test_truncated_and_oversized_files_are_refused() -> None:
    _, data = rendered(1)
    for damaged in truncations(data.rstrip(), 100):
        refuse(damaged)
    for other in (b"[]", b"null", b'"x"', b"1"):
        assert refuse(other).code == "genesis.json"
    assert refuse(b" " * (module.GENESIS_BYTES_MAX + 1)).code == "genesis.too-long"


def test_a_key_of_small_order_cannot_found_a_network() -> None:
    small = Key(bytes([1]) + (1).to_bytes(32, "little"))
    organisation = {
        "id": "centre",
        "kind": "centre",
        "region": "000000",
        "keys": [{"key": small, "purposes": ["validate"], "holder": "staff-1", "post": "operator"}],
    }
    genesis = Genesis.from_content(
        make_content(
            time_ms=0,
            parameters={},
            contracts={},
            organisations=[organisation],
            validators=[("centre", small)],
        )
    )
    data = genesis.render({small: Signature(bytes(64))})
    assert refuse(data).values["reason"] == "key.not-prime-order"


def test_make_content_brings_order_and_refuses_the_rest() -> None:
    genesis = make_genesis()
    parts = genesis.content
    again = make_content(
        time_ms=parts["time_ms"],
        parameters=parts["parameters"],
        contracts=parts["contracts"],
        organisations=reversed(parts["organisations"]),
        validators=[tuple(pair) for pair in reversed(parts["validators"])],
    )
    assert again == parts
    with pytest.raises(InvalidGenesis, match=r"genesis\.content"):
        make_content(
            time_ms=0, parameters={}, contracts={}, organisations=[{"id": "x"}], validators=[]
        )
