"""What must never happen, where no single part's tests could show it: whole blocks, whole lives.

docs/never.md lists every such promise with the tests that hold it; the last tests here compare the
list with the tests that exist.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contracts.organisations import own_prefix
from contracts.settlement.filing_record import load_filing
from contracts.settlement.funds_book import balance
from node.ledger import codec
from node.ledger.block import Header
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    DAY,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
)
from tests.node.api.real import OTHER_HOSPITAL
from tests.node.conservation_world import START_MS, Chain, Planned, Signer, founding

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Desk:
    """A chain with its founding behind it, and the blocks that were made since genesis."""

    chain: Chain = field(default_factory=Chain)
    signer: Signer = field(default_factory=Signer)
    now_ms: int = START_MS
    blocks: list[tuple[Header, Sequence[SignedTransaction], Sequence[bytes]]] = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        for transactions in founding(self.signer):
            self.commit(*transactions)

    def settle(
        self, claim: str, amount_fen: int, sender: str = HOSPITAL, **visiting: Any
    ) -> SignedTransaction:
        """A settlement of one bed line for Alice, as a transaction."""
        lines = [line(1, BED, amount_fen)]
        args = {"claim": claim, "discharge": DAY, "total_fen": amount_fen,
                "visit": visit(**visiting)}  # fmt: skip
        call: Planned = ("claim", "settle", args, {"settlement": {"visit": {}, "lines": lines}})
        return self.signer.sign(sender, "clerk", [call], self.now_ms)

    def call(
        self, sender: str, post: str, contract: str, method: str, args: dict[str, Any]
    ) -> SignedTransaction:
        """Any call without attachments."""
        return self.signer.sign(sender, post, [(contract, method, args, {})], self.now_ms)

    def commit(self, *transactions: SignedTransaction) -> list[Receipt]:
        """One block of these; its receipts in order."""
        self.now_ms += 1_000
        proposal = self.chain.build(transactions, self.now_ms)
        assert not proposal.bugs
        assert not proposal.refused
        assert proposal.result is not None
        result = proposal.result
        self.chain.commit(result)
        self.blocks.append((result.header, result.transactions, result.receipt_bytes))
        return list(result.receipts)

    def balance(self, account: str, fund_type: str) -> int:
        kind, _, owner = account.partition(":")
        entry = self.chain.state().get(f"{kind}/{owner}", {})
        amount: int = entry.get(kind, {}).get(fund_type, 0)
        return amount


def funds_of(receipt: Receipt) -> int:
    assert receipt.status == "ok", receipt.code
    return int(receipt.amounts["funds_fen"])


# --- Twice ----------------------------------------------------------------------------------------


def test_one_claim_twice_in_one_block_is_paid_once() -> None:
    """The hospital's retry and the first try meet in the same block; another hospital's copy of
    the id is refused."""
    desk = Desk()
    copies = [desk.settle("H44010000123-c-1", 50_000), desk.settle("H44010000123-c-1", 50_000),
              desk.settle("H44010000123-c-1", 50_000, OTHER_HOSPITAL)]  # fmt: skip
    assert len({copy.id for copy in copies}) == 3
    first, again, foreign = desk.commit(*copies)
    assert first.answer == again.answer
    assert (len(first.postings) > 0, again.postings) == (True, ())
    assert (foreign.status, foreign.code) == ("rejected", "sender.foreign-id")
    assert desk.balance("fund:430100", "310100") == -funds_of(first)


def test_a_reversed_claim_is_never_paid_again() -> None:
    desk = Desk()
    desk.commit(desk.settle("H44010000123-c-1", 50_000))
    taken_back = {"claim": "H44010000123-c-1", "reversal": "H44010000123-r-1", "reason": "doubled"}
    desk.commit(desk.call(HOSPITAL, "clerk", "claim", "reverse", taken_back))
    assert desk.balance("fund:430100", "310100") == 0
    again, other = desk.commit(
        desk.settle("H44010000123-c-1", 50_000), desk.settle("H44010000123-c-1", 60_000)
    )
    assert (again.status, again.postings) == ("ok", ())
    assert other.code == "claim.duplicate-id"
    assert desk.balance("fund:430100", "310100") == 0


@pytest.mark.parametrize("senders", [(HOSPITAL, OTHER_HOSPITAL), (OTHER_HOSPITAL, HOSPITAL)])
def test_two_institutions_in_one_block_share_one_deductible(senders: tuple[str, str]) -> None:
    """The policy takes 300.00 yuan a year and pays 65 %: the second bill finds it used up."""
    desk = Desk()
    bills = [desk.settle(f"{own_prefix(sender)}-1", 50_000, sender) for sender in senders]
    first, second = desk.commit(*bills)
    assert funds_of(first) == (50_000 - 30_000) * 65 // 100
    assert funds_of(second) == 50_000 * 65 // 100
    counted = desk.chain.state()[f"counter/{ALICE}/430100/310/2025"][0]
    assert counted["deductible_fen"] == 30_000


@pytest.mark.parametrize("senders", [(HOSPITAL, OTHER_HOSPITAL), (OTHER_HOSPITAL, HOSPITAL)])
def test_two_institutions_in_one_block_share_one_cap(senders: tuple[str, str]) -> None:
    """The policy pays at most 100,000.00 yuan a year: the second bill gets what is left of it."""
    desk = Desk()
    bills = [desk.settle(f"{own_prefix(sender)}-1", 12_000_000, sender) for sender in senders]
    first, second = desk.commit(*bills)
    assert funds_of(first) == (12_000_000 - 30_000) * 65 // 100
    assert funds_of(first) + funds_of(second) == 10_000_000


@pytest.mark.parametrize("senders", [(HOSPITAL, OTHER_HOSPITAL), (OTHER_HOSPITAL, HOSPITAL)])
def test_nobody_lies_in_two_beds(senders: tuple[str, str]) -> None:
    """Two hospitals settle a stay of the same days in one block: one of them is told
    the days of the other, and neither its name nor the patient's."""
    desk = Desk()
    bills = [desk.settle(f"{own_prefix(sender)}-1", 50_000, sender, kind="inpatient")
             for sender in senders]  # fmt: skip
    first, second = desk.commit(*bills)
    assert funds_of(first) > 0 or first.amounts["person_fen"] == 50_000
    assert (second.status, second.code, second.postings) == ("rejected", "stay.overlap", ())
    assert second.values == {"admission": DAY, "discharge": DAY, "other_admission": DAY,
                             "other_discharge": DAY, "reason": ""}  # fmt: skip
    # Handed on the same day, it goes.
    (third,) = desk.commit(desk.settle(f"{own_prefix(senders[1])}-2", 50_000, senders[1],
                                       kind="inpatient", overlap="transfer"))  # fmt: skip
    assert third.status == "ok", third.code


