"""The month of a settlement, for ``yibao trace``: from its declaration to both banks' references.

One side of the money pays the institution; the other goes from the city of insurance to its
province, from province to province, and on to the city of care. What commercial products pay goes
from their insurers to the place of care. What was found or taken back later
is followed to the period that it landed in. A step that the reader has no right to is shown as
withheld, not left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cli.client import Client, Refused
from cli.output import yuan
from contracts.regions import city
from contracts.settlement.clearing.cities import statement_name

WITHHELD, ABSENT = "withheld", "absent"
NOT_FOUND = 404
NETTING = "netting"
"""Kind of a notice that sets two statements off."""
ATTEMPTS_MAX = 50
"""Payments of one notice that are followed back."""
WAYS = (
    ("clearing", "province paid 跨省清算付款"),
    ("levy", "city of insurance paid its province 上解"),
    ("allotment", "province passed on to the city of care 下拨"),
)
"""Payments of a statement, in the order in which money moves, and their titles."""


def follow_month(
    client: Client, record: dict[str, Any], calls: Iterable[dict[str, Any]] = ()
) -> dict[str, Any] | None:
    """Declaration, the institution's payment, the statement and its payments; None before.

    ``calls``: the claim's calls with their events, among which are later findings.
    """
    declared = record.get("declared") or {}
    month = declared.get("month")
    if not month:
        return None
    institution, pair = record["institution"], declared["statement"]
    declaration = _ask(client, f"/v1/declarations/{institution}/{month}")
    found: dict[str, Any] = {
        "month": month,
        "deducted": declared["deducted"],
        "declaration": declaration,
        "institution": _paid(client, declaration.get("notice")),
        **_cleared(client, declaration.get("period"), pair, record),
        "relatives": _relatives(client, declaration.get("period"), record),
        "insurers": _insurers(client, declaration.get("period"), declared),
        "later": [],
    }
    told_of = list(calls)
    for name in dict.fromkeys(_named(told_of, "objection.row", "objection")):
        found["later"].append(_objection(client, name, pair, record))
    for name in dict.fromkeys(_named(told_of, "deduction.decided", "deduction")):
        told = _ask(client, f"/v1/deductions/{name}")
        if told.get("period"):
            found["later"].append(
                {"what": "deduction", "id": name, "amount_fen": -int(told["decided_fen"]),
                 "period": told["period"],
                 **_cleared(client, told["period"], pair, record)}
            )  # fmt: skip
    if record.get("reversal"):
        found["later"] += _reversal(client, record, pair)
    return found


def _named(calls: Iterable[dict[str, Any]], topic: str, field: str) -> list[str]:
    """What the events of a topic name, in the order of the chain."""
    return [
        event["fields"][field]
        for call in calls
        for event in call["events"]
        if event["topic"] == topic
    ]


def _objection(
    client: Client, name: str, pair: dict[str, str] | None, record: dict[str, Any]
) -> dict[str, Any]:
    """An objection to the settlement's statement, and the period that its amount went into."""
    told = _ask(client, f"/v1/objections/{name}")
    period = told.get("to_period")
    if period:  # of a relative's part it is another statement than the settlement's own
        of_areas = ":" not in told["home"]  # an insurer's are shown with the insurer
        pair = {"home": told["home"], "care": told["care"]} if of_areas else None
    return {
        "what": "objection", "id": name, "stage": told.get("stage", WITHHELD), "period": period,
        **_cleared(client, period, pair, record),
    }  # fmt: skip


def _insurers(client: Client, period: str | None, declared: dict[str, Any]) -> list[dict[str, Any]]:
    """What insurers owe for a period, and how their notices were paid."""
    found = []
    for side in declared.get("insurers", ()):
        statement = None
        if period:
            statement = _ask(client, f"/v1/clearing/{period}/{side['home']}/{side['care']}")
        paid = None if statement is None else _paid(client, statement.get("notice"))
        found.append({**side, "statement": statement, "paid": paid})
    return found


def _relatives(client: Client, period: str | None, record: dict[str, Any]) -> list[dict[str, Any]]:
    """What relatives' accounts of other areas have paid, each in the statement of its own area."""
    return [
        {**one, **_cleared(client, period, one, {**record, "area": one["area"]})}
        for one in record["declared"].get("relatives", ())
    ]


