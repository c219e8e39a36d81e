"""The phases of a replica as a table: phase x cue -> phase. A missing cell is a bug.

Rule 1: whatever decides *what a replica may do next* is a phase; counts, clocks and blocks are not.
Rule 2: the table does not know who is primary; primary and backup go through the same phases.

One height is in flight, so this one machine describes it whole. Commit certificates are welcome in
every phase (``COMMITTED``): deciding needs no permission of the view that one is in. What a quorum
does in a later view carries a replica along (``JOINED``). ``docs/consensus-phases.md`` is generated
from this table (``diagram()``), and a test compares them.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where a replica stands; the value is the sentence that an operator reads."""

    WATCHING = "follows certificates and signs nothing"
    OPEN = "waits for a block to be proposed"
    EXECUTING = "executes the proposed block"
    PREPARING = "voted PREPARE and waits for a quorum of them"
    COMMITTING = "voted COMMIT and waits for a quorum of them"
    DECLINED = "did not vote for the proposed block and waits for the others"
    CHANGING = "sent VIEW-CHANGE and waits for NEW-VIEW"
    INSTALLING = "fetches the blocks that the new view is built on"


class Cue(Enum):
    """What moves a replica from phase to phase."""

    SEATED = "member of the set, record at hand"
    EPOCH_ENDED = "the committed block was the last of its epoch"
    ADOPTED = "block proposed or selected"
    APPROVED = "executed, vote persisted"
    REFUSED = "executed, not voted for"
    PREPARED = "PREPARE certificate persisted"
    COMMITTED = "COMMIT certificate, block stored"
    ENTERED = "quorum wishes a later view"
    BEHIND = "NEW-VIEW on a base not yet here"
    INSTALLED = "NEW-VIEW, base is here"
    JOINED = "committed with a certificate of a later view"


_IN_VIEW = {
    Cue.COMMITTED: Phase.OPEN,
    Cue.JOINED: Phase.OPEN,
    Cue.ENTERED: Phase.CHANGING,
    Cue.EPOCH_ENDED: Phase.WATCHING,
}

TABLE: dict[Phase, dict[Cue, Phase]] = {
    Phase.WATCHING: {
        Cue.SEATED: Phase.OPEN,
        Cue.EPOCH_ENDED: Phase.WATCHING,
        Cue.COMMITTED: Phase.WATCHING,
    },
    Phase.OPEN: {**_IN_VIEW, Cue.ADOPTED: Phase.EXECUTING},
    Phase.EXECUTING: {**_IN_VIEW, Cue.APPROVED: Phase.PREPARING, Cue.REFUSED: Phase.DECLINED},
    Phase.PREPARING: {**_IN_VIEW, Cue.PREPARED: Phase.COMMITTING},
    Phase.COMMITTING: {**_IN_VIEW},
    Phase.DECLINED: {**_IN_VIEW, Cue.PREPARED: Phase.COMMITTING},
    Phase.CHANGING: {
        **_IN_VIEW,
        Cue.COMMITTED: Phase.CHANGING,
        Cue.INSTALLED: Phase.OPEN,
        Cue.BEHIND: Phase.INSTALLING,
    },
    Phase.INSTALLING: {
        **_IN_VIEW,
        Cue.COMMITTED: Phase.INSTALLING,
        Cue.INSTALLED: Phase.OPEN,
    },
}

IN_FLIGHT = (Phase.EXECUTING, Phase.PREPARING, Phase.COMMITTING, Phase.DECLINED)
"""Phases with a block adopted in the current view."""

BETWEEN_VIEWS = (Phase.CHANGING, Phase.INSTALLING)
"""Phases in which nothing may be proposed or voted for."""


def advance(phase: Phase, cue: Cue) -> Phase:
    """The phase after ``cue``. Raises ``AssertionError`` where the table has no cell."""
    following = TABLE[phase].get(cue)
    if following is None:
        raise AssertionError(f"{cue.name} cannot happen while a replica is {phase.name}")
    return following


def diagram() -> str:
    """The table as a mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> WATCHING"]
    lines += [f"    {phase.name}: {phase.name}<br/>{phase.value}" for phase in Phase]
    for phase, row in TABLE.items():
        targets: dict[Phase, list[str]] = {}
        for cue, following in row.items():
            targets.setdefault(following, []).append(cue.name)
        for following, cues in targets.items():
            lines.append(f"    {phase.name} --> {following.name}: {', '.join(cues)}")
    return "\n".join(lines) + "\n"


def document() -> str:
    """The page ``docs/consensus-phases.md``."""
    cues = "\n".join(f"| {cue.name} | {cue.value} |" for cue in Cue)
    return (
        "# Phases of a replica\n\n"
        "Generated from `consensus/phases.py`; `YIBAO_REWRITE=1 pytest "
        "tests/consensus/test_phases.py` writes it anew.\n\n"
        f"```mermaid\n{diagram()}```\n\n| cue | what happened |\n|---|---|\n{cues}\n"
    )
