"""Commercial cover in the conservation test: people who order and report insurers' payments by
chance, sensible or not, and a model that believes receipts and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from contracts.api import Value
from node.execution.calls import CallResult
from node.ledger.transaction import SignedTransaction
from tests.contracts.settlement.claim_world import DAY
from tests.contracts.settlement.cover_world import INSURER
from tests.contracts.world import BANK, BUREAU_CHANGSHA
from tests.node.conservation_model import Model
from tests.node.conservation_world import ALICE, CAROL, START_MS, Mischief, Planned, Signer

COVERED = (ALICE, CAROL)
AT_ONCE, LATER = f"{INSURER}:now", f"{INSURER}:later"
RULE = """
def settle(case):
    pay = part(case["open"]["in_scope_fen"], "50%", "half")
    return {"payments": [payment("commercial", pay, "half", "in_scope")]}
"""
FEN = "commercial"


def founding(signer: Signer) -> list[list[SignedTransaction]]:
    """Two blocks: an insurer's products, one paid within settlements and one later; who holds
    them and lets them pay."""
    deployed = [
        ("cover", "deploy", {"product": product, "effective_from": "2020-01-01", "pays": pays,
                             "source": RULE}, {})
        for product, pays in ((AT_ONCE, "at_once"), (LATER, "later"))
    ]  # fmt: skip
    held: list[Planned] = []
    allowed: list[Planned] = []
    for person in COVERED:
        for product in (AT_ONCE, LATER):
            named: dict[str, Value] = {"product": product, "person": person}
            dates: dict[str, Value] = {"cover": {"from": "2020-01-01", "to": None}}
            held.append(("cover", "enrol", named, dates))
            consent: dict[str, Value] = {
                "scope": "amounts", "to": "2030-01-01", "account": bytes(32),
                "presence": {"kind": "card", "certificate": "03"},
            }  # fmt: skip
            allowed.append(("cover", "authorise", named | consent, {}))
    return [
        [signer.sign(INSURER, "checker", deployed, START_MS)],
        [signer.sign(INSURER, "clerk", held, START_MS)],
        [signer.sign(BUREAU_CHANGSHA, "clerk", allowed, START_MS)],
    ]


class Insured(Mischief):
    """The same people, and an insurer and a bank that do what they like with its payments."""

    def __init__(self, seed: int, signer: Signer) -> None:
        super().__init__(seed, signer)
        self.owed: list[str] = []
        """Payments that settlements left, oldest first."""
        self.ordered: list[tuple[str, str]] = []
        """(payment, order) of the insurer's orders, oldest first."""
        self.stands: Counter[tuple[str, str]] = Counter()
        self.references = 0

    def hear(self, model: InsuredModel) -> None:
        """What the ledger has told an insurer that it owes, and a bank to pay; what stands paid."""
        self.owed, self.ordered, self.stands = list(model.due), model.ordered, model.stands

    def _transaction(self) -> SignedTransaction:
        if not self.owed or self.chance.random() > 0.4:
            return super()._transaction()
        insurer = not self.ordered or self.chance.random() < 0.4
        sender = INSURER if insurer else BANK
        count = self.chance.choice((1, 2, 4))
        calls = [self._pay() if insurer else self._report() for _ in range(count)]
        self.calls += [(sender, "finance", call) for call in calls]
        return self.signer.sign(sender, "finance", calls, self.now_ms)

    def _pay(self) -> Planned:
        """Mostly the next order of one of the newest payments."""
        payment = self.chance.choice(self.owed[-4:])
        given = sum(name == payment for name, _ in self.ordered)
        order = f"o{given + (self.chance.random() < 0.8)}"
        if self.chance.random() < 0.04:
            payment += "9"
        args: dict[str, Value] = {"payment": payment, "order": order, "bank": BANK}
        if self.chance.random() < 0.7:
            args["account"] = bytes([self.chance.randint(0, 9)]) * 32
        return "cover", "pay", args, {}

    def _report(self) -> Planned:
        payment, order = self.chance.choice(self.ordered[-5:])
        if self.chance.random() < 0.05:
            order = "o9"
        if self.chance.random() < 0.9:
            self.references += 1
        reference = f"r{self.references}"
        left = self.stands[payment, order]
        fen = self.chance.choice((1, 500, max(1, left // 2), max(1, left), left + 1))
        method = self.chance.choice(("confirm", "confirm", "bounce", "came_back", "repaid", "line"))
        why = {"reason": self.chance.choice(("closed_account", "limit"))}
        if method == "line":
            way = self.chance.choice(("out", "returned"))
            line: dict[str, Value] = {
                "reference": reference, "order": f"cover/{payment}/{order}", "direction": way,
                "amount_fen": fen, "value_on": DAY, **(why if way == "returned" else {}),
            }  # fmt: skip
            return "bank", "line", line, {}
        args: dict[str, Value] = {"payment": payment, "order": order, "reference": reference}
        if method == "bounce":
            args |= why
        elif method == "came_back":
            args |= {"amount_fen": fen, "value_on": DAY, **why}
        return "cover", method, args, {}


class InsuredModel(Model):
    """Beside all else: what an insurer owes for settlements, and what patients have of it."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once: dict[str, int] = {}
        """Claim -> what the insurer pays within its settlement."""
        self.due: dict[str, int] = {}
        """Payment -> what is owed to the patient later."""
        self.stands: Counter[tuple[str, str]] = Counter()
        """(payment, order) -> what the bank has paid and did not come back."""
        self.given_back: set[str] = set()
        self.ordered: list[tuple[str, str]] = []

    def _claim_settle(self, args: Any, content: Any, outcome: CallResult, legs: Any) -> None:
        super()._claim_settle(args, content, outcome, legs)
        if outcome.explanation is None:
            return
        moved = [leg for leg in legs.get(f"claim/{args['claim']}", ()) if INSURER in leg[0]]
        self.at_once[args["claim"]] = -sum(fen for _, _, fen in moved)
        asked = {
            told["product"]: told["amount_fen"]
            for told in self._explained(outcome).get("cover", ())
        }
        assert self.at_once[args["claim"]] == asked.get(AT_ONCE, 0)
        for event in outcome.receipt.events:
            if event.topic == "cover.due":
                self.due[event.fields["payment"]] = asked[event.fields["product"]]

    def _cover_pay(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        assert not legs, "an order moves nothing"
        told = [event for event in outcome.receipt.events if event.topic == "cover.ordered"]
        if told:
            claim = args["payment"].rpartition(".")[0]
            assert claim not in self.reversed, "nothing more is paid on a bill that was taken back"
            left = self.due[args["payment"]] - self._with_patient(args["payment"])
            assert told[0].fields["amount_fen"] == left > 0
            self.ordered.append((args["payment"], args["order"]))

    def _cover_confirm(self, args: Any, _content: Any, _outcome: CallResult, legs: Any) -> None:
        if legs:
            self._paid(args["payment"], args["order"], legs)

    def _cover_bounce(self, _args: Any, _content: Any, _outcome: CallResult, legs: Any) -> None:
        assert not legs

    def _cover_came_back(self, args: Any, _content: Any, _outcome: CallResult, legs: Any) -> None:
        if legs:
            self._back(args["payment"], args["order"], args["amount_fen"], legs)

    def _cover_repaid(self, args: Any, _content: Any, _outcome: CallResult, legs: Any) -> None:
        name = args["payment"]
        if not legs:
            return
        assert name.rpartition(".")[0] in self.reversed, "a bill that stands is not given back"
        assert name not in self.given_back
        assert self._moved(legs) == -self._with_patient(name)
        self.given_back.add(name)

    def _bank_line(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        self.statuses[f"bank.line {outcome.receipt.answer['outcome']}"] += 1
        if not legs:
            return
        _, payment, order = args["order"].split("/")
        if args["direction"] == "out":
            self._paid(payment, order, legs)
            assert self.stands[payment, order] == args["amount_fen"]
        else:
            self._back(payment, order, args["amount_fen"], legs)

    def _paid(self, payment: str, order: str, legs: Any) -> None:
        assert not self.stands[payment, order], "an order is paid once"
        self.stands[payment, order] = self._moved(legs)
        assert 0 < self._with_patient(payment) <= self.due[payment]

    def _back(self, payment: str, order: str, fen: int, legs: Any) -> None:
        assert self._moved(legs) == -fen
        assert payment not in self.given_back
        self.stands[payment, order] -= fen
        assert self.stands[payment, order] >= 0, "more came back than was paid"

    def _moved(self, legs: Any) -> int:
        """What went from the insurer to its bank, and nowhere else."""
        (transfer,) = legs.values()
        sums = {account: fen for account, _, fen in transfer}
        assert sums.keys() == {f"benefit:{INSURER}", f"bank:{BANK}"}
        return sums[f"bank:{BANK}"]

    def _with_patient(self, payment: str) -> int:
        return sum(fen for (name, _), fen in self.stands.items() if name == payment)

    def check(self, state: dict[str, Any]) -> None:
        """Hold what the insurer owes, and each payment, against the receipts."""
        super().check(state)
        standing = sum(fen for (n, _), fen in self.stands.items() if n not in self.given_back)
        assert self.balances[f"benefit:{INSURER}", FEN] == -standing
        owed = sum(fen for claim, fen in self.at_once.items() if claim not in self.reversed)
        assert self.balances[f"commercial:{INSURER}", FEN] == -owed
        for payment, due in self.due.items():
            stage, *_ = value = state[f"cover-payment/{payment}"]
            assert value[7] == due
            has = 0 if payment in self.given_back else self._with_patient(payment)
            taken_back = payment.rpartition(".")[0] in self.reversed
            assert (stage == "paid") == (has == due and not taken_back and stage != "paying")
            if stage == "repayable":
                assert has > 0, payment
                assert taken_back
            elif stage == "cancelled":
                assert not has, payment