def _reversal(
    client: Client, record: dict[str, Any], pair: dict[str, str] | None
) -> list[dict[str, Any]]:
    """The negative row of what was taken back, once a month has it."""
    told = _ask(client, f"/v1/claims/{record['reversal']}")
    month = told.get("declared")
    if not month:
        return []
    declaration = _ask(client, f"/v1/declarations/{record['institution']}/{month}")
    period = declaration.get("period")
    return [
        {"what": "reversal", "id": record["reversal"], "month": month, "period": period,
         "institution": _paid(client, declaration.get("notice")),
         "relatives": _relatives(client, period, record),
         "insurers": _insurers(client, period, record["declared"]),
         **_cleared(client, period, pair, record)}
    ]  # fmt: skip


def _cleared(
    client: Client, period: str | None, pair: dict[str, str] | None, record: dict[str, Any]
) -> dict[str, Any]:
    """The statement of a period and its payments; every one None where there is none."""
    found: dict[str, Any] = {"statement": None, **dict.fromkeys(name for name, _ in WAYS)}
    if not period or pair is None:
        return found
    path = f"/v1/clearing/{period}/{pair['home']}/{pair['care']}"
    statement = _ask(client, path, may_lack=True)
    found["statement"] = (
        {**statement, **pair, "period": period} if ABSENT in statement else statement
    )
    found["clearing"] = _paid(client, statement.get("notice"))
    name = statement_name(period, pair["home"], pair["care"])
    for side, area in (("levy", record["area"]), ("allotment", city(record["care"]))):
        found[side] = _of_city(client, side, area, name)
    return found


def _of_city(client: Client, side: str, area: str, statement: str) -> dict[str, Any] | None:
    """The notice between a city and its province that a statement is in, without one while it waits
    for it; None where the city has no part in it."""
    if area.endswith("0000"):
        return None
    told = _ask(client, f"/v1/areas/{area}/remittances")
    if WITHHELD in told:
        return {"notice": told, "payment": None, "before": []}
    if statement in told[side]["statements"]:
        return {"notice": None, "payment": None, "before": []}
    newest = next((one["notice"] for one in told[side]["notices"]), "")
    kind, _, last = newest.rpartition(":")
    for number in range(int(last or 0), 0, -1):  # the list itself has the newest only
        notice = _ask(client, f"/v1/notices/{kind}:{number}")
        if WITHHELD in notice or statement in notice["cause"]:
            return _paid(client, f"{kind}:{number}")
    return None


def _paid(client: Client, notice_id: str | None) -> dict[str, Any] | None:
    """A notice with its payment and those before it that came back; None without a notice."""
    if not notice_id:
        return None
    notice = _ask(client, f"/v1/notices/{notice_id}")
    name = notice.get("payment")
    payments: list[dict[str, Any]] = []
    while name and len(payments) < ATTEMPTS_MAX:
        payments.append(_ask(client, f"/v1/payments/{name}"))
        name = payments[-1].get("previous")
    return {
        "notice": notice,
        "payment": payments[0] if payments else None,
        "before": payments[1:],
    }


def _ask(client: Client, path: str, *, may_lack: bool = False) -> dict[str, Any]:
    """A record, or that it is withheld from this reader. Raises ``Refused`` where the node cannot
    answer.

    ``may_lack``: there need be no such thing; readers who learn that are told so.
    """
    try:
        found: dict[str, Any] = client.get(path)["record"]
    except Refused as refusal:
        if may_lack and refusal.status == NOT_FOUND:
            return {ABSENT: True}
        if not refusal.is_withheld:
            raise
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
    lines += _paid_out("institution paid 拨付机构", month["institution"], declaration.get("period"))
    lines += _statement(month)
    lines += _relative_lines(month)
    for insurer in month["insurers"]:
        lines += _insurer_lines(insurer)
    for later in month["later"]:
        amount = f", {yuan(later['amount_fen'])} 元" if "amount_fen" in later else ""
        waits = later.get("stage", "not confirmed yet 未确认")
        where = f"period {later['period']}" if later["period"] else waits
        lines.append(f"later 后续 {later['what']} {later['id']}{amount}: {where}")
        if later["what"] == "reversal":
            title = "institution's month 机构月度"
            lines += _paid_out(title, later["institution"], later["period"])
            lines += [f"  {line}" for line in _relative_lines(later)]
            for insurer in later["insurers"]:
                lines += [f"  {line}" for line in _insurer_lines(insurer)]
        lines += [f"  {line}" for line in _statement(later)]
    return lines


