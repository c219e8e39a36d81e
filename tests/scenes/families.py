"""Scenes in which several people and payers stand behind one bill."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.contracts.world import BANK
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    BUREAU_CHENGDU,
    CHENGDU,
    COSMETIC,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
    fen,
    yuan,
)
from tests.scenes.told import Tell, scene

INSURER = "insurer:pingan"
PRODUCT = f"{INSURER}:family-2025"
CARD = {"kind": "card", "certificate": "03"}

SUPPLEMENT = """
def settle(case):
    inside = case["open"]["in_scope_fen"]
    own = capped(case["sums"]["own_expense_fen"], case["open"]["out_of_scope_fen"], "own")
    in_before = counter(case, "in_fen")
    own_before = counter(case, "own_fen")
    in_pay = bands(in_before + inside, [(yuan(2000), "0%"), (None, "80%")], in_before, "inside")
    own_pay = bands(own_before + own, [(yuan(3000), "0%"), (None, "50%")], own_before, "outside")
    return {
        "payments": [
            payment("commercial", in_pay, "inside", "in_scope"),
            payment("commercial", own_pay, "outside", "out_of_scope"),
        ],
        "counters": {"in_fen": inside, "own_fen": own},
    }
"""
"""In scope above 2,000 a year 80 %, own expense above 3,000 a year 50 %."""


def deploy(country: Country, product: str, pays: str) -> None:
    """The insurer puts its rule on the ledger."""
    args = {"product": product, "effective_from": "2025-01-01", "pays": pays, "source": SUPPLEMENT}
    country.say(INSURER, "cover", "deploy", args, post="checker")


def insure(country: Country, person: str, product: str) -> None:
    """The insurer says that the person holds the product."""
    held = {"cover": {"from": "2025-01-01", "to": "2025-12-31"}}
    args = {"product": product, "person": person}
    country.say(INSURER, "cover", "enrol", args, held, post="clerk")


def authorise(country: Country, person: str, product: str, scope: str = "amounts") -> None:
    """The person agrees at the counter of the hospital, card in hand."""
    args: dict[str, Any] = {"person": person, "product": product, "scope": scope,
                            "to": "2025-12-31", "presence": CARD,
                            "account": sha256(person.encode()).digest()}  # fmt: skip
    country.say(HOSPITAL, "cover", "authorise", args)


@scene
def a_parent_a_child_and_a_commercial_product(country: Country, tell: Tell) -> None:
    """A parent insured in one province, treated in another, with a child's account in a third."""
    country.on("2025-03-10")
    mother = country.enrol("mother", birth="1958-04-04", category="retired")
    country.deposit(mother, "1500.00")
    child = country.enrol("child", area=CHENGDU)
    country.deposit(child, "5000.00")
    country.books += [
        (BUREAU_CHENGDU, f"premium:{CHENGDU}"), (BUREAU_CHENGDU, f"person:{child}:account"),
        (INSURER, f"commercial:{INSURER}"),
    ]  # fmt: skip
    tie = {"owner": child, "person": mother, "relation": "parent", "limit_fen": fen("2000.00"),
           "from": country.today, "presence": CARD}  # fmt: skip
    country.say(BUREAU_CHENGDU, "family", "authorise", tie, post="clerk")
    deploy(country, PRODUCT, "at_once")
    insure(country, mother, PRODUCT)
    country.file(mother, "referral", GUANGZHOU)
    tell(
        "A retired woman is insured in Changsha and referred to Guangzhou. Her daughter is insured "
        "in Chengdu and has allowed her to use up to 2,000.00 yuan of the daughter's account. The "
        "mother holds a commercial product besides."
    )
    country.on("2025-03-11")
    asked = country.visit(mother, (EXAMINATION, "300.00"))
    assert asked.commercial == "0.00"
    assert country.denied(INSURER, f"/v1/claims/{asked.claim}") == "read.no-right"
    tell(
        "Nobody has asked her yet whether the insurer may know, so the examination on the day "
        "before is settled without it, and the insurer that looks for the visit finds none."
    )
    country.on("2025-03-12")
    claim = country.admit(mother)
    country.on("2025-03-20")
    items = [(BED, "4000.00"), (EXAMINATION, "6000.00"), (DRUG, "30000.00"), (COSMETIC, "5000.00")]
    authorise(country, mother, PRODUCT)
    bill = country.discharge(claim, *items, use_account=True, family=[child])
    paid = {name: fen(getattr(bill, name)) for name in ("funds", "commercial", "account", "cash")}
    assert sum(paid.values()) == fen(bill.total) == fen("45000.00")
    told = country.claim(BUREAU_CHANGSHA, claim)["settled"]["covers"][0]
    assert (told["insurer"], yuan(told["amount_fen"])) == (INSURER, bill.commercial)
    family = yuan(fen("5000.00") - country_balance(country, child))
    tell(
        f"She agrees at the hospital's counter, and on discharge one call settles {bill.total} "
        f"yuan: Changsha's pool pays {bill.funds}, the product {bill.commercial} of what was left, "
        f"her own account 1,500.00 and her daughter's {family}; {bill.cash} yuan is cash. Three "
        "provinces and an insurer owe their shares from that moment on, each in its own books."
    )
    country.look(INSURER, f"/v1/claims/{claim}")
    assert country.denied(INSURER, f"/v1/claims/{claim}/attachments") == "read.no-right"
    tell(
        "The insurer now reads who paid how much. It does not see what she was treated for: she "
        "agreed to amounts, not to lines."
    )


