"""The month of a settlement, for ``yibao trace``: from its declaration to both banks' references.

One side of the money pays the institution, the other the province of care. A step that the reader
has no right to is shown as withheld, not left out.
"""

from __future__ import annotations

from typing import Any

from cli.client import Client, Refused
from cli.output import yuan

WITHHELD = "withheld"


def follow_month(client: Client, record: dict[str, Any]) -> dict[str, Any] | None:
    """Declaration, the institution's payment, the statement and its payment; None before."""
    month = (record.get("declared") or {}).get("month")
    if not month:
        return None
    institution = record["institution"]
    declaration = _ask(client, f"/v1/declarations/{institution}/{month}")
    found: dict[str, Any] = {
        "month": month,
        "deducted": record["declared"]["deducted"],
        "declaration": declaration,
        "institution": _paid(client, declaration.get("notice")),
        "statement": None,
        "clearing": None,
    }
    home, care = f"{record['area'][:2]}0000", f"{record['care'][:2]}0000"
    period = declaration.get("period")
    if period and home != care:
        statement = _ask(client, f"/v1/clearing/{period}/{home}/{care}")
        found["statement"] = statement
        found["clearing"] = _paid(client, statement.get("notice"))
    return found


def _paid(client: Client, notice_id: str | None) -> dict[str, Any] | None:
    """A notice with its payment; None where there is no notice yet."""
    if not notice_id:
        return None
    notice = _ask(client, f"/v1/notices/{notice_id}")
    payment = notice.get("payment")
    return {
        "notice": notice,
        "payment": _ask(client, f"/v1/payments/{payment}") if payment else None,
    }


def _ask(client: Client, path: str) -> dict[str, Any]:
    """A record, or that it is withheld from this reader."""
    try:
        found: dict[str, Any] = client.get(path)["record"]
    except Refused:
        return {WITHHELD: True}
    return found


def lines_of(month: dict[str, Any]) -> list[str]:
    """The month for people, one line a step."""
    declaration = month["declaration"]
    lines = [f"declared 申报 {month['month']}: {_stage(declaration)}"]
    lines += [
        f"deducted 扣款 {row['fund']}: {yuan(int(row['amount_fen']))} 元"
        for row in month["deducted"]
    ]
    lines += _money("institution paid 拨付机构", month["institution"])
    statement = month["statement"]
    if statement is not None:
        words = "withheld from this reader 无权查看"
        if WITHHELD not in statement:
            words = f"{statement['home']} -> {statement['care']}, period {statement['period']}"
        lines.append(f"statement 清分表: {words}")
        lines += _money("province paid 跨省清算付款", month["clearing"])
    return lines


def _stage(record: dict[str, Any]) -> str:
    if WITHHELD in record:
        return "withheld from this reader 无权查看"
    return str(record["stage"])


def _money(title: str, paid: dict[str, Any] | None) -> list[str]:
    """What became of a notice: until when it is due, or which bank paid it and when."""
    if paid is None:
        return [f"{title}: no notice yet 尚无通知书"]
    notice, payment = paid["notice"], paid["payment"]
    if WITHHELD in notice:
        return [f"{title}: withheld from this reader 无权查看"]
    line = f"{title}: {notice['notice']}, {notice['stage']}, due {notice['due_on']}"
    if payment is None or WITHHELD in payment:
        return [line]
    lines = [line, f"  payment 付款单 {payment['payment']}, {payment['stage']}"]
    if payment["reference"]:
        told = f"{payment['bank']} {payment['reference']} of {payment['value_on']}"
        lines.append(f"  bank reference 银行流水号 {told}")
    return lines