def _relative_lines(found: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for one in found["relatives"]:
        amount = yuan(int(one["amount_fen"]))
        lines.append(f"a relative's account 亲属账户 {one['area']}: {amount} 元")
        lines += [f"  {line}" for line in _statement(one)]
    return lines


def _insurer_lines(insurer: dict[str, Any]) -> list[str]:
    statement = insurer["statement"]
    if statement is None:
        return [f"insurer 商保公司 {insurer['home']}: not stated yet 未列入结算单"]
    words = "withheld from this reader 无权查看"
    if WITHHELD not in statement:
        words = f"period {statement['period']}, {yuan(int(statement['total_fen']))} 元"
    lines = [f"insurer's statement 商保结算单 {insurer['home']} -> {insurer['care']}: {words}"]
    if WITHHELD not in statement:
        lines += _money("insurer paid 商保公司付款", insurer["paid"])
    return lines


def _statement(cleared: dict[str, Any]) -> list[str]:
    """A statement and its payments."""
    statement = cleared["statement"]
    if statement is None:
        return []
    words = "withheld from this reader 无权查看"
    if ABSENT in statement:  # what was settled was taken back in the same period
        where = f"{statement['home']} -> {statement['care']}, period {statement['period']}"
        return [f"statement 清分表: {where}: nothing to clear 无应清算金额"]
    national = True
    if WITHHELD not in statement:
        words = f"{statement['home']} -> {statement['care']}, period {statement['period']}, "
        words += f"{yuan(int(statement['total_fen']))} 元"
        national = statement["home"][:2] != statement["care"][:2]
    lines = [f"statement 清分表: {words}"]
    for name, title in WAYS:
        if name == "clearing" and national and cleared[name] is None and statement.get("paid"):
            lines.append(f"{title}: it came to nothing 轧抵为零,无需付款")
        elif cleared[name] is not None or (name == "clearing" and national):
            lines += _money(title, cleared[name])
    return lines


def _stage(record: dict[str, Any]) -> str:
    if WITHHELD in record:
        return "withheld from this reader 无权查看"
    return str(record["stage"])


def _paid_out(title: str, paid: dict[str, Any] | None, period: str | None) -> list[str]:
    """The payment of an institution's month. Its notice is issued in the call that confirms it
    (``period``), or never: then less than nothing was due, and what it lowers is set off later."""
    if paid is None and period:
        return [f"{title}: nothing due, set off against its next notice 无应付,抵下期"]
    return _money(title, paid)


def _money(title: str, paid: dict[str, Any] | None) -> list[str]:
    """What became of a notice: until when it is due, or which bank paid it and when."""
    if paid is None or paid["notice"] is None:
        return [f"{title}: no notice yet 尚无通知书"]
    notice, payment = paid["notice"], paid["payment"]
    if WITHHELD in notice:
        return [f"{title}: withheld from this reader 无权查看"]
    lines = [f"{title}: {notice['notice']}, {notice['stage']}, due {notice['due_on']}"]
    if notice["kind"] == NETTING:
        amount = yuan(int(notice["amount_fen"]))
        lines.append(f"  set off against the other direction 轧差: {amount} 元 to pay")
    stands, waits = int(notice["paid_fen"]), int(notice["open_fen"])
    if stands and waits:
        late = notice["overdue_working_days"]
        words = f", overdue 逾期 {late} working days" if late else ""
        lines.append(f"  paid 已付 {yuan(stands)} 元, open again 待付 {yuan(waits)} 元{words}")
    for each in (payment, *paid["before"]):
        if each is not None and WITHHELD not in each:
            lines += _payment(each)
    return lines


def _payment(payment: dict[str, Any]) -> list[str]:
    """A payment with what the banks have said of it."""
    amount = yuan(int(payment["amount_fen"]))
    lines = [f"  payment 付款单 {payment['payment']}, {payment['stage']}, {amount} 元"]
    told = (
        ("bank reference 银行流水号", payment["bank"], payment["reference"], payment["value_on"]),
        ("received 收款行流水号", payment["payee_bank"], payment["received_reference"],
         payment["received_on"]),
    )  # fmt: skip
    lines += [
        f"  {title} {bank} {reference} of {day}"
        for title, bank, reference, day in told
        if reference
    ]
    return lines + [
        f"  came back 退回流水号 {payment['bank']} {back['reference']} of {back['value_on']}: "
        f"{yuan(int(back['amount_fen']))} 元, {back['reason']}"
        for back in payment["returns"]
    ]