# --- Both sides -----------------------------------------------------------------------------------


def test_both_sides_hold_the_same_settlement_or_none() -> None:
    """Home owes exactly what the place of care is owed, by fund type, after every kind of call."""
    desk = Desk()
    taken_back = {"claim": "H44010000123-c-1", "reversal": "H44010000123-r-1", "reason": "refund"}
    for transactions in (
        [
            desk.settle("H44010000123-c-1", 50_000),
            desk.settle(f"{own_prefix(OTHER_HOSPITAL)}-c-2", 70_000, OTHER_HOSPITAL),
        ],
        [desk.settle("H44010000123-c-1", 60_000)],
        [desk.call(HOSPITAL, "clerk", "claim", "reverse", taken_back)],
    ):
        desk.commit(*transactions)
        state = desk.chain.state()
        pair = state["clearing/430000/440000"]
        for fund_type, owed in pair["clearing"].items():
            assert pair["receivable"][fund_type] == -owed
        assert "claim/H44010000123-c-1" in state
        assert f"claim/{own_prefix(OTHER_HOSPITAL)}-c-2" in state
    assert pair["clearing"]["310100"] == funds_of(Receipt.decode(desk.blocks[-3][2][1]))


# --- What was, stays ------------------------------------------------------------------------------


def test_an_old_claim_runs_again_bit_for_bit_after_everything_changed() -> None:
    """Policy and catalogue change, backwards too; the old claim stays what it was, is answered as
    it was, and a newcomer who executes the chain from genesis gets the very same receipts."""
    desk = Desk()
    [settled] = desk.commit(desk.settle("H44010000123-c-1", 50_000))
    kept = desk.chain.state()["claim/H44010000123-c-1"]
    generous = {"area": "430100", "scheme": "310", "effective_from": "2019-01-01",
                "source": EMPLOYEE_POLICY.replace('"65%"', '"90%"')}  # fmt: skip
    later = {**generous, "effective_from": "2020-01-01"}
    rows = [[*row[:2], "02", "50%", *row[4:]] for row in sorted(catalogue_rows())]
    loaded = desk.call("bureau:440000", "checker", "catalogue", "load_part",
                       {"kind": "items", "part": codec.encode(rows)})  # fmt: skip
    [part, *_] = desk.commit(
        loaded,
        desk.call(BUREAU_CHANGSHA, "checker", "policy", "deploy", generous),
        desk.call(BUREAU_CHANGSHA, "checker", "policy", "deploy", later),
    )
    version = {"region": "440000", "version": "2", "effective_from": "2020-01-01",
               "parts": [part.answer["hash"]]}  # fmt: skip
    desk.commit(desk.call("bureau:440000", "checker", "catalogue", "publish", version))
    [changed, again] = desk.commit(
        desk.settle("H44010000123-c-2", 50_000), desk.settle("H44010000123-c-1", 50_000)
    )
    assert funds_of(changed) == (50_000 - 25_000) * 90 // 100, "the same bill is decided otherwise"
    assert (again.answer, again.postings) == (settled.answer, ())
    assert desk.chain.state()["claim/H44010000123-c-1"] == kept

    newcomer = Chain()
    for header, transactions, receipts in desk.blocks:
        result = newcomer.execute(header, transactions)
        assert list(result.receipt_bytes) == list(receipts)
        newcomer.commit(result)
    assert newcomer.parent.block_hash == desk.chain.parent.block_hash


