"""The clerks' work lists, derived from the state and from nothing else.

A filing that waits for its decision, a filing that stands and will end, a reimbursement that waits
for somebody, a wallet transfer that nobody has claimed, a recovery that is not at its end: each has
a row in its home area's list, by the day that matters. An institution has one in the lists of its
district, city and province and of the country, so that a report finds them all. The state has no
iteration, and going through all filings that ever were, to find the three that wait, would cost
more every year; so the batch that changes such an entry also changes its rows. They can be dropped
and made again from the state at any time, also where a snapshot brought the state without blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts import organisations
from contracts.regions import widening
from contracts.settlement import calendar
from contracts.settlement.enrolment_record import area_of
from contracts.settlement.filing_record import PENDING, Filing
from contracts.settlement.recovery_record import Recovery, RecoveryStage
from contracts.settlement.reimbursement_record import Reimbursement
from contracts.settlement.wallet import WAITING
from node.ledger.codec import decode_trusted
from node.store.database import Rows
from node.store.errors import DerivedDamaged
from node.store.kv import KV, Operation
from node.store.work import AREA_CHARS, MADE, NO_DATE, WHOLE, WorkList, key_of

FILING, REIMBURSEMENT, WALLET = "filing/", "reimbursement/", "wallet-transfer/"
RECOVERY = "recovery/"
INSTITUTIONS = tuple(f"org/{kind}:" for kind in organisations.INSTITUTIONS)
PREFIXES = (FILING, REIMBURSEMENT, WALLET, RECOVERY, *INSTITUTIONS)
"""State keys that may be on a list."""
RECOVERY_WAITS = (RecoveryStage.REGISTERED, RecoveryStage.AGREED, RecoveryStage.DEMANDED)
"""For a second person, for a demand, for the liable party."""
REBUILD_ROWS = 10_000


def rows_of(key: str, data: bytes | None) -> dict[bytes, bytes]:
    """The rows of one state entry; none for what is not there or waits for nobody."""
    if data is None:
        return {}
    value = decode_trusted(data)
    if key.startswith(FILING):
        return _rows_of_filing(Filing.decode(value))
    if key.startswith(INSTITUTIONS):
        name = key.removeprefix("org/")
        return {
            key_of(WorkList.INSTITUTIONS, area, NO_DATE, name): b""
            for area in widening(value["region"])
        }
    if key.startswith(WALLET):
        giver, _, _, status, back_ms, *_ = value
        if status != WAITING:
            return {}
        day = calendar.date_of_ms(back_ms)
        return {key_of(WorkList.WALLETS, area_of(giver), day, key.removeprefix(WALLET)): b""}
    if key.startswith(RECOVERY):
        return _rows_of_recovery(key.removeprefix(RECOVERY), Recovery.decode(value))
    name = key.removeprefix(REIMBURSEMENT)
    made = Reimbursement.decode(value)
    if not made.due_on:
        return {}
    row = key_of(WorkList.REIMBURSEMENTS, made.area, made.due_on, name)
    return {row: made.stage.value.encode()}


def changes(
    writes: Mapping[str, bytes | None], read: Callable[[str], bytes | None]
) -> list[Operation]:
    """What a block's writes change of the lists. ``read``: the state before them."""
    operations: list[Operation] = []
    for key, data in writes.items():
        if key.startswith(PREFIXES):
            before, after = rows_of(key, read(key)), rows_of(key, data)
            operations += [(row, None) for row in before if row not in after]
            operations += [item for item in after.items() if before.get(item[0]) != item[1]]
    return operations


def rebuild(kv: KV, rows: Rows) -> None:
    """Drop the lists and make them from the whole state. Only while the node is stopped."""
    kv.write([(WHOLE, None)], sync=True)
    batch: list[Operation] = []
    for key, _ in rows.work.all():
        batch.append((key, None))
        if len(batch) >= REBUILD_ROWS:
            kv.write(batch, sync=True)
            batch = []
    kv.write(batch, sync=True)
    batch = []
    for row in _expected(rows).items():
        batch.append(row)
        if len(batch) >= REBUILD_ROWS:
            kv.write(batch, sync=True)
            batch = []
    kv.write([*batch, (WHOLE, MADE)], sync=True)


def verify(rows: Rows) -> None:
    """Raises ``DerivedDamaged`` unless the lists are what the state says."""
    if not rows.work.is_whole():
        raise DerivedDamaged("The work lists were made by other rules, or not to their end.")
    expected, stored = _expected(rows), dict(rows.work.all())
    if expected != stored:
        wrong = len(expected.items() ^ stored.items())
        raise DerivedDamaged(f"{wrong} rows of the work lists are not the state's.")


def _expected(rows: Rows) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for _, key, data in rows.state.entries():
        if key.startswith(PREFIXES):
            found |= rows_of(key, data)
    return found


def _rows_of_recovery(name: str, made: Recovery) -> dict[bytes, bytes]:
    if made.stage not in RECOVERY_WAITS:
        return {}
    # Its id begins with the code of the bureau that took it up (``organisations.own_prefix``).
    area, day = name[:AREA_CHARS], made.due_on or NO_DATE
    return {key_of(WorkList.RECOVERIES, area, day, name): made.stage.value.encode()}


def _rows_of_filing(filing: Filing) -> dict[bytes, bytes]:
    found = {}
    last, end = filing.last, filing.end
    if last.status == PENDING and last.decide_by is not None:
        found[key_of(WorkList.FILINGS, filing.area, last.decide_by, filing.id)] = b"pending"
    if end is not None:
        note = end.cause if filing.warned != end.last_day else f"{end.cause}-told"
        found[key_of(WorkList.ENDING, filing.area, end.last_day, filing.id)] = note.encode()
    return found
