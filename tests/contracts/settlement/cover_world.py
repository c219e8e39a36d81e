"""A claim world with an insurer: a product with two deductibles, held and authorised by Alice."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import cover_record
from node.ledger import codec, crypto
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    ClaimWorld,
    line,
    make_claim_world,
)
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, key_of, secret_of

INSURER = "insurer:pingan"
PRODUCT = f"{INSURER}:hmb"
LATER_PRODUCT = f"{INSURER}:later"
CARD = {"kind": "card", "certificate": "03"}
ACCOUNT = sha256(b"alice's bank account").digest()
CLAIM = "H44010000123-m-1"

TWO_DEDUCTIBLES = """
def settle(case):
    inside = case["open"]["in_scope_fen"]
    outside = capped(case["sums"]["own_expense_fen"], case["open"]["out_of_scope_fen"], "own")
    in_before = counter(case, "in_fen")
    out_before = counter(case, "out_fen")
    in_pay = bands(in_before + inside, [(yuan(200), "0%"), (None, "80%")], in_before, "inside")
    out_pay = bands(out_before + outside, [(yuan(500), "0%"), (None, "60%")], out_before, "outside")
    return {
        "payments": [
            payment("commercial", in_pay, "inside", "in_scope"),
            payment("commercial", out_pay, "outside", "out_of_scope"),
        ],
        "counters": {"in_fen": inside, "out_fen": outside},
    }
"""
"""In scope 200.00 a year, then 80 %; own expense 500.00 a year, then 60 % (as RULES.md 3.7)."""

ALL_THAT_IS_OPEN = """
def settle(case):
    return {"payments": [
        payment("commercial", case["open"]["in_scope_fen"], "inside", "in_scope"),
        payment("commercial", case["open"]["out_of_scope_fen"], "outside", "out_of_scope"),
    ]}
"""


class CoverWorld:
    """What insurer, bank and patient do, as calls."""

    def __init__(self, counter: ClaimWorld | None = None) -> None:
        self.counter: ClaimWorld = counter or make_claim_world()
        self.world = self.counter.world

    def call(
        self, method: str, sender: str, *, refused: str = "", post: str = "clerk",
        attachments: dict[str, Value] | None = None, contract: str = "cover", **args: Any,
    ) -> Outcome:  # fmt: skip
        if refused:
            return self.world.refused(
                refused, sender, contract, method, args, post=post, attachments=attachments
            )
        return self.world.do(sender, contract, method, args, post=post, attachments=attachments)

    def deploy(
        self, source: str = TWO_DEDUCTIBLES, product: str = PRODUCT, *, pays: str = "at_once",
        sender: str = INSURER, post: str = "checker", refused: str = "",
        effective_from: str = "2025-01-01",
    ) -> Outcome:  # fmt: skip
        told = self.call("deploy", sender, post=post, refused=refused, product=product,
                         effective_from=effective_from, pays=pays, source=source)  # fmt: skip
        self.world.next_block()
        return told

    def enrol(
        self, product: str = PRODUCT, person: str = ALICE, *, start: str = "2025-01-01",
        end: str | None = "2025-12-31", sender: str = INSURER, refused: str = "",
    ) -> Outcome:  # fmt: skip
        return self.call("enrol", sender, refused=refused, product=product, person=person,
                         attachments={"cover": {"from": start, "to": end}})  # fmt: skip

    def authorise(
        self, product: str = PRODUCT, *, sender: str = BUREAU_CHANGSHA, refused: str = "",
        **given: Any,
    ) -> Outcome:  # fmt: skip
        args: dict[str, Any] = {"person": ALICE, "product": product, "scope": "amounts",
                                "to": "2025-12-31", "account": ACCOUNT}  # fmt: skip
        if "signed" not in given:
            args["presence"] = CARD
        return self.call("authorise", sender, refused=refused, **(args | given))

    def revoke(
        self, product: str = PRODUCT, *, sender: str = BUREAU_CHANGSHA, refused: str = "",
        **given: Any,
    ) -> Outcome:  # fmt: skip
        args: dict[str, Any] = {"person": ALICE, "product": product}
        if "signed" not in given and not sender.startswith("insurer"):
            args["presence"] = CARD
        return self.call("revoke", sender, refused=refused, **(args | given))

    def insure(
        self, source: str = TWO_DEDUCTIBLES, product: str = PRODUCT, *, pays: str = "at_once",
        **given: Any,
    ) -> CoverWorld:  # fmt: skip
        """A product, deployed, held and authorised."""
        self.deploy(source, product, pays=pays)
        self.enrol(product)
        self.authorise(product, **given)
        return self

    def settle(
        self, claim: str = CLAIM, in_scope_fen: int = 200_000, own_fen: int = 0, **given: Any
    ) -> Outcome:
        """A bill of an in-scope line and one outside the catalogue's funds."""
        lines = [line(1, BED, in_scope_fen)] if in_scope_fen else []
        if own_fen:
            lines.append(line(2, COSMETIC, own_fen, consent=True))
        return self.counter.settle(claim, lines=lines, **given)

    def payment(self, claim: str = CLAIM, number: int = 1) -> cover_record.CoverPayment:
        found = cover_record.find_payment(self.world.state, f"{claim}.{number}")
        assert found is not None
        return found

    def has_payment(self, claim: str = CLAIM, number: int = 1) -> bool:
        return cover_record.find_payment(self.world.state, f"{claim}.{number}") is not None

    def phone(self) -> None:
        """Alice gets a phone that can sign."""
        change = {"phone_key": key_of(ALICE, "phone")}
        self.call("update", BUREAU_CHANGSHA, contract="enrolment", person=ALICE, revision=2,
                  attachments={"person": change})  # fmt: skip

    def signed(
        self, verb: str = "authorise", product: str = PRODUCT, scope: str = "amounts",
        to: str = "2025-12-31", account: bytes = ACCOUNT, later_ms: int = 0,
    ) -> dict[str, Value]:  # fmt: skip
        """What Alice's phone signs."""
        issued = self.world.time_ms + later_ms
        what = [scope, to, account] if verb == "authorise" else ["", "", b""]
        message = codec.encode([verb, ALICE, product, *what, issued])
        signature = crypto.sign(secret_of(ALICE, "phone"), "consent/1", self.counter.chain, message)
        return {"issued_ms": issued, "signature": bytes(signature)}
