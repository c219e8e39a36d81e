"""The settlement statement (结算单): what a patient takes home, one page, as text and as HTML.

Rendered from a settlement's explanation alone, so whoever may read the explanation can print it,
with the node switched off too: the four sums, every payer with its computation, the counters of
the benefit year, balances, whom to ask, and the code that verifies the proof. It names the person
by pseudonym only: the hospital's own printer may add a name, the ledger has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from contracts.settlement import terms
from contracts.settlement.benefits_text import formula, step_words
from contracts.settlement.calendar import date_of_ms
from contracts.settlement.claim_explain import LINE_FIELDS
from contracts.settlement.money import format_yuan

WIDTH = 80
_LABEL = 40
HOTLINE = "12393"
"""The national medical-insurance service line (医保服务热线)."""

_STATES = {
    "settled": "已结算 settled",
    "declared": "已申报 declared",
    "audited": "已审核 audited",
    "cleared": "已清算 cleared",
    "reversed": "已撤销 REVERSED",
    "disputed": "有异议 disputed",
    "estimate": "预结算 ESTIMATE, nothing was posted",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page: a label, what is computed, an amount or a text."""

    label: str
    value: str
    note: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A block of the page."""

    title: str
    rows: tuple[Row, ...]
    paired: bool = False
    """Whether the printed page has its rows in two columns: short texts, no computation."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The page before it is laid out: the same for text and HTML."""

    title: str
    sections: tuple[Section, ...]
    verification: str
    """Digest of the receipt in hex: what ``yibao proof verify`` prints for the same settlement."""


def build(
    explanation: Mapping[str, Any],
    *,
    receipt_digest: bytes,
    state: str = "settled",
    replaced_by: str = "",
    recovery: Mapping[str, Any] | None = None,
) -> Statement:
    """The statement of a settlement.

    ``explanation`` is the settlement's (see ``claim_explain``), ``receipt_digest`` the digest of
    the receipt that committed to it, ``state`` where the claim stands now (``lifecycle``),
    ``replaced_by`` the settlement that took its place, ``recovery`` what a liable third party is
    asked for and has paid (None: nobody is).
    """
    return Statement(
        title="医疗保障异地就医结算单  Settlement statement",
        sections=(
            _about(explanation, state, replaced_by),
            *_taken_back(explanation, state, replaced_by),
            *_again(explanation),
            *_part(explanation),
            *_recovered(recovery),
            _split(explanation),
            _payers(explanation),
            _steps(explanation),
            _counters(explanation),
            _refusals(explanation),
            _whom_to_ask(explanation),
        ),
        verification=receipt_digest.hex(),
    )


_RECOVERY_STAGES = {
    "registered": "已登记 registered",
    "agreed": "已复核 agreed",
    "demanded": "追偿中 demanded",
    "recovered": "已追回 recovered",
    "closed": "已终结 closed",
}


def _recovered(recovery: Mapping[str, Any] | None) -> tuple[Section, ...]:
    """What somebody else is liable for: the fund has paid first, or has it back."""
    if recovery is None:
        return ()
    stage = str(recovery["stage"])
    rows = [
        Row("追偿编号 recovery", str(recovery["recovery"])),
        Row("状态 state", _RECOVERY_STAGES.get(stage, stage)),
        Row("基金先行支付 paid first by the fund", "是 yes" if recovery["paid_first"] else "否 no"),
        Row("应追回 demanded", _money(int(recovery["demanded_fen"]))),
        Row("已追回 recovered", _money(int(recovery["recovered_fen"])), strong=True),
    ]
    return (Section("第三人追偿 Recovery from a liable third party", tuple(rows)),)


def _money(amount_fen: int) -> str:
    return format_yuan(amount_fen)


def _word(table: Mapping[str, terms.Term], name: str) -> str:
    term = table.get(name)
    return name if term is None else f"{term.chinese} {name.replace('_', ' ')}"


def _amount(name: str) -> str:
    return f"{terms.TERMS[name].chinese} {name.replace('_', ' ')}"


