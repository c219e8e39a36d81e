"""The chart of accounts: one table of every kind of account that the ledger knows.

A row says what an account of this kind means, which grouped state entry holds it, whether it may
go below zero, and who may move money out of it by a plain transfer (SETTLEMENT.md section 7).
Fund, clearing and advance never block a settlement: a patient is not turned away because some
bureau's balance is low. Account, wallet and credit must be covered.

Signs: a positive posting goes into the account, a negative one out of it. All postings of a
transfer sum to zero for each fund type side by side with the whole, and so do all balances of the
ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from contracts.api import reject
from contracts.settlement.terms import FUNDS, PERSONAL_ACCOUNT


class Mover(StrEnum):
    """Who may take money out of an account by a plain transfer."""

    HOME_BUREAU = "home-bureau"
    """The bureau competent for the pooling area, or for the person's."""
    CARE_BUREAU = "care-bureau"
    """The bureau competent for the institution's region."""
    OWNER = "owner"
    """The organisation in the account's name."""
    CONTRACT = "contract"
    """Nobody by a plain transfer, neither out nor in: a contract alone posts here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    """A row of the chart."""

    name: str
    """First word of the account's name and key of its slot in the state entry."""
    pattern: str
    """The account's name; words in <> are filled in."""
    entry: str
    """The state entry that holds the account, with the same words."""
    covered: bool
    """True: a transfer that would leave less than nothing is refused."""
    mover: Mover
    english: str
    chinese: str


