"""``yibao bank trace BANK REFERENCE``: from a line of a bank's statement back to the settlements.

A reference names one movement for good, so it leads to its order, the order to its notice, and the
notice to an institution's month, or to statements between provinces or of an insurer. What these
hold is read from the postings on the account that the notice pays, so that the sum of the
settlements is held against the sum that was confirmed: the difference is 0, or the command says how
much it is. A notice between a city and its province names statements, and leads to the city's part
of each. An order to a person leads to its entry and names its case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from cli.books import postings_of
from cli.client import Client, Refused
from cli.exits import Exit
from cli.output import Json, busy, fail, out, print_json, print_record, print_table, yuan
from cli.session import open_client
from contracts.regions import city, province
from contracts.settlement import bank_order
from contracts.settlement.bank_order import OrderStage
from contracts.settlement.clearing.payment_record import PaymentStage

INSTITUTION, CLEARING, NETTING = "institution", "clearing", "netting"
COVER, COVER_RETURN = "cover", "cover-return"
"""Kinds of notices that are followed to settlements."""
REMITTANCE, ALLOTMENT = "remittance", "allotment"
"""Kinds of notices that are followed to the statements that they are of."""
ROLES = {
    "paid": "paid 付款",
    "not-paid": "not carried out, nothing moved 未付",
    "received": "received 收款",
    "came-back": "came back 退回",
}
"""What a bank's reference can be of a payment."""
ATTEMPTS_MAX = 50
"""Payments of one notice that are followed back."""


def trace_back(
    context: typer.Context,
    bank: Annotated[str, typer.Argument(help="For example bank:icbc.")],
    reference: Annotated[str, typer.Argument(help="The bank's own number of the line.")],
    as_json: Json = False,
) -> None:
    """What a bank's reference paid: order, notice, and the settlements behind it. 流水号追溯

    Exit 1 where the settlements do not come to what was confirmed.
    """
    with open_client(context) as client, busy("postings 明细", quiet=as_json) as words:
        told = follow_back(client, bank, reference, words)
    if as_json:
        print_json(told)
    else:
        _show(told)
    if any(part["difference_fen"] for part in told["parts"]):
        raise typer.Exit(int(Exit.NO))


def follow_back(
    client: Client, bank: str, reference: str, words: Callable[[str], None]
) -> dict[str, Any]:
    """Order, payment, notice and the parts that it pays; ends the command where there is none."""
    order = client.get("/v1/state", key=f"bank-reference/{bank}/{reference}")["value"]
    if order is None:
        fail(Exit.NO, f"{bank} has reported no movement {reference}",
             hint="yibao bank suspense lists the lines of a bank that fit no order")  # fmt: skip
    found: dict[str, Any] = {
        "bank": bank, "reference": reference, "order": order, "reference_is": None,
        "payment": None, "notice": None, "to_person": None, "parts": [],
    }  # fmt: skip
    if bank_order.is_to_person(order):
        return found | _to_person(client, bank, reference, order)
    payment = client.get(f"/v1/payments/{order}")["record"]
    notice = client.get(f"/v1/notices/{payment['notice']}")["record"]
    ledger = _Ledger(client, words, until=_transfers(client, notice))
    return {
        **found, "reference_is": role_of(payment, reference), "payment": payment,
        "notice": notice, "parts": ledger.parts_of(notice),
    }  # fmt: skip


def _to_person(client: Client, bank: str, reference: str, order: str) -> dict[str, Any]:
    """An order to a person as its entry has it, without the account; its case by name."""
    try:
        value = client.get("/v1/state", key=bank_order.key_of(bank, order))["value"]
    except Refused as refusal:
        if not refusal.is_withheld:
            raise
        value = None
    if value is None:
        return {}  # another's business
    stage, kind, amount, payer, _, due_on, known, reason, returned, _ = value
    if known != reference:
        role = "came-back"
    else:
        role = "not-paid" if stage == OrderStage.RETURNED.value else "paid"
    told = {
        "kind": kind, "case": bank_order.parts_of(order)[1], "stage": stage, "amount_fen": amount,
        "returned_fen": returned, "payer": payer, "due_on": due_on or None,
        "reason": reason or None,
    }  # fmt: skip
    return {"reference_is": role, "to_person": told}


