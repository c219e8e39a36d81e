"""A bank's orders: named by nodes, proved by state, never taken from what a node lists.

A node's list only says which orders there are. Each is proved by its entry in the state. That of a
payment says that it is approved, for which amount and by which bank; its notice's entry says who is
paid. That of an order to pay a person (``bank_order``) has the account besides, and is of this bank
by its key. A node that lists what it cannot prove gets no further with its list; what one node
leaves out the others name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from contracts.settlement import bank_order
from contracts.settlement.bank_order import BankOrder, OrderStage
from contracts.settlement.clearing.notice_record import Notice
from contracts.settlement.clearing.payment_record import Payment, PaymentStage
from node.ledger.errors import InvalidProof
from node.ledger.evidence import StateFacts
from node.member import rows
from node.member.follow import rows_behind
from node.member.kinds.notice import facts_of
from node.member.nodes import Nodes
from node.member.records import Record, Records
from node.member.remote import Remote, text_of
from node.store.kv import KV, Operation

T = TypeVar("T")

LISTS: Final = ("payment", *bank_order.KINDS)
"""A node's lists of orders: of notices, and of each kind to persons."""
NAME_CHARS_MAX: Final = 160
"""Of an order's name in a list."""


@dataclass(frozen=True, slots=True)
class _Proved:
    """How an order stands."""

    record: Record
    evidence: bytes
    beside: list[Operation]
    """Rows of what it needs besides."""
    pays: bool
    """Whether this bank is the one that is to pay."""


