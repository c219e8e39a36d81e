"""Statements in ``in/``: each line is handed in under the bank's key and followed until proved.

A file is taken when it has not changed between two rounds. Its lines go into transactions of a few
calls; each transaction is kept before it is handed in, so that after a crash the same one is handed
in again and not another. What became of a line is what its proved receipt says. When all are known
a result file is written beside the file, in ``done/``, or in ``refused/`` where nothing of it was
taken. A line that was taken before is answered from its record: the same statement twice changes
nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from contracts.settlement.bank_file import BankFileError, parse_statement
from node.ledger.evidence import ReceiptFacts
from node.ledger.receipt import OK
from node.ledger.transaction import Call, SignedTransaction, TransactionBody, sign_transaction
from node.ledger.types import VALIDITY_MS_MAX, Digest, TimeMs
from node.member import results, rows
from node.member.errors import Declined, Silent, StatementRefused
from node.member.lines import Lines, same_line
from node.member.nodes import Nodes, in_turn
from node.member.records import Record
from node.member.remote import Remote, Signer
from node.store.kv import KV, Operation

STATEMENT_BYTES_MAX: Final = 16 * 1024 * 1024
LINES_AT_ONCE: Final = 20
"""Calls of one transaction. The evidence of each line holds the whole body: few keep it small."""
CHUNKS_A_ROUND: Final = 20
VALIDITY_MS: Final = 10 * 60 * 1000
FORMS: Final = (".csv", ".json")
NAME_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Job:
    """A statement at work."""

    name: str
    digest: bytes
    lines: list[dict[str, Any]]
    done: int
    """Lines whose outcome is proved."""


class Inbox:
    """Works through the statements of a folder."""

    def __init__(
        self,
        kv: KV,
        nodes: Nodes,
        lines: Lines,
        signer: Signer,
        folder: Path,
        *,
        now_ms: Callable[[], int],
        log: Any,
    ) -> None:
        self._kv, self._nodes, self._lines, self._signer = kv, nodes, lines, signer
        self._folder, self._now_ms, self._log = folder, now_ms, log
        self._seen: dict[str, tuple[int, int]] = {}
        self.waits: dict[str, str] = {}
        """Files that could not be worked through in this round, and the code that says why."""

    def look_again(self, turn: int) -> None:
        """Lines in suspense, some at each turn: somebody may have said what they were."""
        for name in in_turn(self._lines.suspended(), turn):
            self._nodes.first(partial(self._lines.refresh, reference=name))

    def work(self) -> bool:
        """Go on with the statements; whether there is more to do at once."""
        self.waits = {}
        more = False
        seen: dict[str, tuple[int, int]] = {}
        for name in sorted(os.listdir(self._folder / "in")):
            path = self._folder / "in" / name
            if path.suffix.lower() not in FORMS or name[0] == ".":
                continue
            if not (name.isprintable() and len(name) <= NAME_CHARS_MAX):
                self.waits[repr(name)] = "member.file-name"
                continue
            try:
                more |= self._look_at(path, seen)
            except FileNotFoundError:
                continue  # somebody took it away
            except PermissionError:
                self.waits[name] = "member.file-barred"
        self._seen = seen
        return more

    def _look_at(self, path: Path, seen: dict[str, tuple[int, int]]) -> bool:
        """Work on a file that is whole; whether there is more to do at once."""
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            self.waits[path.name] = "member.file-barred"
            return False
        seen[path.name] = (found.st_size, found.st_mtime_ns)
        if self._seen.get(path.name) != seen[path.name]:
            return False  # it may still be written to
        try:
            job = self._open(path, found.st_size)
        except StatementRefused as refusal:
            self._leave(path, "refused", b"", results.refused_file(path.name, refusal))
            return False
        return self._go_on(path, job)

    def _open(self, path: Path, size: int) -> Job:
        """The statement with what is done of it. Raises ``StatementRefused``."""
        if size > STATEMENT_BYTES_MAX:
            raise StatementRefused(
                "member.statement-too-large", bytes=size, bytes_max=STATEMENT_BYTES_MAX
            )
        data = path.read_bytes()
        try:
            lines = parse_statement(data, path.suffix[1:].lower())
        except BankFileError as problem:
            raise StatementRefused("member.statement", reason=str(problem)[:300]) from None
        digest = sha256(data).digest()
        return Job(path.name, digest, lines, rows.read(self._kv, rows.JOB + digest) or 0)

    # --- Lines --------------------------------------------------------------------------------

    def _go_on(self, path: Path, job: Job) -> bool:
        """Whether there is more to do at once; False where no node could be used."""
        for _ in range(CHUNKS_A_ROUND):
            if job.done >= len(job.lines):
                self._close(path, job)
                return False
            done = self._chunk(job)
            if not done:
                self.waits.setdefault(path.name, "member.no-node")
                return False
            job = Job(job.name, job.digest, job.lines, done)
        return True

    def _chunk(self, job: Job) -> int:
        """Prove the next lines; how many are done then, 0 where nobody proved them."""
        stop = min(job.done + LINES_AT_ONCE, len(job.lines))
        batch: list[Operation] = []
        asked: list[int] = []
        for number in range(job.done, stop):
            record = self._lines.taken(job.lines[number]["reference"])
            if record is not None and same_line(record, job.lines[number]):
                batch.append(self._result(job, number, results.of_record(record)))
            elif record is not None:
                batch.append(self._result(job, number, results.differs(record, job.lines[number])))
            else:
                asked.append(number)
        if asked:
            pending = rows.line_key(rows.PENDING, job.digest, job.done)
            transaction = self._transaction(pending, [job.lines[n] for n in asked])
            proved = self._prove(job.name, transaction)
            if proved is None:
                if self._now_ms() > transaction.body.valid_until_ms:
                    self._kv.write([(pending, None)], sync=True)  # it never will be: another one
                return 0
            batch.append((pending, None))
            for number, (facts, data) in zip(asked, proved, strict=True):
                batch += self._told(job, number, facts, data)
        self._kv.write([*batch, (rows.JOB + job.digest, rows.pack(stop))], sync=True)
        return stop

    def _transaction(self, pending: bytes, lines: list[dict[str, Any]]) -> SignedTransaction:
        """The transaction of these lines: the one that was kept, or a new one, kept now.

        One that was signed while this clock was far ahead is not kept to: no block may hold it for
        days, and by then its lines are known.
        """
        wire = self._kv.get(pending)
        if wire is not None:
            kept = SignedTransaction.decode(wire)
            ahead = kept.body.valid_until_ms > self._now_ms() + VALIDITY_MS_MAX
            if not ahead and [dict(call.args) for call in kept.body.calls] == lines:
                return kept
        signer = self._signer
        body = TransactionBody(
            chain=Digest(signer.chain),
            sender=signer.organisation,
            key=signer.key,
            valid_until_ms=TimeMs(self._now_ms() + VALIDITY_MS),
            calls=tuple(Call("bank", "line", line, ()) for line in lines),
        )
        made = sign_transaction(body, signer.private)
        self._kv.write([(pending, made.encode())], sync=True)
        return made

    def _prove(
        self, name: str, transaction: SignedTransaction
    ) -> list[tuple[ReceiptFacts, bytes]] | None:
        """Hand it in where a node takes it, and prove its receipts by whichever node can."""
        wire, count = transaction.encode(), len(transaction.body.calls)

        def ask(remote: Remote) -> list[tuple[ReceiptFacts, bytes]] | None:
            try:
                remote.submit(wire)
            except (Silent, Declined) as refusal:
                self.waits[name] = refusal.code  # one node's word: another may have it committed
                self._log.warning("member.declined", peer=remote.address, code=refusal.code)
            try:
                return [
                    self._nodes.prove_receipt(remote, transaction.id, call) for call in range(count)
                ]
            except Declined as refusal:
                self.waits.setdefault(name, refusal.code)
                return None

        found = self._nodes.first(ask)
        if found is not None:
            self.waits.pop(name, None)
        return found

    def _told(self, job: Job, number: int, facts: ReceiptFacts, data: bytes) -> list[Operation]:
        """Rows of what a proved receipt says of a line."""
        line, receipt = job.lines[number], facts.receipt
        if receipt.status != OK:
            return [self._result(job, number, results.of_refusal(facts))]
        outcome = str(receipt.answer["outcome"])
        record = Record.at("line", line["reference"], outcome, facts.header,
                           results.line_facts(line, facts))  # fmt: skip
        batch = self._lines.put(record, data)
        batch.append(self._result(job, number, results.of_record(record)))
        order = str(receipt.answer["order"])
        if outcome == "matched" and order:
            batch.append((rows.named(rows.LOOK, order), rows.pack(facts.header.height)))
        return batch

    def _result(self, job: Job, number: int, result: results.Result) -> Operation:
        return rows.line_key(rows.LINE, job.digest, number), rows.pack(result.fields())

    # --- Files --------------------------------------------------------------------------------

    def _close(self, path: Path, job: Job) -> None:
        """Write the result and move the file. Each step may be done twice."""
        found = [
            results.Result(*rows.read(self._kv, rows.line_key(rows.LINE, job.digest, number)) or ())
            for number in range(len(job.lines))
        ]
        refused = [result for result in found if result.outcome == results.REFUSED]
        document = results.document(job.name, job.digest, job.lines, found)
        if refused:
            # They may be taken another day: the same file begins anew then.
            self._kv.write([(rows.JOB + job.digest, None)], sync=True)
        where = "refused" if found and len(refused) == len(found) else "done"
        self._leave(path, where, job.digest, document)

    def _leave(self, path: Path, where: str, digest: bytes, document: bytes) -> None:
        name = results.place(self._folder / where, path.name, digest)
        results.write(self._folder / where, f"{name}.result.json", document)
        results.move(path, self._folder / where / name)
        self._log.info("member.statement", file=name, status=where)