def _transfers(client: Client, notice: dict[str, Any]) -> frozenset[str]:
    """Transfers of a notice's payments: what they pay was posted before the first of them."""
    found: list[str] = []
    name = notice["payment"]
    while name and len(found) < ATTEMPTS_MAX:
        made = client.get(f"/v1/payments/{name}")["record"]
        found.append(made["transfer"])
        name = made["previous"]
    return frozenset(found)


@dataclass(slots=True)
class _Row:
    """A settlement, what took it back, or what was found on it, with its legs on one account."""

    what: str
    id: str
    institution: str
    care: str
    """Where the care was given; of a deduction not needed."""
    month: str
    by_fund: dict[str, int]

    def negated(self) -> _Row:
        return replace(self, by_fund={fund: -fen for fund, fen in self.by_fund.items()})

    def plain(self) -> dict[str, Any]:
        return {
            "what": self.what, "id": self.id, "institution": self.institution,
            "month": self.month, "by_fund_fen": self.by_fund,
            "amount_fen": sum(self.by_fund.values()),
        }  # fmt: skip


@dataclass(slots=True)
class _Ledger:
    """What is asked of the node for one reference, each thing once."""

    client: Client
    words: Callable[[str], None]
    until: frozenset[str]
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)
    _values: dict[str, Any] = field(default_factory=dict)

    def parts_of(self, notice: dict[str, Any]) -> list[dict[str, Any]]:
        """An institution's month, or one statement, or the two that are set off, or an
        insurer's."""
        kind, cause = notice["kind"], notice["cause"]
        if kind == INSTITUTION:
            return [self._month(*cause, noticed_fen=int(notice["amount_fen"]))]
        if kind in (COVER, COVER_RETURN):
            return [self._insurer(*cause)]
        if kind in (REMITTANCE, ALLOTMENT):
            return [self._of_city(kind, int(notice["amount_fen"]), cause[0], cause[3:])]
        if kind not in (CLEARING, NETTING) or province(cause[1]) == province(cause[2]):
            return []
        pairs = [(cause[1], cause[2])]
        if kind == NETTING:
            pairs.append((cause[2], cause[1]))
        return [self._statement(cause[0], home, care) for home, care in pairs]

    def _month(self, month: str, institution: str, *, noticed_fen: int) -> dict[str, Any]:
        name = {"what": "month", "institution": institution, "month": month}
        try:
            total = int(self._record(f"/v1/declarations/{institution}/{month}")["owed_fen"])
            rows = [
                row
                for row, period in self._rows(f"payable:{institution}")
                if row.month == month and not period
            ]
        except Refused as refusal:
            return _withheld(name, refusal)
        # Earlier months, later findings, payment by case, prepayments and transfers are in it, too.
        return {**_summed(name, rows, total, {}), "carried_fen": noticed_fen - total}

    def _statement(self, period: str, home: str, care: str) -> dict[str, Any]:
        name = {"what": "statement", "period": period, "home": home, "care": care}
        try:
            told = self._record(f"/v1/clearing/{period}/{home}/{care}")
            rows = [
                row
                for row, landed in self._rows(f"clearing:{home}->{care}")
                if (landed or self._period(row.institution, row.month)) == period
            ]
        except Refused as refusal:
            return _withheld(name, refusal)
        beside = {name: int(told[name]) for name in ("moved_fen", "wallets_fen")}
        return _summed(name, rows, int(told["total_fen"]), beside)

    def _of_city(
        self, kind: str, amount_fen: int, area: str, statements: Sequence[str]
    ) -> dict[str, Any]:
        """A city's part of the statements that a notice between it and its province names."""
        name = {"what": kind, "area": area}
        rows: list[_Row] = []
        try:
            for statement in statements:
                period, home, care = statement.split("/")
                told = self._record(f"/v1/clearing/{period}/{home}/{care}")
                national = province(home) != province(care)
                listed, field = told["rows"], "area"
                if national and kind == ALLOTMENT:
                    listed, field = told["places"], "place"
                by_fund: dict[str, int] = {}
                for cell in listed:
                    if not national or cell[field] == area:
                        fund = cell["fund_type"]
                        by_fund[fund] = by_fund.get(fund, 0) + int(cell["amount_fen"])
                rows.append(_Row("statement", f"{home} -> {care}", "", care, period, by_fund))
        except Refused as refusal:
            return _withheld(name, refusal)
        return _summed(name, rows, amount_fen, {})

    def _insurer(self, period: str, insurer: str, place: str) -> dict[str, Any]:
        name = {"what": "statement", "period": period, "home": insurer, "care": place}
        try:
            told = self._record(f"/v1/clearing/{period}/{insurer}/{place}")
            rows = [
                row.negated()  # the account has what the insurer owes below zero
                for row, _ in self._rows(f"commercial:{insurer}")
                if self._period(row.institution, row.month) == period
                and self._place(row.care) == place
            ]
        except Refused as refusal:
            return _withheld(name, refusal)
        return _summed(name, rows, int(told["total_fen"]), {"moved_fen": int(told["moved_fen"])})

    def _place(self, care: str) -> str:
        """Who pays the institutions of a district: its city, or the province where that has no
        bureau."""
        of_city = self._value(f"org/bureau:{city(care)}")
        return province(care) if of_city is None else city(care)

    def _rows(self, account: str) -> Iterator[tuple[_Row, str]]:
        """Rows posted on the account before its payment, oldest first; with each the later period
        that a finding went into, empty for all others."""
        transfers: dict[str, dict[str, int]] = {}
        for number, leg in enumerate(postings_of(self.client, account)):
            if leg["transfer_id"] in self.until:
                break
            funds = transfers.setdefault(leg["transfer_id"], {})
            funds[leg["fund_type"]] = funds.get(leg["fund_type"], 0) + int(leg["amount_fen"])
            self.words(f"postings 明细 {account}: {number + 1:,}")
        for number, (transfer, funds) in enumerate(transfers.items()):
            self.words(f"settlements 结算 {number + 1:,} of {len(transfers):,}")
            kind, _, name = transfer.partition("/")
            if kind == "claim":
                yield self._of_claim(name, funds), ""
            elif kind == "deduction":
                made = self._record(f"/v1/deductions/{name}")
                row = _Row("deduction", name, made["institution"], "", made["month"], funds)
                yield row, made["period"] or ""

    def _of_claim(self, name: str, funds: dict[str, int]) -> _Row:
        record = self._record(f"/v1/claims/{name}")
        if record.get("reversal") != name:
            month = (record.get("declared") or {}).get("month") or ""
            return _Row("settlement", name, record["institution"], record["care"], month, funds)
        original = self._record(f"/v1/claims/{record['claim']}")
        return _Row(
            "reversal", name, original["institution"], original["care"], record["declared"] or "",
            funds,
        )  # fmt: skip

    def _period(self, institution: str, month: str) -> str:
        """The period that a declared month went into; empty before it is confirmed."""
        if not month:
            return ""
        return self._record(f"/v1/declarations/{institution}/{month}")["period"] or ""

    def _record(self, path: str) -> dict[str, Any]:
        if path not in self._known:
            self._known[path] = self.client.get(path)["record"]
        return self._known[path]

    def _value(self, key: str) -> Any:
        if key not in self._values:
            self._values[key] = self.client.get("/v1/state", key=key)["value"]
        return self._values[key]