def test_a_filing_only_grows() -> None:
    """Every step appends a version; those before it are the same values for ever."""
    counter = make_claim_world()
    world = counter.world
    said = {"type": "other", "care_region": "440100", "channel": "app", "effective_from": DAY}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("submit", {"filing": "430100f9", "person": ALICE, **said}),
        ("decide", {"filing": "430100f9", "version": 2, "decision": "return", "reason": "other"}),
        ("change", {"filing": "430100f9", "version": 3, **said, "type": "referral"}),
        ("decide", {"filing": "430100f9", "version": 4, "decision": "approve"}),
        ("change", {"filing": "430100f9", "version": 5, **said, "care_region": "440000"}),
        ("cancel", {"filing": "430100f9", "version": 6, "last_day": "2025-06-20"}),
    ]
    before: tuple[Any, ...] = ()
    for number, (method, args) in enumerate(steps, start=1):
        world.do(BUREAU_CHANGSHA, "filing", method, args)
        found = load_filing(world.state, "430100f9")
        assert found is not None
        assert found.versions[:-1] == before
        assert len(found.versions) == number
        before = found.versions
    refused = {"filing": "430100f9", "version": 3, **said}
    world.refused("filing.version", BUREAU_CHANGSHA, "filing", "change", refused)


# --- Nobody is turned away ------------------------------------------------------------------------

PRESENT = [
    ("card", "03", "operator", {}),
    ("identity_card", "02", "operator", {}),
    ("face", "02", "clerk", {}),
    ("emergency", "", "doctor", {"emergency": True}),
]


