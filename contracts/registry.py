"""Which version of a system contract is in force at which height.

A node ships every version that ever ran, so that old blocks can be replayed. Which one runs is in
the state, under one key: ``contracts`` = ``{name: [[from_height, version], ...]}``, written by
genesis and by the bureaus' vote. A switch always names a later height than its own block's, so the
versions of a height are settled before its first call.

A node that lacks the version in force cannot execute the block; that is the operator's matter and
not the transaction's, so it is ``VersionMissing`` and never a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from contracts.api import Contract, State, Value

STATE_KEY = "contracts"


class VersionMissing(Exception):  # noqa: N818  (names the condition, as StopIteration does)
    """The version in force is not part of this build: the node must be upgraded."""

    def __init__(self, contract: str, version: int, height: int, present: list[int]) -> None:
        super().__init__(
            f"contract {contract} runs in version {version} from height {height} on, "
            f"but this build has only {present}: upgrade this node"
        )
        self.contract = contract
        self.version = version
        self.height = height
        self.present = present


class Registry:
    """All contract versions of this build, by name and version."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._versions: dict[str, dict[int, Contract]] = {}
        for contract in contracts:
            known = self._versions.setdefault(contract.name, {})
            assert contract.version not in known, f"{contract!r} is registered twice"
            known[contract.version] = contract

    def names(self) -> list[str]:
        """Names of all contracts, sorted."""
        return sorted(self._versions)

    def versions(self, name: str) -> list[int]:
        """Versions of a contract that this build has, ascending; empty for an unknown name."""
        return sorted(self._versions.get(name, ()))

    def get(self, name: str, version: int) -> Contract:
        """That version. Raises ``KeyError``."""
        return self._versions[name][version]

    def newest(self) -> list[Contract]:
        """The newest version of each contract, by name: what documentation describes."""
        return [known[max(known)] for _, known in sorted(self._versions.items())]

    def in_force(self, state: State, name: str, height: int) -> Contract | None:
        """The contract that runs at ``height``; ``None`` when none does.

        A state without a schedule (a test, an offline tool) runs the newest of everything. Raises
        ``VersionMissing``.
        """
        known = self._versions.get(name)
        schedule = state.read(STATE_KEY, _schedule)
        if schedule is None:
            return None if known is None else known[max(known)]
        version = version_at(schedule, name, height)
        if version is None:
            return None
        if known is None or version not in known:
            raise VersionMissing(name, version, height, self.versions(name))
        return known[version]


def _schedule(value: Value) -> Mapping[str, Any]:
    return MappingProxyType(value)


def version_at(schedule: Mapping[str, Any], name: str, height: int) -> int | None:
    """The last scheduled version whose height is reached; ``None`` before the first."""
    found: int | None = None
    for from_height, version in schedule.get(name, ()):
        if from_height <= height:
            found = version
    return found


def switch(state: State, name: str, version: int, from_height: int) -> None:
    """Let ``version`` run from ``from_height`` on; later entries of the schedule are replaced.

    The caller (the vote's execution) checks that the height lies ahead of the current block.
    """
    schedule = state.get(STATE_KEY) or {}
    kept = [entry for entry in schedule.get(name, []) if entry[0] < from_height]
    schedule[name] = [*kept, [from_height, version]]
    state.put(STATE_KEY, schedule)