class Orders:
    """Collects and refreshes a bank's orders."""

    def __init__(self, kv: KV, nodes: Nodes, records: Records, bank: str) -> None:
        self._kv, self._nodes, self._records, self.bank = kv, nodes, records, bank
        self.proved: set[str] = set()
        """Orders that were proved in this round."""

    def collect(self, remote: Remote) -> None:
        """Prove what a node lists and nobody proved before; the node proves its own list."""
        for kind in LISTS:
            self._collect(remote, kind)

    def _collect(self, remote: Remote, kind: str) -> None:
        listed = f"orders of kind {kind}"
        path = f"/v1/banks/{self.bank}/orders"
        for row in rows_behind(self._kv, self._nodes, remote, listed, path, "records", kind=kind):
            name = text_of(row, "order", NAME_CHARS_MAX)
            known = self._records.find("order", name)
            if known is None or known.state == PaymentStage.MADE.value:
                self.refresh(remote, name)

    def refresh(
        self, remote: Remote, name: str, *, least: int = 0, done: tuple[Operation, ...] = ()
    ) -> bool:
        """Prove how an order stands now, not below a height; ``done`` is written with it.

        An order that was approved for this bank is to come out, once. Raises ``InvalidProof``.
        """
        prove = self._to_person if bank_order.is_to_person(name) else self._of_notice
        proved = prove(remote, name, least)
        if proved is None:
            if not done:
                raise InvalidProof("member.other-subject", wanted=name)
            # A line told of an order of a bank that this one succeeds: there is nothing to look up.
            self._kv.write(done, sync=True)
            return True
        record, batch = proved.record, proved.beside
        fresh = self._records.put(record, proved.evidence)
        due = proved.pays and record.state == PaymentStage.APPROVED.value
        if fresh:
            # What was withdrawn waits for the bank's word as well: it may have paid by then.
            waits = due or record.state == OrderStage.WITHDRAWN.value
            batch.append((rows.named(rows.OPEN, name), b"" if waits else None))
        if fresh and due and self._kv.get(rows.named(rows.OUT, name)) is None:
            batch.append((rows.named(rows.OUT_WAITS, name), b""))
        self._kv.write([*done, *batch, *fresh], sync=True)
        self.proved.add(name)
        return True

    def _of_notice(self, remote: Remote, name: str, least: int) -> _Proved | None:
        """A payment of a notice; this bank may be the payee's. None for one of other banks."""
        facts, data = self._nodes.prove_state(remote, f"payment/{name}", least=least)
        made = _decoded(Payment.decode, facts)
        if self.bank not in (made.bank, made.payee_bank):
            return None
        batch: list[Operation] = []
        if self._records.find("notice", made.notice) is None:
            batch += self._notice(remote, made.notice)
        record = Record.at(
            "order", name, made.stage.value, facts.header,
            {
                "notice": made.notice, "amount_fen": made.amount_fen, "bank": made.bank,
                "payee_bank": made.payee_bank, "reference": made.reference,
                "value_on": made.value_on, "received_reference": made.received_reference,
                "rows": list(made.rows), "returned_fen": made.amount_fen - made.left_fen,
            },
        )  # fmt: skip
        return _Proved(record, data, batch, made.bank == self.bank)

    def _to_person(self, remote: Remote, name: str, least: int) -> _Proved | None:
        """An order to pay a person; None where this bank has no such order."""
        key = bank_order.key_of(self.bank, name)
        facts, data = self._nodes.prove_state(remote, key, least=least)
        if not facts.present:
            return None
        made = _decoded(BankOrder.decode, facts)
        record = Record.at(
            "order", name, made.stage.value, facts.header,
            {
                "pays": made.kind, "amount_fen": made.amount_fen, "bank": self.bank,
                "payer": made.payer, "account": made.account.hex(), "due_on": made.due_on,
                "reference": made.reference, "reason": made.reason,
                "returned_fen": made.returned_fen,
            },
        )  # fmt: skip
        return _Proved(record, data, [], True)

    def open(self) -> list[str]:
        """Orders that this bank has not reported on."""
        rows_open = self._kv.iterate(rows.OPEN, rows.OPEN + b"\xff" * 9)
        return [key[1:].decode() for key, _ in rows_open]

    def is_due(self, name: str) -> bool | None:
        """Whether an order still waits for this bank, by a proof of this round; None where no node
        gives one. Somebody may have reported it by hand while this process was down."""
        if name not in self.proved and not self._nodes.first(partial(self.refresh, name=name)):
            return None
        record = self._records.find("order", name)
        return record is not None and record.state == PaymentStage.APPROVED.value

    def instruction(self, name: str) -> dict[str, Any]:
        """The order as an instruction file has it, from what was proved."""
        order = self._records.find("order", name)
        assert order is not None, "an order comes out after it was proved"
        proved = {"height": order.height, "block": order.block.hex()}
        if bank_order.is_to_person(name):
            return _instruction_to_person(order) | proved
        notice = self._records.find("notice", order.facts["notice"])
        assert notice is not None, "an order is kept with its notice"
        return {
            "order": name, "kind": notice.facts["kind"], "amount_fen": order.facts["amount_fen"],
            "payer": notice.facts["payer"], "payee": notice.facts["payee"],
            "payee_bank": order.facts["payee_bank"], "account": None,
            "notice": notice.name, "due_on": notice.facts["due_on"],
            "by_fund_fen": _by_fund(order, notice),
        } | proved  # fmt: skip

    def _notice(self, remote: Remote, name: str) -> list[Operation]:
        facts, data = self._nodes.prove_state(remote, f"notice/{name}")
        made = _decoded(Notice.decode, facts)
        record = Record.at("notice", name, made.stage.value, facts.header, facts_of(made))
        return self._records.put(record, data)


def _by_fund(order: Record, notice: Record) -> dict[str, int]:
    """What an order pays by fund: its notice whole, or what had come back of it."""
    rows: list[int] = order.facts["rows"]
    if not rows:
        whole: dict[str, int] = notice.facts["by_fund_fen"]
        return whole
    sums: dict[str, int] = {}
    for fund, fen in zip(notice.facts["funds"], rows, strict=True):
        sums[fund] = sums.get(fund, 0) + fen
    return {fund: fen for fund, fen in sums.items() if fen}


def _instruction_to_person(order: Record) -> dict[str, Any]:
    facts = order.facts
    return {
        "order": order.name, "kind": facts["pays"], "amount_fen": facts["amount_fen"],
        "payer": facts["payer"], "payee": None, "payee_bank": facts["bank"],
        "account": facts["account"], "notice": None, "due_on": facts["due_on"] or None,
    }  # fmt: skip


def _decoded(decode: Callable[[Any], T], facts: StateFacts) -> T:
    """A certified value, of a form that this build knows."""
    if not facts.present:
        raise InvalidProof("member.other-subject", wanted=facts.key)
    try:
        return decode(facts.value)
    except (TypeError, ValueError):
        raise InvalidProof("member.unknown-form", key=facts.key) from None