def _withheld(name: dict[str, Any], refusal: Refused) -> dict[str, Any]:
    """A part of which the reader may not see all: institutions' months are the place of care's.
    Raises the refusal where the node could not answer."""
    if not refusal.is_withheld:
        raise refusal
    return {**name, "withheld": True, "difference_fen": 0}


def _summed(
    name: dict[str, Any], rows: list[_Row], total_fen: int, beside: dict[str, int]
) -> dict[str, Any]:
    """A part with its rows, held against what was confirmed."""
    shown = [row.plain() for row in rows]
    rows_fen = sum(row["amount_fen"] for row in shown)
    return {
        **name, "rows": shown, "rows_fen": rows_fen, **beside, "total_fen": total_fen,
        "difference_fen": total_fen - rows_fen - sum(beside.values()),
    }  # fmt: skip


def _show(told: dict[str, Any]) -> None:
    """Order, notice and parts for people."""
    payment, notice = told["payment"], told["notice"]
    fields = {"bank": told["bank"], "reference": told["reference"], "order": told["order"]}
    if payment is None:
        if (order := told["to_person"]) is not None:
            fields |= {"reference_is": ROLES[told["reference_is"]]} | order
        print_record("Reference 银行流水号", fields)
        return
    print_record(
        "Reference 银行流水号",
        {
            **fields, "reference_is": ROLES[told["reference_is"]],
            "stage": payment["stage"], "amount_fen": payment["amount_fen"],
            "returned_fen": payment["returned_fen"], "notice": notice["notice"],
            "kind": notice["kind"], "payer": notice["payer"], "payee": notice["payee"],
            "cause": ", ".join(notice["cause"]), "notice_fen": notice["amount_fen"],
        },
    )  # fmt: skip
    for part in told["parts"]:
        _show_part(part)
    if notice["kind"] == NETTING and not any(part.get("withheld") for part in told["parts"]):
        totals = {part["home"]: int(part["total_fen"]) for part in told["parts"]}
        owes, owed = totals.pop(notice["payer"]), sum(totals.values())
        out.print(f"set off 轧差: {yuan(owes)} - {yuan(owed)} = notice {yuan(owes - owed)}")