def _about(explained: Mapping[str, Any], state: str, replaced_by: str) -> Section:
    visit, filing = explained["visit"], explained["filing"]
    filed = _word(terms.FILING_TYPES, filing["type"])
    rows = [
        Row("结算编号 claim", explained["claim"]),
        Row("状态 state", _STATES.get(state, state), strong=state != "settled"),
        Row("参保人 person (pseudonym)", explained["person"]),
        Row("险种 scheme", _word(terms.SCHEMES, explained["scheme"])),
        Row("参保地 home area", explained["area"]),
        Row("定点机构 institution", f"{explained['institution']} ({explained['care']})"),
        Row("医疗类别 care", _word(terms.CARE_KINDS, visit["care_kind"])),
        Row("就诊日期 visit", _period(visit)),
        Row("备案 filing", f"{filed} {filing['id']}".strip()),
        Row("结算日期 settled on", date_of_ms(explained["settled_ms"])),
    ]
    if replaced_by:
        rows.insert(2, Row("由新结算取代 replaced by", replaced_by, strong=True))
    return Section("基本信息 About", tuple(rows), paired=True)


_SERVICE_DATE = LINE_FIELDS.index("service_date")

_PAYERS = {
    "waiver": "医疗机构 institution",
    "account": "个人账户 own account",
    "wallet": "医保钱包 wallet",
    "relative": "家庭共济 relative's account",
    "credit": "信用就医 credit",
    "cash": "现金 cash",
}


def _taken_back(explained: Mapping[str, Any], state: str, replaced_by: str) -> tuple[Section, ...]:
    """What a reversal gave back of this settlement; the one in its place prints its difference."""
    if state != "reversed" or replaced_by:
        return ()
    own = explained["own"]
    rows = [
        Row(f"退还 back: {label}", _money(own[f"{name}_fen"]))
        for name, label in (
            ("cash", "现金 cash"), ("credit", "信用就医 credit"), ("account", "账户 accounts"),
        )
        if own[f"{name}_fen"]
    ]  # fmt: skip
    paid = sum(p["amount_fen"] for p in explained["payments"])
    rows.append(Row("退还基金等 back to funds and other payers", _money(paid)))
    total = explained["sums"]["total_fen"]
    rows.append(Row("退费合计 refunded", _money(total), strong=True))
    return (Section("退费 Refund: every payer has got back what it paid", tuple(rows)),)


def _again(explained: Mapping[str, Any]) -> tuple[Section, ...]:
    """What a settlement that took another's place changes, payer by payer; nothing for others."""
    again = explained.get("again")
    if again is None:
        return ()
    rows = [Row("取代原结算 in the place of", again["replaces"])]
    for moved in again["differences"]:
        before, after = moved["before_fen"], moved["after_fen"]
        label = _PAYERS.get(moved["payer"], "")
        if moved["name"] in terms.FUNDS:
            label = f"{terms.FUNDS[moved['name']].chinese} {terms.FUNDS[moved['name']].name}"
        note = f"{_money(before)} → {_money(after)}"
        rows.append(Row(label, _money(after - before), note=note))
    rows.append(
        Row("退还个人 paid back to the person", _money(again["paid_back_fen"]), strong=True)
    )
    rows.append(Row("个人补缴 owed by the person", _money(again["owed_fen"]), strong=True))
    return (Section("重新结算 Settled again: the difference", tuple(rows)),)


def _part(explained: Mapping[str, Any]) -> tuple[Section, ...]:
    """Which part of a stay this is, and what its parts before came to; nothing for others."""
    if (part := explained.get("part")) is None:
        return ()
    days = sorted(line[_SERVICE_DATE] for line in explained["lines"])
    ends = "继续住院 the stay goes on" if part["goes_on"] else "出院 the stay ends here"
    rows = [
        Row("住院编号 stay", part["stay"]),
        Row("第几次结算 part", str(part["number"]), note=ends),
        Row("本次费用日期 days of this part", f"{days[0]} – {days[-1]}"),
        Row("此前各次费用合计 bills of the parts before", _money(part["before_total_fen"])),
        Row("此前已支付 paid of them by funds", _money(part["before_paid_fen"])),
    ]
    if part["host"] != explained["institution"]:
        rows.insert(1, Row("外院检查,住院机构 external test, hospital of the stay", part["host"]))
    return (Section("分次结算 A part of a stay; its deductible is charged once", tuple(rows)),)


def _period(visit: Mapping[str, Any]) -> str:
    if visit["admission"] == visit["discharge"]:
        return str(visit["admission"])
    return f"{visit['admission']} – {visit['discharge']}"


def _split(explained: Mapping[str, Any]) -> Section:
    sums = explained["sums"]
    rows = [
        Row(_amount(name), _money(sums[f"{name}_fen"]))
        for name in ("own_expense", "over_ceiling", "first_pay", "in_scope")
    ]
    applied = explained["deductible_fen"]
    if applied:
        rows[-1] = replace(rows[-1], note=f"其中{_amount('deductible')} {_money(applied)}")
    rows.append(Row(_amount("total"), _money(sums["total_fen"]), strong=True))
    return Section("费用构成 The bill, in yuan", tuple(rows))