@pytest.mark.parametrize(("kind", "certificate", "post", "clinical"), PRESENT)
def test_nobody_is_turned_away_for_want_of_money_or_a_phone(
    kind: str, certificate: str, post: str, clinical: dict[str, Any]
) -> None:
    """The home fund is far below zero, no advance was paid, what the hospital is owed is held, the
    phone is lost: the patient is settled all the same, by whatever shows who it is."""
    counter = make_claim_world()
    world = counter.world
    counter.settle("H44010000123-m-0", [line(1, BED, 900_000_000)])
    assert balance(world.state, "fund:430100", "310100") < -9_000_000
    hold = {"institution": HOSPITAL, "reason": "audit", "until_ms": world.time_ms + 10**6}
    world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    lost = {"person": ALICE, "revision": 2}
    world.do(BUREAU_CHANGSHA, "enrolment", "update", lost,
             attachments={"person": {"phone_lost": True}})  # fmt: skip
    given = visit(presence={"kind": kind, "certificate": certificate})
    assert counter.settle("H44010000123-m-1", given=given, clinical=clinical, post=post).ok
    code = visit(presence={"kind": "code", "certificate": "01", "issued_ms": world.time_ms,
                           "signature": bytes(64)})  # fmt: skip
    counter.settle("H44010000123-m-2", given=code, refused="presence.no-phone")


# --- Whose rules ----------------------------------------------------------------------------------


def test_the_catalogue_of_the_place_of_care_decides_where_the_two_differ() -> None:
    """A bed is class A in Guangdong and nobody's business in Hunan; care was in Guangdong."""
    counter = make_claim_world()
    publish_at_home(counter, [[*row[:2], "03", "100%", *row[4:]] for row in catalogue_rows()])
    bill = [line(1, BED, 50_000, consent=True)]
    outcome = counter.settle("H44010000123-m-1", bill)
    assert (outcome.amounts["in_scope_fen"], outcome.amounts["own_expense_fen"]) == (50_000, 0)
    assert [version["region"] for version in outcome.versions["catalogue"]] == ["440000"]
    counter.deploy("310", EMPLOYEE_POLICY + '\ndef settlement_mode(region):\n    return "home"\n')
    at_home = counter.settle("H44010000123-m-2", bill)
    assert at_home.amounts["own_expense_fen"] == 50_000
    assert [version["region"] for version in at_home.versions["catalogue"]] == ["430000"]


def test_a_policy_that_changes_during_the_stay_decides_by_the_day_of_discharge() -> None:
    """Admitted under the old rules, discharged under the new ones: the new ones, and it is told."""
    counter = make_claim_world()
    stay = visit(kind="inpatient", admission="2025-06-08")
    counter.register("H44010000123-s-1", stay)
    counter.deploy("310", EMPLOYEE_POLICY.replace('"85%"', '"95%"'), "2025-06-10")
    outcome = counter.settle("H44010000123-s-1", [line(1, BED, 500_000)], registered=True)
    assert outcome.versions["policy"]["number"] == 2
    assert outcome.versions["policy"]["effective_from"] == "2025-06-10"
    # Had she gone home the day before, it would have been the old ones.
    counter.reverse("H44010000123-s-1")
    earlier = [line(1, BED, 500_000, day="2025-06-09")]
    yesterday = counter.settle("H44010000123-s-2", earlier, stay, discharge="2025-06-09")
    assert yesterday.versions["policy"]["number"] == 1


def test_a_late_filing_takes_the_claim_back_and_settles_it_better() -> None:
    """Not filed: 65 %. Filed a day later with effect back to the visit: nothing changes by itself;
    the linked reversal and a new settlement give 85 %, and the patient the difference."""
    counter = make_claim_world()
    world, dora = counter.world, "p:430100:dora"
    enrol(world, dora)
    unfiled = counter.settle("H44010000123-m-1", given=visit(dora))
    rules = {
        "automatic": ["referral"], "decide_within": 2, "validity_months": {},
        "retroactive_days": {"referral": 30}, "provisional_days": 0, "change_after_months": 0,
        "no_filing_regions": {}, "entitled_at_home": True,
    }  # fmt: skip
    world.do(BUREAU_CHANGSHA, "organisations", "set_parameter",
             {"name": "filing", "region": "430100", "value": rules})  # fmt: skip
    world.on("2025-06-11").next_block()
    counter.file("430100f-late", dora)
    repeated = counter.settle("H44010000123-m-1", given=visit(dora))
    assert (repeated.answer, repeated.postings) == (unfiled.answer, [])
    counter.reverse("H44010000123-m-1", reason="late_filing")
    filed = counter.settle("H44010000123-m-2", given=visit(dora))
    assert filed.versions["filing"]["filing"] == "430100f-late"
    difference = unfiled.amounts["person_fen"] - filed.amounts["person_fen"]
    assert difference == (50_000 - 30_000) * (85 - 65) // 100
    assert balance(world.state, "fund:430100", "310100") == -filed.amounts["funds_fen"]