def country_balance(country: Country, person: str) -> int:
    """What is on a personal account, fen, as the person's own bureau reads it."""
    bureau = f"bureau:{person.split(':')[1]}"
    balances: dict[str, int] = country.look(bureau, f"/v1/accounts/person:{person}:account")[
        "balances"
    ]
    return sum(balances.values())


@scene
def a_gallstone_operation_paid_the_same_day(country: Country, tell: Tell) -> None:
    """A gallstone operation, paid the same day: without a deposit, and the insurer pays later."""
    country.on("2025-05-19", hour=8)
    person = country.enrol("gallstone")
    country.deposit(person, "800.00")
    country.file(person, "referral", GUANGZHOU)
    product = f"{INSURER}:refund-2025"
    deploy(country, product, "later")
    insure(country, person, product)
    authorise(country, person, product, "lines")
    country.on("2025-05-20", hour=8)
    hold = {"hold": f"{BANK}:gallstone", "token": sha256(b"credit line").digest(),
            "person": person, "institution": HOSPITAL, "amount_fen": fen("8000.00"),
            "until_ms": country.clock.ms + 30 * 86_400_000}  # fmt: skip
    country.say(BANK, "credit", "grant", hold, post="clerk")
    claim = country.admit(person, kind="day_surgery")
    tell(
        "A woman comes to Guangzhou in the morning to have her gallstones taken out. She is asked "
        "for no deposit: her bank holds 8,000.00 yuan of credit for this stay."
    )
    country.on("2025-05-20", hour=17)
    bill = country.discharge(
        claim, (BED, "200.00"), (EXAMINATION, "4800.00"), (DRUG, "10000.00"), (COSMETIC, "4000.00"),
        use_account=True, credit=f"{BANK}:gallstone",
    )  # fmt: skip
    assert bill.cash == "0.00"
    assert fen(bill.funds) + fen(bill.account) + fen(bill.credit) == fen(bill.total)
    tell(
        f"At five in the afternoon she leaves with one page in her hand: {bill.total} yuan, of "
        f"which the pool at home pays {bill.funds}, her account {bill.account} and the bank's "
        f"credit {bill.credit}. She hands over no cash, and what is left of the credit is free "
        "again."
    )
    listed = country.look(INSURER, f"/v1/cover/insurers/{INSURER}/payments")["payments"]
    due = next(payment for payment in listed if payment["claim"] == claim)
    assert due["stage"] == "due"
    order = {"payment": due["payment"], "order": "o-1"}
    country.say(INSURER, "cover", "pay", order | {"bank": BANK}, post="finance")
    country.on("2025-05-21")
    country.say(BANK, "cover", "confirm", order | {"reference": "r-1"}, post="clerk")
    again = country.say(BANK, "cover", "confirm", order | {"reference": "r-1"}, post="clerk")
    assert again.answer["stage"] == "paid"
    page = country.look(INSURER, f"/v1/claims/{claim}/attachments")["attachments"]
    assert page, "she let the insurer see the lines"
    tell(
        f"Her insurer's rule ran in the same call and came to {yuan(int(due['amount_fen']))} yuan, "
        "which this product pays to her afterwards. The insurer orders it the same evening; the "
        "bank confirms the next day, twice by mistake, and pays once."
    )