def _payers(explained: Mapping[str, Any]) -> Section:
    rows = [
        Row(
            f"{terms.FUNDS[p['fund']].chinese} {terms.FUNDS[p['fund']].name}",
            _money(p["amount_fen"]),
            note=" ".join(word for word in reversed(step_words(p["why"])) if word),
        )
        for p in explained["payments"]
    ]
    paid = sum(p["amount_fen"] for p in explained["payments"])
    rows.append(Row("基金等支付合计 paid by all of these", _money(paid), strong=True))
    own = explained["own"]
    rows += [
        Row(_amount(name), _money(own[f"{name}_fen"]))
        for name in ("account", "credit", "cash")
        if own[f"{name}_fen"] or name == "cash"
    ]
    rows.append(Row(_amount("person"), _money(own["person_fen"]), strong=True))
    rows += [
        Row(
            "商业保险事后赔付 owed to you later", _money(cover["amount_fen"]), note=cover["product"]
        )
        for cover in explained.get("cover", ())
        if cover["pays"] == "later" and cover["amount_fen"]
    ]
    return Section("谁支付 Who pays, and why", tuple(rows))


def _steps(explained: Mapping[str, Any]) -> Section:
    rows = []
    for step in explained["steps"]:
        english, chinese = step_words(step["code"])
        rows.append(Row(f"{chinese} {english}".strip(), _money(step["result_fen"]), formula(step)))
    return Section("计算过程 How it was computed", tuple(rows))


def _counters(explained: Mapping[str, Any]) -> Section:
    rows = [
        Row(
            f"{_counter_words(name)} ({year})",
            _counted(name, before + added),
            f"{_counted(name, before)} + {_counted(name, added)}",
        )
        for year, name, before, added in explained["counters"]
    ]
    account = explained["account"]
    if account["before_fen"] or account["after_fen"]:
        rows.append(Row("个人账户余额 account balance", _money(account["after_fen"])))
    if explained["counters_as_of_ms"]:
        until = date_of_ms(explained["counters_as_of_ms"])
        rows.append(Row("本地累计截至 local care counted until", until))
    return Section("年度累计与余额 Counters of the year, balances", tuple(rows))


def _counter_words(name: str) -> str:
    """A counter's name is the policy's word; where it is a common one, Chinese is put before it."""
    english, chinese = step_words(name.removesuffix("_fen"))
    return f"{chinese} {english}".strip()


def _counted(name: str, value: int) -> str:
    return _money(value) if name.endswith("_fen") else str(value)


_LINE_REASONS = {
    "line.not-in-catalogue": "目录外 not in the catalogue",
    "line.restriction-not-confirmed": "限制用药未确认 restriction not confirmed",
    "line.declined-by-practitioner": "医师认定不符合 declined by the practitioner",
    "line.class-c": "丙类自费 class C, own expense",
    "line.above-ceiling": "超限价 above the price ceiling",
}


def _refusals(explained: Mapping[str, Any]) -> Section:
    totals: dict[str, list[int]] = {}
    for code, _line, amount in explained["refusals"]:
        found = totals.setdefault(code, [0, 0])
        found[0] += 1
        found[1] += amount
    rows = [
        Row(_LINE_REASONS.get(code, code), _money(amount), f"明细 charge lines: {count}")
        for code, (count, amount) in totals.items()
    ]
    return Section("基金未支付的原因 What no fund pays, and why", tuple(rows))


def _whom_to_ask(explained: Mapping[str, Any]) -> Section:
    return Section(
        "咨询 Whom to ask",
        (
            Row("待遇 benefits: home bureau", f"bureau:{explained['area']}"),
            Row("目录与费用 charges: place of care", explained["care"]),
            Row("服务热线 service line", HOTLINE),
            Row("待遇政策版本 policy", _policy(explained["versions"]["policy"])),
            *(
                Row("目录版本 catalogue", f"{v['region']} {v['version']}")
                for v in explained["versions"]["catalogue"]
            ),
            *(
                Row(
                    "商业保险 commercial cover",
                    f"{cover['product']} no. {cover['number']}",
                    note=f"{cover['insurer']} {cover['reason']}".strip(),
                )
                for cover in explained.get("cover", ())
            ),
        ),
        paired=True,
    )


def _policy(version: Mapping[str, Any]) -> str:
    told = f"{version['area']}/{version['scheme']} no. {version['number']}"
    return f"{told} from {version['effective_from']}"


# --- text ----------------------------------------------------------------------------------------


