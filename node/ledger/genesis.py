"""Genesis: the one JSON file that a network begins with, and whose hash is the network's name.

``chain`` is the hash of the file's content without its proofs, so the text's layout does not matter
and the proofs can sign the chain: a proof of possession in genesis is at the same time its
organisation's signature under exactly this genesis. A founding ceremony is therefore: agree on
the content, compute the chain, let each organisation prove its keys for it, put the proofs in.

Read strictly: no unknown or missing field, no duplicate key, no number but integers, organisations
and validators in ascending order. What the records mean is ``contracts.organisations``' business
(``genesis_records``); this module gives it values whose shapes were checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NoReturn

from node.ledger import crypto, shape
from node.ledger.block import Validator, ValidatorSet
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.errors import (
    CodecError,
    InvalidBlock,
    InvalidGenesis,
    InvalidKey,
    InvalidSignature,
)
from node.ledger.types import (
    CALL_NAME_CHARS_MAX,
    DIGEST_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    Digest,
    Key,
    OrgId,
    Signature,
    TimeMs,
    Value,
)

FORMAT: Final = 1

GENESIS_BYTES_MAX: Final = 4 * 1024 * 1024
"""1,000 organisations with three keys each take about 1 MiB."""

KINDS: Final = (
    "bureau", "finance", "hospital", "pharmacy", "bank", "insurer", "auditor", "regulator",
    "centre",
)  # fmt: skip
POSTS: Final = ("clerk", "checker", "finance", "audit", "doctor", "operator")
PURPOSES: Final = ("sign", "validate", "transport", "read")
"""Purposes of a key in genesis. A key to encrypt to cannot sign its own proof of possession; it is
registered later by a transaction."""

EXCLUSIVE_PURPOSES: Final = ("validate", "transport")
"""A key with one of these has no other (SECURITY.md section 2, R7)."""

_LIST_MAX: Final = 10_000
_HOST_CHARS_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class Genesis:
    """A genesis file that was read and checked."""

    chain: Digest
    """The network's name, in every signature."""
    content: dict[str, Value]
    """Everything but the proofs; its canonical bytes are what ``chain`` is the hash of."""
    time_ms: TimeMs
    """Time of block 0."""
    parameters: dict[str, Value]
    """Network parameters by name."""
    contracts: dict[str, int]
    """Version in force from height 0 for each system contract."""
    organisations: tuple[dict[str, Value], ...]
    """As ``contracts.organisations.genesis_records`` takes them, keys as bytes."""
    validators: ValidatorSet
    """The set of epoch 0."""

    @classmethod
    def parse(cls, data: bytes) -> Genesis:
        """Read a genesis file. Raises ``InvalidGenesis`` with the field that is wrong."""
        document = _load_json(data)
        try:
            content, proofs = _content(document)
            genesis = cls.from_content(content)
            _check_proofs(genesis, proofs)
        except (CodecError, InvalidBlock, InvalidKey, InvalidSignature) as error:
            raise InvalidGenesis("genesis.content", **error.reason()) from None
        return genesis

    @classmethod
    def from_content(cls, content: dict[str, Value]) -> Genesis:
        """Genesis of checked content: what a ceremony computes the chain with, before proofs."""
        validators = ValidatorSet(
            tuple(Validator(OrgId(org), Key(key)) for org, key in content["validators"])
        )
        return cls(
            H("yibao/genesis/v1", encode(content)),
            content,
            TimeMs(content["time_ms"]),
            content["parameters"],
            content["contracts"],
            tuple(content["organisations"]),
            validators,
        )

    def key_roles(self) -> Iterable[tuple[str, list[str], Key]]:
        """(organisation, purposes, key) of every key: each needs a proof."""
        for organisation in self.organisations:
            for item in organisation["keys"]:
                yield organisation["id"], item["purposes"], Key(item["key"])

    def prove_keys(self, privates: Mapping[Key, crypto.PrivateKey]) -> dict[Key, Signature]:
        """Proofs of possession for ``render``, by whoever has every key: a network of one machine.
        In a ceremony each organisation makes its own (``yibao keys prove``)."""
        return {
            key: crypto.prove_possession(privates[key], self.chain, organisation, purposes)
            for organisation, purposes, key in self.key_roles()
        }

    def render(self, proofs: Mapping[Key, Signature]) -> bytes:
        """The genesis file: JSON for people, one form for one content and proofs."""
        document = {
            **self.content,
            "organisations": [_organisation_json(org, proofs) for org in self.organisations],
            "validators": [
                {"organisation": seat.organisation, "key": seat.key.hex()}
                for seat in self.validators.validators
            ],
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def make_content(
    *,
    time_ms: int,
    parameters: Mapping[str, Value],
    contracts: Mapping[str, int],
    organisations: Iterable[Mapping[str, Value]],
    validators: Iterable[tuple[str, bytes]],
) -> dict[str, Value]:
    """Content of a genesis from its parts, brought into order; optional fields get their defaults.

    An organisation is ``{id, kind, region, keys: [{key, purposes, holder, post}]}`` with optional
    ``level_code``, ``dedc_level``, ``switches`` and ``endpoint`` ({host, port, tls_pin}). Raises
    ``InvalidGenesis``.
    """
    try:
        return _checked_content(
            time_ms=time_ms,
            parameters=dict(parameters),
            contracts=dict(contracts),
            organisations=sorted((_with_defaults(org) for org in organisations), key=_id_of),
            validators=sorted([org, key] for org, key in validators),
        )
    except (CodecError, InvalidKey) as error:
        raise InvalidGenesis("genesis.content", **error.reason()) from None


# --- JSON -------------------------------------------------------------------------------------


def _load_json(data: bytes) -> dict[str, Any]:
    if len(data) > GENESIS_BYTES_MAX:
        raise InvalidGenesis("genesis.too-long", bytes=len(data), bytes_max=GENESIS_BYTES_MAX)
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidGenesis("genesis.json", reason=str(error)[:200]) from None
    if type(document) is not dict:
        raise InvalidGenesis("genesis.json", reason="not an object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidGenesis("genesis.duplicate-key", keys=sorted(key for key, _ in pairs)[:20])
    return found


def _no_number(text: str) -> NoReturn:
    raise InvalidGenesis("genesis.number", text=text[:40], wanted="an integer")


def _hex(value: Any, name: str, length: int) -> bytes:
    if type(value) is not str or len(value) != 2 * length or value != value.lower():
        raise CodecError("shape.hex", field=name, wanted=f"{2 * length} lower-case hex digits")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise CodecError("shape.hex", field=name, wanted="hex digits") from None


# --- Content ----------------------------------------------------------------------------------


def _fields(value: Any, name: str, required: set[str], optional: set[str]) -> dict[str, Any]:
    """A map with all required and no unknown fields."""
    shape.mapping(value, name)
    if missing := required - value.keys():
        raise CodecError("shape.field-missing", field=name, missing=sorted(missing))
    if unknown := value.keys() - required - optional:
        raise CodecError("shape.field-unknown", field=name, unknown=sorted(unknown))
    return dict(value)


def _content(document: dict[str, Any]) -> tuple[dict[str, Value], dict[Key, bytes]]:
    """Content and proofs of a file."""
    names = {"format", "suite", "time_ms", "parameters", "contracts", "organisations", "validators"}
    fields = _fields(document, "genesis", names, set())
    proofs: dict[Key, bytes] = {}
    organisations = [
        _organisation_of_json(item, proofs)
        for item in shape.array(fields["organisations"], "organisations", least=1, most=_LIST_MAX)
    ]
    validators = []
    for item in shape.array(fields["validators"], "validators", least=1, most=_LIST_MAX):
        seat = _fields(item, "validator", {"organisation", "key"}, set())
        validators.append([seat["organisation"], _hex(seat["key"], "validator.key", KEY_BYTES)])
    shape.integer(fields["format"], "format", least=FORMAT, most=FORMAT)
    if fields["suite"] != crypto.SUITE:
        raise CodecError("genesis.suite", suite=fields["suite"], wanted=crypto.SUITE)
    content = _checked_content(
        time_ms=fields["time_ms"],
        parameters=fields["parameters"],
        contracts=fields["contracts"],
        organisations=organisations,
        validators=validators,
    )
    return content, proofs


def _organisation_of_json(value: Any, proofs: dict[Key, bytes]) -> dict[str, Value]:
    """An organisation with keys and pin as bytes; its proofs go into ``proofs``."""
    organisation = _with_defaults(shape.mapping(value, "organisation"))
    keys = []
    for item in shape.array(organisation["keys"], "keys", least=1, most=_LIST_MAX):
        fields = _fields(item, "key", {"key", "purposes", "holder", "post", "proof"}, set())
        key = Key(_hex(fields["key"], "key", KEY_BYTES))
        proofs[key] = _hex(fields.pop("proof"), "proof", SIGNATURE_BYTES)
        keys.append({**fields, "key": key})
    organisation["keys"] = keys
    if organisation["endpoint"] is not None:
        endpoint = dict(shape.mapping(organisation["endpoint"], "endpoint"))
        endpoint["tls_pin"] = _hex(endpoint.get("tls_pin"), "endpoint.tls_pin", DIGEST_BYTES)
        organisation["endpoint"] = endpoint
    return organisation


def _organisation_json(
    organisation: dict[str, Value], proofs: Mapping[Key, Signature]
) -> dict[str, Value]:
    keys = [
        {**item, "key": item["key"].hex(), "proof": proofs[Key(item["key"])].hex()}
        for item in organisation["keys"]
    ]
    endpoint = organisation["endpoint"]
    if endpoint is not None:
        endpoint = {**endpoint, "tls_pin": endpoint["tls_pin"].hex()}
    return {**organisation, "keys": keys, "endpoint": endpoint}


def _with_defaults(value: Mapping[str, Value]) -> dict[str, Value]:
    defaults = {"level_code": 0, "dedc_level": 0, "switches": [], "endpoint": None}
    required = {"id", "kind", "region", "keys"}
    return defaults | _fields(dict(value), "organisation", required, set(defaults))


def _id_of(organisation: Mapping[str, Value]) -> str:
    return shape.org_id(organisation["id"], "organisation.id")


def _checked_content(
    *,
    time_ms: Value,
    parameters: Value,
    contracts: Value,
    organisations: list[dict[str, Value]],
    validators: list[list[Value]],
) -> dict[str, Value]:
    shape.integer(time_ms, "time_ms")
    for name in shape.mapping(parameters, "parameters"):
        shape.text(name, "parameter", CALL_NAME_CHARS_MAX)
    for name, version in shape.mapping(contracts, "contracts").items():
        shape.text(name, "contract", CALL_NAME_CHARS_MAX)
        shape.integer(version, "contract version", least=1)
    checked = [_check_organisation(organisation) for organisation in organisations]
    ids = [organisation["id"] for organisation in checked]
    if any(a >= b for a, b in pairwise(ids)):
        raise CodecError("genesis.organisations-order", wanted="ascending ids, each once")
    content: dict[str, Value] = {
        "format": FORMAT,
        "suite": dict(crypto.SUITE),
        "time_ms": time_ms,
        "parameters": parameters,
        "contracts": contracts,
        "organisations": checked,
        "validators": validators,
    }
    _check_keys(content)
    encode(content)  # parameters may hold what has no canonical bytes
    return content


def _check_organisation(organisation: dict[str, Value]) -> dict[str, Value]:
    shape.org_id(organisation["id"], "organisation.id")
    if organisation["kind"] not in KINDS:
        raise CodecError("genesis.kind", kind=organisation["kind"], allowed=KINDS)
    if not shape.text(organisation["region"], "region", 6, least=6).isdigit():
        raise CodecError("genesis.region", region=organisation["region"], wanted="6 digits")
    shape.integer(organisation["level_code"], "level_code", most=14)
    shape.integer(organisation["dedc_level"], "dedc_level", most=3)
    switches = shape.array(organisation["switches"], "switches", most=1_000)
    for switch in switches:
        shape.text(switch, "switch", CALL_NAME_CHARS_MAX)
    if any(a >= b for a, b in pairwise(switches)):
        raise CodecError("genesis.switches-order", organisation=organisation["id"])
    endpoint = organisation["endpoint"]
    if endpoint is not None:
        _fields(endpoint, "endpoint", {"host", "port", "tls_pin"}, set())
        shape.text(endpoint["host"], "endpoint.host", _HOST_CHARS_MAX)
        shape.integer(endpoint["port"], "endpoint.port", least=1, most=65_535)
        shape.binary(endpoint["tls_pin"], "endpoint.tls_pin", DIGEST_BYTES)
    keys = [_check_key_record(item) for item in shape.array(organisation["keys"], "keys", most=100)]
    return {**organisation, "keys": keys}


def _check_key_record(value: Value) -> dict[str, Value]:
    item = _fields(value, "key", {"key", "purposes", "holder", "post"}, set())
    shape.binary(item["key"], "key", KEY_BYTES)
    shape.text(item["holder"], "holder", CALL_NAME_CHARS_MAX)
    if item["post"] not in POSTS:
        raise CodecError("genesis.post", post=item["post"], allowed=POSTS)
    purposes = shape.array(item["purposes"], "purposes", least=1, most=len(PURPOSES))
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise CodecError("genesis.purpose", purpose=purpose, allowed=PURPOSES)
    if any(a >= b for a, b in pairwise(purposes)):
        raise CodecError("genesis.purposes-order", purposes=purposes)
    if len(purposes) > 1 and any(purpose in EXCLUSIVE_PURPOSES for purpose in purposes):
        raise CodecError("genesis.purposes-mixed", purposes=purposes)
    return {**item, "purposes": list(purposes)}


def _check_keys(content: dict[str, Value]) -> None:
    """No key twice, and each validator's key is its organisation's and there to validate."""
    owners: dict[bytes, tuple[str, list[str]]] = {}
    for organisation in content["organisations"]:
        for item in organisation["keys"]:
            if item["key"] in owners:
                raise CodecError("genesis.key-twice", key=item["key"].hex())
            owners[item["key"]] = (organisation["id"], item["purposes"])
    for organisation_id, key in content["validators"]:
        if owners.get(key) != (organisation_id, ["validate"]):
            raise CodecError("genesis.validator-key", organisation=organisation_id, key=key.hex())


def _check_proofs(genesis: Genesis, proofs: Mapping[Key, bytes]) -> None:
    for organisation, purposes, key in genesis.key_roles():
        crypto.check_possession(key, genesis.chain, organisation, purposes, proofs[key])