def role_of(payment: dict[str, Any], reference: str) -> str:
    """Which of a payment's movements the reference is: a key of ``ROLES``."""
    if any(back["reference"] == reference for back in payment["returns"]):
        return "came-back"
    if payment["received_reference"] == reference:
        return "received"
    return "not-paid" if payment["stage"] == PaymentStage.RETURNED.value else "paid"


_NAMED = {
    "month": "month 月度 {institution} {month}",
    "statement": "statement 清分表 {home} -> {care}, period {period}",
    REMITTANCE: "city's part of statements 上解 {area}",
    ALLOTMENT: "city's part of statements 下拨 {area}",
}
"""How a part is told, by what it is."""


def _show_part(part: dict[str, Any]) -> None:
    where = _NAMED[part["what"]].format(**part)
    if part.get("withheld") is True:
        out.print(f"{where}: withheld from this reader 无权查看")
        return
    beside = [
        f"{title} {yuan(part[name])}"
        for name, title in (("moved_fen", "objections 异议"), ("wallets_fen", "wallets 钱包"))
        if part.get(name)
    ]
    sums = [f"rows 合计 {yuan(part['rows_fen'])}", *beside,
            f"confirmed 已确认 {yuan(part['total_fen'])}",
            f"difference 差额 {yuan(part['difference_fen'])}"]  # fmt: skip
    if part.get("carried_fen"):
        noticed = yuan(part["total_fen"] + part["carried_fen"])
        sums.append(f"carried 结转 {yuan(part['carried_fen'])} (fund batches), notice {noticed}")
    print_table(
        f"What it pays 付款对应 {where}",
        ("row", "what", "institution", "month", "fund", "amount 元"),
        [
            (row["id"], row["what"], row["institution"], row["month"], fund, yuan(fen))
            for row in part["rows"]
            for fund, fen in row["by_fund_fen"].items()
        ],
        footer=", ".join(sums),
    )