def render_text(statement: Statement) -> str:
    """About 80 columns, Chinese characters counted as two."""
    rule = "=" * WIDTH
    out = [rule, _centred(statement.title), rule]
    for section in statement.sections:
        if not section.rows:
            continue
        out += ["", section.title, "-" * WIDTH]
        for row in section.rows:
            out += _text_row(row)
    out += [
        "",
        "验证码 Verification code",
        "-" * WIDTH,
        *("  " + line for line in verification_lines(statement.verification)),
        rule,
    ]
    return "\n".join(out) + "\n"


def _text_row(row: Row) -> list[str]:
    mark = "* " if row.strong else "  "
    label = _pad(mark + row.label, _LABEL)
    gap = WIDTH - _columns(label) - _columns(row.value)
    lines = [label + " " * max(1, gap) + row.value]
    if row.note:
        lines += ["      " + piece for piece in _wrapped(row.note, WIDTH - 6)]
    return lines


def _columns(text: str) -> int:
    """Columns on a terminal: East Asian characters and full-width signs take two."""
    return sum(2 if ord(c) >= 0x2E80 else 1 for c in text)


def _pad(text: str, columns: int) -> str:
    return text + " " * max(0, columns - _columns(text))


def _centred(text: str) -> str:
    return " " * max(0, (WIDTH - _columns(text)) // 2) + text


def _wrapped(text: str, columns: int) -> list[str]:
    """Broken at blanks; a single word longer than the line stays whole."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and _columns(lines[-1]) + 1 + _columns(word) <= columns:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def verification_lines(digest: str) -> list[str]:
    """A digest in hex as people compare it: two lines of groups of four."""
    groups = [digest[i : i + 4] for i in range(0, len(digest), 4)]
    half = len(groups) // 2
    return [" ".join(groups[:half]), " ".join(groups[half:])]


# --- HTML ----------------------------------------------------------------------------------------

_STYLE = """
@page { size: A4; margin: 12mm }
body { font: 9pt/1.3 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif;
  color: #000; background: #fff; max-width: 186mm; margin: 0 auto }
h1 { font-size: 14pt; text-align: center; border-top: 2px solid; border-bottom: 2px solid;
  padding: 1.5mm 0; margin: 0 0 2mm }
h2 { font-size: 10pt; margin: 2.5mm 0 .5mm; border-bottom: 1px solid #666; break-after: avoid }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
tr { break-inside: avoid }
td { padding: .2mm 1mm; vertical-align: top; overflow-wrap: anywhere }
td.note { width: 42%; color: #444; font-size: 8pt }
td.value { width: 18%; text-align: right; font-variant-numeric: tabular-nums }
tr.strong td { font-weight: bold }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 8mm; align-items: start }
.two table { table-layout: auto }
.two td { overflow-wrap: break-word }
.two td.value { width: auto }
p { margin: 1mm; break-before: avoid }
code { font: 8.5pt/1.4 "DejaVu Sans Mono", Consolas, monospace }
"""


def render_html(statement: Statement) -> str:
    """One self-contained page that prints on A4: no script, nothing loaded from anywhere.

    A policy of more than some twenty steps goes on on a second sheet, between two rows.
    """
    body = [
        f"<h2>{escape(section.title)}</h2>\n{_html_rows(section)}"
        for section in statement.sections
        if section.rows
    ]
    code = escape(" ".join(verification_lines(statement.verification)))
    title = escape(statement.title)
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        + "\n".join(body)
        + f"\n<h2>验证码 Verification code</h2>\n<p><code>{code}</code></p>\n</body>\n</html>\n"
    )


def _html_rows(section: Section) -> str:
    if not section.paired:
        return _html_table(_html_row(row) for row in section.rows)
    half = (len(section.rows) + 1) // 2
    columns = (section.rows[:half], section.rows[half:])
    tables = "\n".join(_html_table(map(_html_pair, rows)) for rows in columns if rows)
    return f'<div class="two">\n{tables}\n</div>'


def _html_table(rows: Iterable[str]) -> str:
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def _html_pair(row: Row) -> str:
    value = f"{row.value} {row.note}".strip()
    return (
        f'<tr{_strong(row)}><td>{escape(row.label)}</td><td class="value">{escape(value)}</td></tr>'
    )


def _strong(row: Row) -> str:
    return ' class="strong"' if row.strong else ""


def _html_row(row: Row) -> str:
    return (
        f"<tr{_strong(row)}><td>{escape(row.label)}</td>"
        f'<td class="note">{escape(row.note)}</td>'
        f'<td class="value">{escape(row.value)}</td></tr>'
    )
