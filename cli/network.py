"""A network in a folder: keys, genesis, one configuration for each node. For development and demo.

    FOLDER/network.json          nothing secret: chain, nodes with their addresses
    FOLDER/genesis.json
    FOLDER/passphrase            of all keys here, mode 0600: a development network has no secrets
    FOLDER/keys/<org>.<post>.key
    FOLDER/nodes/<n>/node.toml   with its keys and data/ beside it; a follower has no validate.key

A real network is founded the other way round: each organisation makes its own keys and shows proofs
of possession (``yibao genesis build``).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.identity import Identity, identity_of_seed, new_seed, open_key, write_key
from node.ledger import crypto
from node.ledger.genesis import Genesis, make_content
from node.ledger.keystore import SCRYPT_N_LEAST
from node.ledger.types import Key

MANIFEST = "network.json"
"""Written last, whole from its first moment: a folder without it was not founded to the end."""

PARTS = ("passphrase", "genesis.json", "keys", "nodes")
"""What else a network's folder holds, in the order in which it is made."""

NODE_KEYS = ("validate", "transport")
"""Keys that lie beside a node's configuration, each for one purpose."""


class NetworkDamaged(Exception):  # noqa: N818  (states the fact)
    """A folder holds a manifest that cannot be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation of the genesis, with a signing key for each post."""

    id: str
    kind: str
    region: str
    posts: tuple[str, ...] = ("checker", "clerk", "operator")
    validator: bool = False
    follower: bool = False
    """Runs a node without a seat."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """One node of the network."""

    organisation: str
    port: int
    folder: Path
    peer_port: int | None = None
    """Where it listens for other nodes; None in a network of one validator."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    @property
    def votes(self) -> bool:
        """Whether it has a key to vote with."""
        return (self.folder / "validate.key").exists()


class Network:
    """The network that lies in a folder."""

    def __init__(self, folder: Path, chain: bytes, nodes: Sequence[NodePlace]) -> None:
        self.folder = folder
        self.chain = chain
        self.nodes = tuple(nodes)
        self._identities: dict[tuple[str, str], Identity] = {}

    @property
    def genesis(self) -> Path:
        return self.folder / "genesis.json"

    @property
    def passphrase_file(self) -> Path:
        return self.folder / "passphrase"

    def key_path(self, organisation: str, post: str) -> Path:
        return self.folder / "keys" / f"{organisation.replace(':', '.')}.{post}.key"

    def identity(self, organisation: str, post: str = "clerk") -> Identity:
        """The signing identity of an organisation's post, opened once."""
        found = self._identities.get((organisation, post))
        if found is None:
            passphrase = self.passphrase_file.read_text(encoding="utf-8")
            found = open_key(self.key_path(organisation, post), passphrase)
            self._identities[organisation, post] = found
        return found

    def add_identity(self, organisation: str, post: str) -> Identity:
        """Make and keep a new key; registering it on the ledger is the caller's business."""
        seed = new_seed()
        write_key(
            self.key_path(organisation, post),
            seed,
            self.passphrase_file.read_text(encoding="utf-8"),
            chain=self.chain,
            role="read,sign",
            owner=organisation,
            n=SCRYPT_N_LEAST,
        )
        identity = identity_of_seed(organisation, seed)
        self._identities[organisation, post] = identity
        return identity


def holder_of(organisation: str, post: str) -> str:
    """A made-up staff pseudonym."""
    return f"staff:{organisation}:{post}"


def create(
    folder: Path,
    members: Sequence[Member],
    *,
    ports: Mapping[str, int],
    peer_ports: Mapping[str, int] | None = None,
    host: str = "127.0.0.1",
    time_ms: int,
    parameters: Mapping[str, Any],
    contracts: Mapping[str, int],
    base_ms: int = 1_000,
    begin: Callable[[Sequence[NodePlace]], None] | None = None,
) -> Network:
    """Write a new network into an empty or absent folder.

    ``ports``: API port of each validator's and follower's node; ``peer_ports``: where they listen
    for each other, needed for more than one; ``base_ms``: how long they wait for a primary;
    ``begin``: begins the keys of the nodes that vote, before the network counts as made. Raises
    ``FileExistsError`` when one is there, or part of one.
    """
    _check_free(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passphrase = secrets.token_urlsafe(18)
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(passphrase, encoding="utf-8")

    seeds: dict[tuple[str, str], bytes] = {}
    told = peer_ports or {}
    records = [_member_record(member, seeds, host, told.get(member.id)) for member in members]
    validators = [(m.id, _key(seeds[m.id, "validate"])) for m in members if m.validator]
    content = make_content(
        time_ms=time_ms,
        parameters=parameters,
        contracts=contracts,
        organisations=records,
        validators=validators,
    )
    genesis = Genesis.from_content(content)
    private = {_key(seed): crypto.private_key(seed) for seed in seeds.values()}
    (folder / "genesis.json").write_bytes(genesis.render(genesis.prove_keys(private)))

    nodes = _places(folder, members, ports, told)
    network = Network(folder, genesis.chain, nodes)
    for (organisation, post), seed in seeds.items():
        if post not in NODE_KEYS:
            write_key(
                network.key_path(organisation, post), seed, passphrase,
                chain=genesis.chain, role="read,sign", owner=organisation, n=SCRYPT_N_LEAST,
            )  # fmt: skip
            network._identities[organisation, post] = identity_of_seed(organisation, seed)
    for place in nodes:
        _write_node(network, place, seeds, passphrase, host, base_ms)
    if begin is not None:
        begin([place for place in nodes if place.votes])
    _write_manifest(network)
    return network


def _check_free(folder: Path) -> None:
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"{folder} already holds a network")
    if part := [name for name in PARTS if (folder / name).exists()]:
        raise FileExistsError(
            f"{folder} holds part of a network ({', '.join(part)}) and no {MANIFEST}: its founding "
            "did not come to its end. Remove these, or take another folder."
        )