def publish_at_home(counter: ClaimWorld, rows: list[list[Any]]) -> None:
    """A catalogue of Hunan."""
    loaded = counter.world.do(BUREAU_HUNAN, "catalogue", "load_part",
                              {"kind": "items", "part": codec.encode(sorted(rows))})  # fmt: skip
    version = {"region": "430000", "version": "h-1", "effective_from": "2025-01-01",
               "parts": [loaded.answer["hash"]]}  # fmt: skip
    counter.world.do(BUREAU_HUNAN, "catalogue", "publish", version)


# --- The patient's share --------------------------------------------------------------------------


def test_what_the_hospital_bears_never_comes_from_the_patient() -> None:
    """The same bill with and without a waiver: the hospital's share comes off the patient's."""
    counter = make_claim_world()
    plain = counter.settle(
        "H44010000123-m-1", [line(1, BED, 500_000), line(2, COSMETIC, 7_000, consent=True)]
    )
    waiving = EMPLOYEE_POLICY.replace(
        'payment("310100", basic, "basic")',
        'payment("310100", basic, "basic"), '
        'payment("630100", part(in_scope - basic, "50%"), "waived")',
    )
    assert waiving != EMPLOYEE_POLICY
    counter.reverse("H44010000123-m-1")
    counter.deploy("310", waiving)
    waived = counter.settle(
        "H44010000123-m-2", [line(1, BED, 500_000), line(2, COSMETIC, 7_000, consent=True)]
    )
    assert waived.amounts["hospital_share_fen"] > 0
    assert waived.amounts["funds_fen"] == plain.amounts["funds_fen"]
    assert (
        waived.amounts["person_fen"]
        == plain.amounts["person_fen"] - waived.amounts["hospital_share_fen"]
    )


# --- The list -------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "never.md"
NEVER = (
    "A payment above the bill",
    "A claim or an invoice paid twice",
    "Two institutions using the same deductible or the same cap room",
    "A settlement that one side has and the other has not",
    "A posting without its counter-posting",
    "A filing edited in place",
    "A policy change that changes an old result",
    "A patient paying more because the hospital was found at fault",
    "A personal name or identity number, a diagnosis or a charge line in a block body, an index,"
    " a log or an error",
    "A reader without a right",
    "A rule verdict without its inputs",
    "A refusal without a reason that a clerk can act on",
    "A patient turned away because a fund's advance is low or a phone is missing",
)
"""The promises, in the words of the design."""
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows_of(page: str) -> dict[str, str]:
    """First cell to the rest of each table row."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", page, re.MULTILINE)
    return dict(rows)


def test_every_promise_is_listed_with_tests_that_exist() -> None:
    rows = rows_of(PAGE.read_text(encoding="utf-8"))
    assert set(NEVER) <= rows.keys()
    missing = []
    for promise, rest in rows.items():
        tests = NAMED.findall(rest)
        if promise not in ("never", "question", "---"):
            assert tests, f"{promise}: no test is named"
        missing += [f"{path}::{name}" for path, name in tests if name not in defined(path)]
    assert not missing, missing


def defined(path: str) -> set[str]:
    """Names of the tests in a file, those of hypothesis' state machines included."""
    file = ROOT / path
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return functions | assigned


def test_a_test_that_is_gone_is_noticed() -> None:
    assert "test_no_such_test" not in defined("tests/test_never.py")
    assert defined("tests/no_such_file.py") == set()
    assert "test_a_filing_only_grows" in defined("tests/test_never.py")
