"""PBFT as a value machine: event in, list of effects out; no clock, chance, socket or disk.

``Replica.step(event, now_ms) -> list[Effect]``; ``effects.py`` has the contract with the driver,
``events.py`` what may happen, ``phases.py`` the machine as a table. A file for each idea:

=================== =============================================================================
``quorum.py``       validator sets, Q(n), whose turn it is
``messages.py``     statements (what is signed), messages that carry them, certificates
``safety.py``       the safety record: what a key has bound itself to, and what it may sign
``slot.py``         the height in flight: adopted block, execution results, votes
``view_change.py``  what a valid view change is, and which block follows from a quorum of them
``pacemaker.py``    wishes and timers: when to leave a view
``catch_up.py``     who is ahead, what to fetch
``evidence.py``     proofs that a member lied
``state.py``        all of it in one value, and the primitive acts
``ordering.py``     the normal case: adopt, PREPARE, COMMIT, commit
``changing.py``     from view to view; taking one's seat after a start
``retransmission.py`` STATUS: whatever was lost is sent again
``situation.py``    what an operator reads
``replica.py``      the one entrance
``plain.py``        values as plain lists, for codecs
=================== =============================================================================

A chain with one member, driven by hand. Its only driver is this loop:

>>> from consensus import *
>>> me = MemberId(b"key of the only member")
>>> genesis = Block(BlockId(b"genesis"), parent=BlockId(b""), height=0, epoch=0)
>>> members = ValidatorSet(epoch=0, members=(me,))
>>> disk = {"record": SafetyRecord(), "chain": [(genesis, None)]}   # made together with the key
>>> def run(replica, *events):
...     events = list(events)
...     while events:
...         for effect in replica.step(events.pop(0), now_ms=0):
...             match effect:
...                 case Persist(record, blocks):       # bodies first, then the record, synced
...                     disk["record"] = record
...                 case Sign(statement, member, sequence):
...                     check_statement(disk["record"], statement)      # raises if unsafe
...                     events.append(Signed(statement, b"signature by " + member))
...                 case Execute(block, fresh):
...                     events.append(Executed(block.id, Verdict.VALID))
...                 case Commit(block, certificate):    # one synced batch
...                     disk["chain"].append((block, certificate))
...                     print("committed", block.height, certificate.signers())
...                 case Build(view, parent):
...                     print("may build on", parent.height)
...                 case Send(to, message):
...                     pass                            # nobody to send to
>>> replica = Replica((me,))
>>> run(replica, Start(genesis, None, members, genesis, disk["record"]))
may build on 0
>>> first = Block(BlockId(b"block 1"), parent=genesis.id, height=1, epoch=0)
>>> run(replica, Built(view=0, block=first))
committed 1 (0,)
may build on 1

A crash right after the vote for block 2 was written; the restarted replica goes on from there,
with the same block, and signs nothing else for that slot:

>>> second = Block(BlockId(b"block 2"), parent=first.id, height=2, epoch=0)
>>> disk["record"] = replica.step(Built(view=0, block=second), 0)[0].record
>>> head, certificate = disk["chain"][-1]
>>> run(Replica((me,)), Start(head, certificate, members, genesis, disk["record"]))
committed 2 (0,)
may build on 2
"""

from consensus.effects import (
    Accuse,
    Alarm,
    Build,
    Commit,
    Effect,
    Execute,
    Fetch,
    Persist,
    Refused,
    Send,
    Sign,
    Wake,
)
from consensus.errors import ConsensusError, DriverError, PeerError, UnsafeStatement
from consensus.events import (
    Built,
    Event,
    Executed,
    Fetched,
    Pending,
    Received,
    Signed,
    Start,
    Tick,
    Verdict,
)
from consensus.evidence import Evidence
from consensus.messages import (
    Ballot,
    Block,
    BlockId,
    Certificate,
    Decided,
    Kind,
    Message,
    Proposal,
    Statement,
    Status,
    Vote,
)
from consensus.pacemaker import Timing
from consensus.phases import Phase
from consensus.quorum import MemberId, ValidatorSet
from consensus.replica import Replica
from consensus.safety import SafetyRecord, check_statement
from consensus.situation import Situation, Timer

__all__ = [
    "Accuse",
    "Alarm",
    "Ballot",
    "Block",
    "BlockId",
    "Build",
    "Built",
    "Certificate",
    "Commit",
    "ConsensusError",
    "Decided",
    "DriverError",
    "Effect",
    "Event",
    "Evidence",
    "Execute",
    "Executed",
    "Fetch",
    "Fetched",
    "Kind",
    "MemberId",
    "Message",
    "PeerError",
    "Pending",
    "Persist",
    "Phase",
    "Proposal",
    "Received",
    "Refused",
    "Replica",
    "SafetyRecord",
    "Send",
    "Sign",
    "Signed",
    "Situation",
    "Start",
    "Statement",
    "Status",
    "Tick",
    "Timer",
    "Timing",
    "UnsafeStatement",
    "ValidatorSet",
    "Verdict",
    "Vote",
    "Wake",
    "check_statement",
]
