"""Block 0: the state that the genesis file says, with no transaction and no certificate."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.api import Rejected
from contracts.founding import check_founding
from contracts.organisations import genesis_records
from contracts.registry import STATE_KEY, Registry
from node.execution.blocks import validator_set
from node.execution.state import BlockState
from node.ledger.block import Header, genesis_header
from node.ledger.codec import encode
from node.ledger.errors import InvalidGenesis
from node.ledger.genesis import Genesis
from node.ledger.receipt import encode_writes
from node.ledger.state_tree import Overlay, StateTree, compute_changes


@dataclass(frozen=True, slots=True)
class GenesisResult:
    """Block 0 as a value."""

    header: Header
    writes: dict[str, bytes | None]
    diff: bytes
    overlay: Overlay


class _Nothing:
    """The state before the beginning."""

    def get(self, key: str) -> bytes | None:
        return None


def genesis_writes(genesis: Genesis, registry: Registry) -> dict[str, bytes | None]:
    """State entries of block 0 as canonical bytes. Raises ``InvalidGenesis``.

    A contract version that this build does not have is refused here and not at the first call, and
    so is what the contracts' own rules would have refused (``contracts.founding``).
    """
    for name, version in genesis.contracts.items():
        if version not in registry.versions(name):
            raise InvalidGenesis(
                "genesis.contract-version",
                contract=name, version=version, present=registry.versions(name),
            )  # fmt: skip
    members = [(seat.organisation, seat.key) for seat in genesis.validators.validators]
    try:
        check_founding(genesis.organisations, [org for org, _ in members], genesis.parameters)
    except Rejected as error:
        raise InvalidGenesis("genesis.rules", **error.values, reason=error.code) from None
    records = genesis_records(genesis.organisations, members, genesis.parameters)
    schedule = {name: [[0, version]] for name, version in genesis.contracts.items()}
    records[STATE_KEY] = schedule
    return {key: encode(value) for key, value in records.items()}


def make_genesis(genesis: Genesis, registry: Registry, tree: StateTree) -> GenesisResult:
    """Block 0 over an empty tree."""
    writes = genesis_writes(genesis, registry)
    overlay = tree.overlay(compute_changes(writes))
    state = BlockState(_Nothing())
    state.writes = writes
    assert validator_set(state) == genesis.validators, "the state has the genesis' validators"
    header = genesis_header(genesis.chain, genesis.validators.hash, genesis.time_ms, overlay.root)
    return GenesisResult(header, writes, encode_writes(writes), overlay)