_ROWS = (
    AccountKind(
        name="fund",
        pattern="fund:<area>",
        entry="fund/<area>",
        covered=False,
        mover=Mover.HOME_BUREAU,
        english="A pooling area's insurance funds, one balance for each fund type.",
        chinese="统筹区医保基金,按基金类型分账",
    ),
    AccountKind(
        name="premium",
        pattern="premium:<area>",
        entry="fund/<area>",
        covered=False,
        mover=Mover.HOME_BUREAU,
        english="Where contributions come from: minus what was ever paid into the area's funds.",
        chinese="保费收入来源(对方科目)",
    ),
    AccountKind(
        name="owed",
        pattern="owed:<area>",
        entry="fund/<area>",
        covered=False,
        mover=Mover.CONTRACT,
        english="What an area owes to people: who paid first, or whose account is closed.",
        chinese="应付参保人零星报销款及已销账户退款",
    ),
    AccountKind(
        name="commercial",
        pattern="commercial:<insurer>",
        entry="commercial/<insurer>",
        covered=False,
        mover=Mover.CONTRACT,
        english="Commercial cover settled in one stop: minus what the insurer owes.",
        chinese="商业保险一站式结算",
    ),
    AccountKind(
        name="benefit",
        pattern="benefit:<insurer>",
        entry="commercial/<insurer>",
        covered=False,
        mover=Mover.CONTRACT,
        english="Minus what an insurer has paid patients itself, by products that pay later.",
        chinese="商业保险事后直接赔付",
    ),
    AccountKind(
        name="person",
        pattern="person:<person>:account",
        entry="account/<person>",
        covered=True,
        mover=Mover.HOME_BUREAU,
        english="An insured person's personal account.",
        chinese="个人账户",
    ),
    AccountKind(
        name="wallet",
        pattern="wallet:<person>",
        entry="account/<person>",
        covered=True,
        mover=Mover.CONTRACT,
        english="The medical-insurance wallet between relatives.",
        chinese="医保钱包",
    ),
    AccountKind(
        name="clearing",
        pattern="clearing:<home>-><care>",
        entry="clearing/<home>/<care>",
        covered=False,
        mover=Mover.CONTRACT,
        english="What the home province owes the province of care, by fund type.",
        chinese="跨省清算应付(参保地)",
    ),
    AccountKind(
        name="receivable",
        pattern="receivable:<home>-><care>",
        entry="clearing/<home>/<care>",
        covered=False,
        mover=Mover.CONTRACT,
        english="The mirror of clearing on the care side; both always sum to zero.",
        chinese="跨省清算应收(就医地)",
    ),
    AccountKind(
        name="advance",
        pattern="advance:<home>-><care>",
        entry="clearing/<home>/<care>",
        covered=False,
        mover=Mover.CONTRACT,
        english="Money the home province has prepaid to the province of care.",
        chinese="跨省预付金",
    ),
    AccountKind(
        name="prepaid",
        pattern="prepaid:<home>-><care>",
        entry="clearing/<home>/<care>",
        covered=False,
        mover=Mover.CONTRACT,
        english="The mirror of the advance in the home province's books; both sum to zero.",
        chinese="跨省预付金(参保地预付)",
    ),
    AccountKind(
        name="remittance",
        pattern="remittance:<area>",
        entry="remittance/<area>",
        covered=False,
        mover=Mover.CONTRACT,
        english="What a city owes its province for care of its insured elsewhere.",
        chinese="应上解跨省清算资金",
    ),
    AccountKind(
        name="collection",
        pattern="collection:<area>",
        entry="remittance/<area>",
        covered=False,
        mover=Mover.CONTRACT,
        english="The mirror of the remittance in the province's books; both sum to zero.",
        chinese="应收下级上解资金",
    ),
    AccountKind(
        name="allotment",
        pattern="allotment:<area>",
        entry="allotment/<area>",
        covered=False,
        mover=Mover.CONTRACT,
        english="What a province owes its city for care that the city's institutions gave others.",
        chinese="应下拨异地就医清算资金",
    ),
    AccountKind(
        name="allotted",
        pattern="allotted:<area>",
        entry="allotment/<area>",
        covered=False,
        mover=Mover.CONTRACT,
        english="The mirror of the allotment in the city's books; both sum to zero.",
        chinese="应收上级下拨资金",
    ),
    AccountKind(
        name="prepayment",
        pattern="prepayment:<institution>",
        entry="prepayment/<institution>",
        covered=False,
        mover=Mover.CONTRACT,
        english="Minus what the place of care has prepaid to an institution and not got back.",
        chinese="医疗机构预付金",
    ),
    AccountKind(
        name="payable",
        pattern="payable:<institution>",
        entry="payable/<institution>",
        covered=False,
        mover=Mover.CARE_BUREAU,
        english="What funds and accounts owe the institution; negative after a late reversal.",
        chinese="应付定点医药机构款",
    ),
    AccountKind(
        name="patient",
        pattern="patient:<institution>",
        entry="payable/<institution>",
        covered=False,
        mover=Mover.OWNER,
        english="Patients at the institution: minus what they paid there in cash.",
        chinese="患者现金支付",
    ),
    AccountKind(
        name="income",
        pattern="income:<institution>",
        entry="payable/<institution>",
        covered=False,
        mover=Mover.OWNER,
        english="What the institution took from patients directly or bears itself.",
        chinese="机构直接收取及自行承担",
    ),
    AccountKind(
        name="hospital_share",
        pattern="hospital_share:<institution>",
        entry="payable/<institution>",
        covered=False,
        mover=Mover.CONTRACT,
        english="Minus what the institution bears itself: waivers, findings against it, bills"
        " above the standard of payment.",
        chinese="医疗机构负担金额",
    ),
    AccountKind(
        name="gain",
        pattern="gain:<institution>",
        entry="payable/<institution>",
        covered=False,
        mover=Mover.CONTRACT,
        english="What payment by case or day gave the institution beyond its bills.",
        chinese="医疗机构按病种付费结余",
    ),
    AccountKind(
        name="budget",
        pattern="budget:<area>",
        entry="budget/<area>",
        covered=False,
        mover=Mover.HOME_BUREAU,
        english="A place of care's budget: what bills exceeded standards, less what they fell"
        " short.",
        chinese="就医地支付方式总额预算差额",
    ),
    AccountKind(
        name="bank",
        pattern="bank:<bank>",
        entry="bank/<bank>",
        covered=False,
        mover=Mover.OWNER,
        english="A bank, seen from the ledger: what was paid out through it.",
        chinese="合作银行",
    ),
    AccountKind(
        name="credit",
        pattern="credit:<bank>",
        entry="bank/<bank>",
        covered=True,
        mover=Mover.CONTRACT,
        english="Credit that a bank has granted for care and that was not drawn yet.",
        chinese="信用就医授信",
    ),
)

CHART: Mapping[str, AccountKind] = {row.name: row for row in _ROWS}
"""All kinds of account by their first word."""

CASH = "cash"
"""Fund type of money that a patient pays: no fund's."""

ADVANCES: Mapping[str, str] = {"310": "310101", "390": "390101"}
"""Fund type of the advance between provinces by scheme (预付金, RULES.md section 4.4)."""

