"""The year on one page: HTML with inline charts, nothing from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from contracts.regions import province
from contracts.settlement.terms import FUNDS, PERSONAL_ACCOUNT
from node.year import charts
from node.year.calendar import YEAR
from node.year.places import NAMES
from node.year.run import MONTHS, Outcome
from node.year.summary import by_fund, summary

AGES = ("当月 this month", "上月 1 month", "2 个月 2 months", "更久 longer")
AGE_COLOURS = ("var(--a1)", "var(--a2)", "var(--a3)", "var(--a4)")
COLOURS = (
    ("绿 green", "var(--green)"), ("黄 yellow", "var(--yellow)"), ("红 red", "var(--red)")
)  # fmt: skip
RESULTS = (("高于 above", "var(--green)"), ("低于 below", "var(--red)"))
CITIES = (("上解 levied", "var(--out)"), ("下拨 passed on", "var(--in)"))
COVER = (("赔付 paid with bills", "var(--out)"), ("保险公司划入 paid in", "var(--in)"))
MEMORY = (("节点 node", "var(--a3)"), ("各方 its clients", "var(--a1)"))
DAYS_SHOWN = 100
FLOWS_SHOWN = 40
WAN = 10**6
"""Fen of 10,000 yuan (万元)."""

_STYLE = """
:root{--bg:#fbfaf7;--ink:#1d2733;--soft:#5d6b79;--line:#dcdfe2;--card:#fff;--flow:#21618c;
--in:#21618c;--out:#c98a1b;--a1:#9ec5e3;--a2:#5a9bcb;--a3:#2b6a9c;--a4:#153f63;
--green:#3f8f5f;--yellow:#d9a521;--red:#b83a3a}
@media (prefers-color-scheme:dark){:root{--bg:#14181d;--ink:#e7ebef;--soft:#98a6b3;--line:#2d353d;
--card:#1b2127;--flow:#6db3e3;--in:#6db3e3;--out:#e0ac4a;--a1:#23506f;--a2:#3a7ba8;--a3:#67aede;
--a4:#b5dcf7;--green:#5cb680;--yellow:#e2b944;--red:#de6b6b}}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,"Noto Sans CJK SC",
"PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px 20px 80px}
h1{font-size:28px;margin:0 0 4px}h2{font-size:19px;margin:44px 0 6px}p{margin:4px 0 12px}
.soft{color:var(--soft)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));
gap:10px;margin:20px 0}.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:12px 14px}.tile b{display:block;font-size:22px;font-variant-numeric:tabular-nums}
figure{margin:8px 0;background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:14px;overflow-x:auto}svg{width:100%;height:auto;min-width:640px}
svg text{fill:currentColor;font-size:13px}
svg .tick{fill:var(--soft);font-size:11.5px}svg .grid{stroke:var(--line)}
svg .band{fill:var(--flow);fill-opacity:.32}svg .band:hover{fill-opacity:.7}
.key{display:flex;gap:16px;flex-wrap:wrap;margin:0 0 8px;color:var(--soft);font-size:13px}
.key i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:4px 8px;border-bottom:1px solid var(--line)}
th:first-child,td:first-child,th.l,td.l{text-align:left}details{margin:8px 0}summary{cursor:pointer}
.ok{color:var(--green)}.bad{color:var(--red)}
"""


def page(outcome: Outcome) -> str:
    """The page."""
    told = summary(outcome)
    parts = [
        _head(told),
        *_areas(outcome, told),
        *_institutions(outcome, told),
        _pairs(outcome),
        _proof(outcome, told),
        _machine(outcome, told),
    ]
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{YEAR} 年跨省结算 A year of the country</title><style>{_STYLE}</style>"
        f"<main>{''.join(parts)}</main></html>\n"
    )


def _areas(outcome: Outcome, told: dict[str, Any]) -> list[str]:
    """Provinces, cities and their funds."""
    return [
        _section(
            "省际资金流向 Flows between provinces",
            "结算形成的跨省应付,按参保省和就医省。What settlements made home provinces owe, in"
            f" million yuan; the {FLOWS_SHOWN} largest flows, then all pairs.",
            _flows(outcome),
        ),
        _section(
            "预付金使用 Advances and their colours",
            "各期末有预付金的省对数,按使用率:黄 ≥ 70%,红 ≥ 90%。Pairs of provinces with an advance,"
            " by its colour when the period was cut. A red one stops no patient.",
            _key(COLOURS) + _advances(outcome),
        ),
        _section(
            "市级上解与下拨 Provinces and their cities",
            "百万元 million yuan。上解:各市为在外就医者缴给本省;下拨:本省拨给各市,偿付外来患者。"
            " What a province asked its cities for, for their insured elsewhere, and what it passed"
            " on to them for patients from elsewhere.",
            _key(CITIES) + _by_cities(outcome, told["cities"]),
        ),
        _section(
            "基金收支 Income and outgo of each fund",
            "百万元 million yuan, all areas; 收入 contributions, 支出 care and reimbursements.",
            _key((("收入 income", "var(--in)"), ("支出 outgo", "var(--out)"))) + _funds(outcome),
        ),
        _section(
            "各省 By province",
            "全年应付、应收 what flowed for its insured elsewhere, and for others in its hospitals;"
            " 未付、未收 what of it is open; 待付机构 owed to its institutions.",
            _provinces(outcome),
        ),
    ]


def _institutions(outcome: Outcome, told: dict[str, Any]) -> list[str]:
    """Hospitals and pharmacies, and who pays them."""
    later = told["commercial"]["later"]
    return [
        _section(
            "应付机构账龄 What institutions wait for, by age",
            "各月末未付金额,百万元,按结算月份。At each month's end, million yuan, by the month of"
            " settlement.",
            _key(tuple(zip(AGES, AGE_COLOURS, strict=True))) + _ageing(outcome),
        ),
        _section(
            "从出院到回款 Days from discharge to the institution's money",
            f"中位数 median {told['days_to_money']['median']} days;"
            f" {told['days_to_money']['settlements']:,} settlements.",
            _to_money(outcome),
        ),
        _section(
            "按病组与按病种分值付费 Payment by case",
            "百万元 million yuan,支付标准高于/低于账单的部分,归医院;清算:年终按最终费率重算。By"
            " how much stays were worth more or less than their bills: the hospital's, in the month"
            f" of the decision. {told['paid_by_case']:,} stays at estimated rates; then"
            f" {told['final_run']['stays']:,} once more at the final ones (清算), which come with"
            " December's notices.",
            _key(RESULTS) + _by_case(outcome) + _final_rates(told["final_rates"]),
        ),
        _section(
            "周转金 Prepayments to hospitals",
            "百万元 million yuan,春季预拨,秋季抵扣。Paid in spring, set off in autumn.",
            _prepaid(told),
        ),
        _section(
            "商业保险一站式结算 Commercial cover",
            "万元 10,000 yuan。What insurers' products paid of bills within the settlement, and"
            f" what insurers paid by notice in the months after. {told['commercial']['persons']:,}"
            f" consents; {told['commercial']['settlements']:,} settlements;"
            f" {told['commercial']['notices']:,} notices; still owed"
            f" {told['commercial']['owed_fen'] / WAN:,.2f}. Paid later to patients"
            f" {later['standing_fen'] / WAN:,.2f}, in {later['orders']:,} orders, besides"
            f" {later['back_fen'] / WAN:,.2f} that came back.",
            _key(COVER) + _commercial(outcome),
        ),
    ]


def _machine(outcome: Outcome, told: dict[str, Any]) -> str:
    return _section(
        "内存 Memory",
        "MB,各月任一日最高值,不含映射文件。The most on any day of a month, without files that"
        f" are mapped. From March on at most {told['memory_growth_percent']:+.1f} % of"
        " February's; in a small year the caches fill until its end.",
        _key(MEMORY) + _memory(outcome),
    )


def _head(told: dict[str, Any]) -> str:
    tiles = (
        ("结算 settlements", f"{told['claims']:,}"),
        ("医疗费用 bills 百万元", f"{_millions(told['bills_fen']):,.2f}"),
        ("基金支付 funds paid 百万元", f"{_millions(told['funds_fen']):,.2f}"),
        ("回款天数中位 days to money", f"{told['days_to_money']['median']}"),
        ("清算期 periods closed", f"{told['periods']}"),
        ("备案 filings", f"{told['filings']:,}"),
        ("撤销 reversals", f"{told['reversals']:,}"),
        ("零星报销 reimbursed", f"{told['reimbursements_paid']:,}"),
        ("拨付 payments", f"{told['payments']:,}"),
        ("银行退回 bank returns", f"{told['bank_returns']:,}"),
        ("断网垫付 cut off, paid first", f"{told['cut_off']['bills_paid_first']:,}"),
        ("断网顺延 cut off, done later", f"{told['cut_off']['steps_late']:,}"),
        ("扣款 deducted 元", f"{told['deducted_fen'] / 100:,.2f}"),
        ("分录 postings", f"{told['postings']:,}"),
        ("全账不平 imbalance 分", f"{told['imbalance_fen']}"),
    )
    shown = "".join(
        f'<div class="tile"><span class="soft">{escape(name)}</span><b>{value}</b></div>'
        for name, value in tiles
    )
    return (
        f"<h1>{YEAR} 年全国跨省异地就医结算</h1>"
        f'<p class="soft">A made-up year: {told["regions"]} provinces, {told["population"]:,}'
        f" people, seed {told['seed']}; signed transactions through one node's own execution,"
        f" {told['blocks']:,} blocks in {told['seconds']:,.0f} s. 虚构数据,金额由合约计算。</p>"
        f'<div class="tiles">{shown}</div>'
    )


def _section(title: str, text: str, chart: str) -> str:
    return f'<h2>{escape(title)}</h2><p class="soft">{escape(text)}</p><figure>{chart}</figure>'


def _key(rows: Sequence[tuple[str, str]]) -> str:
    marks = "".join(f'<span><i style="background:{c}"></i>{escape(n)}</span>' for n, c in rows)
    return f'<div class="key">{marks}</div>'


def _millions(fen: int) -> float:
    return fen / 10**8


def _flows(outcome: Outcome) -> str:
    rows = outcome.sums.pairs()
    largest = sorted(rows, key=lambda row: -row[2])[:FLOWS_SHOWN]
    flows = [(NAMES[home], NAMES[care], _millions(flowed)) for home, care, flowed, _ in largest]
    by_pair = {(home, care): _millions(flowed) for home, care, flowed, _ in rows}
    places = outcome.provinces
    values = [[by_pair.get((home, care), 0.0) for care in places] for home in places]
    names = [NAMES[place] for place in places]
    unit = "百万元"
    return charts.bands("flows", flows, unit) + charts.matrix("all pairs", names, values, unit)


def _advances(outcome: Outcome) -> str:
    colours = outcome.journal.colours
    months = [f"{YEAR}-{month:02d}" for month in range(1, 13)]
    series = [
        (name, colour, [list(colours.get(m, {}).values()).count(name.split()[1]) for m in months])
        for name, colour in COLOURS
    ]
    return charts.columns("colours of advances", months, series, "对 pairs")


def _by_cities(outcome: Outcome, cities: Sequence[dict[str, Any]]) -> str:
    by_province = {place: [0, 0] for place in outcome.provinces}
    for city in cities:
        sums = by_province[province(city["area"])]
        sums[0] += city["levied_fen"]
        sums[1] += city["allotted_fen"]
    rows = [
        (
            NAMES[place],
            tuple(map(_millions, sums)),
            " / ".join(f"{_millions(n):,.2f}" for n in sums),
        )
        for place, sums in by_province.items()
    ]
    body = "".join(
        f"<tr><td>{NAMES[province(city['area'])]} {city['area']}</td>"
        + "".join(f"<td>{city[name] / 100:,.2f}</td>" for name in _CITY_COLUMNS)
        + "</tr>"
        for city in cities
    )
    heads = "".join(f"<th>{head}</th>" for head in ("市 city", *_CITY_COLUMNS.values()))
    return (
        charts.lines_of_bars("cities", rows, tuple(colour for _, colour in CITIES))
        + f"<details><summary>{len(cities)} 市 cities</summary>"
        f"<table><tr>{heads}</tr>{body}</table></details>"
    )


_CITY_COLUMNS = {
    "levied_fen": "上解 levied 元", "levied_open_fen": "未缴 open 元",
    "allotted_fen": "下拨 passed on 元", "allotted_open_fen": "未拨 open 元",
}  # fmt: skip


def _final_rates(rates: Sequence[dict[str, Any]]) -> str:
    body = "".join(
        f"<tr><td>{NAMES[rate['province']]}</td><td>{rate['system'].upper()}</td>"
        f"<td>{rate['stays']:,}</td><td>{rate['bills_fen'] / 100:,.2f}</td>"
        f"<td>{rate['estimated_e6'] / 10**6:,.4f}</td><td>{rate['final_e6'] / 10**6:,.4f}</td>"
        f"<td>{100 * rate['final_e6'] / rate['estimated_e6'] - 100:+.2f} %</td></tr>"
        for rate in rates
    )
    heads = (
        "省 province", "方式 way", "例数 stays", "费用 bills 元", "预估 estimated", "最终 final",
        "变动 change",
    )  # fmt: skip
    return (
        f"<details><summary>{len(rates)} 省费率与点值 rates and values of a point, yuan</summary>"
        f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table></details>"
    )


def _prepaid(told: dict[str, Any]) -> str:
    rows = [
        (name, (_millions(fen),), f"{_millions(fen):,.2f}")
        for name, fen in (
            ("预拨 prepaid", told["prepaid_fen"]), ("抵扣 set off", told["prepaid_set_off_fen"])
        )
    ]  # fmt: skip
    return charts.lines_of_bars("prepayments", rows, ("var(--in)",))


def _commercial(outcome: Outcome) -> str:
    rows = [
        (month, (paid / WAN, received / WAN), f"{paid / WAN:,.2f} / {received / WAN:,.2f}")
        for month, (_, paid, received) in sorted(outcome.journal.commercial.items())
    ]  # fmt: skip
    return charts.lines_of_bars("commercial cover", rows, tuple(colour for _, colour in COVER))


def _memory(outcome: Outcome) -> str:
    months = [f"{YEAR}-{number + 1:02d}" for number in range(len(outcome.by_month[:MONTHS]))]
    series = [
        (name, colour, [float(month[key]) for month in outcome.by_month[:MONTHS]])
        for (name, colour), key in zip(MEMORY, ("memory_mb", "actors_mb"), strict=True)
    ]
    return charts.columns("memory", months, series, "MB", height=220)


def _by_case(outcome: Outcome) -> str:
    made = [*sorted(outcome.journal.by_case.items()), ("清算 final", outcome.journal.final)]
    rows = [
        (month, (_millions(above), _millions(below)),
         f"+{_millions(above):,.2f} − {_millions(below):,.2f} = {_millions(above - below):+,.2f}")
        for month, (_, above, below) in made
    ]  # fmt: skip
    return charts.lines_of_bars("by case", rows, tuple(colour for _, colour in RESULTS))


def _ageing(outcome: Outcome) -> str:
    names = [month for month, _ in outcome.ageing]
    rows = [[0.0] * len(names) for _ in AGES]
    for place, (end, unpaid) in enumerate(outcome.ageing):
        for month, fen in unpaid.items():
            age = min(_months_between(month, end), len(AGES) - 1)
            rows[age][place] += max(0.0, _millions(fen))
    series = [(AGES[n], AGE_COLOURS[n], rows[n]) for n in range(len(AGES))]
    return charts.columns("ageing", names, series, "百万元")


def _months_between(first: str, last: str) -> int:
    return (int(last[:4]) - int(first[:4])) * 12 + int(last[5:7]) - int(first[5:7])


def _to_money(outcome: Outcome) -> str:
    days = outcome.journal.to_money
    last = min(max(days, default=0), DAYS_SHOWN)
    counts = [float(days.get(day, 0)) for day in range(last)]
    counts.append(float(sum(count for day, count in days.items() if day >= last)))
    names = [str(day) for day in range(last)] + [f"≥{last}"]
    return charts.columns("days", names, [("", "var(--flow)", counts)], "笔 settlements / 天 day")


def _funds(outcome: Outcome) -> str:
    rows = [
        (
            f"{fund} {FUNDS[fund].chinese[:8] if fund in FUNDS else fund}",
            (_millions(income), _millions(outgo)),
            f"{_millions(income):,.2f} / {_millions(outgo):,.2f}",
        )
        for fund, (income, outgo) in by_fund(outcome).items()
    ]
    return charts.lines_of_bars("funds", rows, ("var(--in)", "var(--out)"))


def _provinces(outcome: Outcome) -> str:
    sums = outcome.sums
    out, into, owed, due, waits = (Counter[str]() for _ in range(5))
    for home, care, flowed, open_fen in sums.pairs():
        out[home] += flowed
        into[care] += flowed
        owed[home] += open_fen
        due[care] += open_fen
    for institution, by_type in sums.of_kind("payable").items():
        waits[province(institution.partition(":")[2][1:7])] += sum(by_type.values())
    net = {place: into[place] - out[place] for place in outcome.provinces}
    columns = (out, into, net, sums.by_province("fund"), owed, due, waits)
    rows = [
        (NAMES[place], [column.get(place, 0) for column in columns]) for place in outcome.provinces
    ]
    rows.append(("合计 all", [sum(column.values()) for column in columns]))
    body = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{fen / 100:,.2f}</td>' for fen in amounts)}</tr>"
        for name, amounts in rows
    )
    heads = (
        "省 province", "全年应付 out 元", "全年应收 in 元", "净额 net 元", "基金结余 funds 元",
        "未付 owed 元", "未收 due 元", "待付机构 institutions 元",
    )  # fmt: skip
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{body}</table>"


def _pairs(outcome: Outcome) -> str:
    body = "".join(
        f'<tr><td>{NAMES[home]}</td><td class="l">{NAMES[care]}</td><td>{flowed / 100:,.2f}</td>'
        f"<td>{owed / 100:,.2f}</td></tr>"
        for home, care, flowed, owed in outcome.sums.pairs()
    )
    heads = (
        '<th>参保 home</th><th class="l">就医 care</th><th>全年 flowed 元</th><th>未清 owed 元</th>'
    )
    return (
        "<h2>每对省份 Every pair</h2><details><summary>"
        f"{len(outcome.sums.pairs())} pairs</summary>"
        f"<table><tr>{heads}</tr>{body}</table></details>"
    )


def _proof(outcome: Outcome, told: dict[str, Any]) -> str:
    good = not told["imbalance_fen"] and not outcome.differing
    word = "平 balanced" if good else "不平 NOT balanced"
    account = outcome.sums.of_kind("person")
    people = sum(funds.get(PERSONAL_ACCOUNT, 0) for funds in account.values())
    return (
        f'<h2>核对 Proof</h2><p class="{"ok" if good else "bad"}"><b>{word}</b></p>'
        f"<p>{told['postings']:,} postings of {told['blocks']:,} blocks were added up one by one,"
        f" from the receipts: they leave {told['imbalance_fen']} fen open over all fund types."
        f" {len(outcome.sums.balances):,} accounts and fund types; {len(outcome.differing)} of them"
        " differ from the balance that the state holds. Personal accounts hold"
        f" {people / 100:,.2f} yuan together. Refused calls:"
        f" {escape(str(told['refused'] or 'none'))}.</p>"
    )