def _places(
    folder: Path, members: Sequence[Member], ports: Mapping[str, int], told: Mapping[str, int]
) -> list[NodePlace]:
    """Validators in the order of the members, then followers."""
    running = [m.id for m in members if m.validator]
    running += [m.id for m in members if m.follower]
    return [
        NodePlace(name, ports[name], folder / "nodes" / str(number), told.get(name))
        for number, name in enumerate(running)
    ]


def load(folder: Path) -> Network:
    """The network of a folder. Raises ``FileNotFoundError`` when there is none, ``NetworkDamaged``
    when its manifest is not one."""
    text = (folder / MANIFEST).read_bytes()
    try:
        manifest = json.loads(text)
        nodes = [
            NodePlace(
                node["organisation"], node["port"], folder / node["folder"], node.get("peer_port")
            )
            for node in manifest["nodes"]
        ]
        return Network(folder, bytes.fromhex(manifest["chain"]), nodes)
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkDamaged(f"{folder / MANIFEST} is not a network's manifest") from error


def _member_record(
    member: Member, seeds: dict[tuple[str, str], bytes], host: str, peer_port: int | None
) -> dict[str, Any]:
    keys = []
    for post in member.posts:
        seeds[member.id, post] = new_seed()
        keys.append(
            {
                "key": _key(seeds[member.id, post]),
                "purposes": ["read", "sign"],
                "holder": holder_of(member.id, post),
                "post": post,
            }
        )
    purposes = [
        purpose
        for purpose, needed in zip(
            NODE_KEYS, (member.validator, peer_port is not None), strict=True
        )
        if needed
    ]
    for purpose in purposes:
        seeds[member.id, purpose] = new_seed()
        keys.append(
            {
                "key": _key(seeds[member.id, purpose]),
                "purposes": [purpose],
                "holder": holder_of(member.id, "operator"),
                "post": "operator",
            }
        )
    record: dict[str, Any] = {
        "id": member.id, "kind": member.kind, "region": member.region, "keys": keys
    }  # fmt: skip
    if (member.id, "transport") in seeds:
        pin = crypto.tls_pin(_key(seeds[member.id, "transport"]))
        record["endpoint"] = {"host": host, "port": peer_port, "tls_pin": pin}
    return record


def _key(seed: bytes) -> Key:
    return crypto.public_key(crypto.private_key(seed))


def _write_node(
    network: Network,
    place: NodePlace,
    seeds: Mapping[tuple[str, str], bytes],
    passphrase: str,
    host: str,
    base_ms: int,
) -> None:
    place.folder.mkdir(parents=True, mode=0o700)
    for purpose in NODE_KEYS:
        seed = seeds.get((place.organisation, purpose))
        if seed is not None:
            write_key(
                place.folder / f"{purpose}.key", seed, passphrase,
                chain=network.chain, role=purpose, owner=place.organisation, n=SCRYPT_N_LEAST,
            )  # fmt: skip
    validate = 'key = "validate.key"\n' if (place.organisation, "validate") in seeds else ""
    peers = ""
    if place.peer_port is not None:
        peers = f"""
[p2p]
host = "{host}"
port = {place.peer_port}
key = "transport.key"

[consensus]
base_ms = {base_ms}
"""
    place.config.write_text(
        f"""[node]
organisation = "{place.organisation}"
genesis = "../../genesis.json"
data_dir = "data"
{validate}passphrase_file = "../../passphrase"

[api]
host = "{host}"
port = {place.port}
{peers}""",
        encoding="utf-8",
    )


def _write_manifest(network: Network) -> None:
    document = {
        "chain": network.chain.hex(),
        "nodes": [
            {
                "organisation": place.organisation,
                "port": place.port,
                "peer_port": place.peer_port,
                "folder": str(place.folder.relative_to(network.folder)),
            }
            for place in network.nodes
        ],
    }
    path = network.folder / MANIFEST
    unfinished = path.with_name(f"{MANIFEST}.new")
    unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    unfinished.rename(path)