FUND_TYPES = frozenset(FUNDS) | {PERSONAL_ACCOUNT, CASH}
"""Every word a plain transfer may have for a fund type: who pays in settlements, the account,
cash. Advances move by their own contract."""


@lru_cache(maxsize=8_192)
def entry_of(account: str) -> tuple[AccountKind, str]:
    """The kind of an account and the key of the state entry that holds it.

    Refuses with ``funds.unknown-account`` what the chart does not have. Remembers names: every
    settlement asks about the same areas, provinces and institutions, which are some thousands;
    more room would fill with persons.
    """
    name, _, rest = account.partition(":")
    kind = CHART.get(name)
    if kind is None or not rest:
        reject("funds.unknown-account", account=account)
    if name == "person":
        rest, mark, tail = rest.rpartition(":")
        if not mark or tail != "account" or not rest:
            reject("funds.unknown-account", account=account)
        return kind, f"account/{rest}"
    if "->" in kind.pattern:
        home, mark, care = rest.partition("->")
        if not mark or not home or not care:
            reject("funds.unknown-account", account=account)
        return kind, f"clearing/{home}/{care}"
    folder, _, _ = kind.entry.partition("/")
    return kind, f"{folder}/{rest}"


def owner_of(account: str) -> str:
    """The words in <> of an account's name: an area, a person, an institution, ``home->care``."""
    _, _, rest = account.partition(":")
    return rest.removesuffix(":account") if account.startswith("person:") else rest


def fund(area: str) -> str:
    """Account name of a pooling area's funds."""
    return f"fund:{area}"


def premium(area: str) -> str:
    """Account name of the source of an area's contributions."""
    return f"premium:{area}"


def owed(area: str) -> str:
    """Account name of what an area's funds owe to people who paid first."""
    return f"owed:{area}"


def person_account(person: str) -> str:
    """Account name of a personal account."""
    return f"person:{person}:account"


def clearing(home: str, care: str) -> str:
    """Account name of what province ``home`` owes province ``care``."""
    return f"clearing:{home}->{care}"


def receivable(home: str, care: str) -> str:
    """Account name of the mirror of ``clearing`` on the care side."""
    return f"receivable:{home}->{care}"


def advance(home: str, care: str) -> str:
    """Account name of what province ``home`` has prepaid and ``care`` holds."""
    return f"advance:{home}->{care}"


def prepaid(home: str, care: str) -> str:
    """Account name of the mirror of ``advance`` on the home side."""
    return f"prepaid:{home}->{care}"


def remittance(area: str) -> str:
    """Account name of what a city owes its province."""
    return f"remittance:{area}"


def collection(area: str) -> str:
    """Account name of the mirror of ``remittance`` in the province's books."""
    return f"collection:{area}"


def allotment(area: str) -> str:
    """Account name of what a province owes its city for care given there."""
    return f"allotment:{area}"


def allotted(area: str) -> str:
    """Account name of the mirror of ``allotment`` in the city's books."""
    return f"allotted:{area}"


def prepayment(institution: str) -> str:
    """Account name of what an institution was prepaid."""
    return f"prepayment:{institution}"


def payable(institution: str) -> str:
    """Account name of what is owed to an institution."""
    return f"payable:{institution}"


def patient(institution: str) -> str:
    """Account name of the patients at an institution."""
    return f"patient:{institution}"


def income(institution: str) -> str:
    """Account name of what an institution takes in directly."""
    return f"income:{institution}"


def hospital_share(institution: str) -> str:
    """Account name of what an institution bears itself."""
    return f"hospital_share:{institution}"


def gain(institution: str) -> str:
    """Account name of what payment by case gave an institution beyond its bills."""
    return f"gain:{institution}"


def budget(area: str) -> str:
    """Account name of a place of care's budget."""
    return f"budget:{area}"


def wallet(person: str) -> str:
    """Account name of a person's wallet."""
    return f"wallet:{person}"


def bank(organisation: str) -> str:
    """Account name of a bank."""
    return f"bank:{organisation}"


def credit(organisation: str) -> str:
    """Account name of what a bank has granted and nobody has drawn."""
    return f"credit:{organisation}"


def commercial(insurer: str) -> str:
    """Account name of commercial cover."""
    return f"commercial:{insurer}"


def benefit(insurer: str) -> str:
    """Account name of what an insurer has paid patients itself."""
    return f"benefit:{insurer}"
