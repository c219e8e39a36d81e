"""A chain in memory and people who do all sorts of things on it, sensible or not, by chance.

``Chain`` is the real executor over the in-memory store; ``Mischief`` makes transactions of many
calls from a seed: right ones, repeated ones, ones with somebody else's ids, ones that depend on an
earlier call of the same transaction, ones that no sane client would send. It knows only ids that
it has used before, and nothing of what became of them: judging is the model's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from random import Random
from typing import Any

from contracts.api import Value
from contracts.organisations import own_prefix
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from contracts.settlement.calendar import start_of_day_ms
from node.execution.blocks import BlockResult, Executor, Parent
from node.execution.genesis import make_genesis as make_block_zero
from node.execution.proposing import Proposal, build
from node.execution.services import NodeServices
from node.execution.state import CommittedState
from node.ledger import codec, crypto
from node.ledger.block import Header
from node.ledger.state_tree import StateTree
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import OrgId, TimeMs
from node.store.state import StateRows, state_rows
from tests.contracts.settlement.claim_world import (
    DAY,
    EMPLOYEE_POLICY,
    ITEMS,
    RESIDENT_POLICY,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    FINANCE,
    HOSPITAL,
    NOON_MS,
    secret_of,
)
from tests.node.api.real import OTHER_HOSPITAL, make_genesis
from tests.node.store.sim_kv import SimKV

GENESIS, _ = make_genesis()
RUNTIME = Runtime(CONTRACTS)
START_MS = start_of_day_ms(DAY) + NOON_MS

ODD_POLICY = """
def benefit_year(date):
    return 2025

def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    total = case["sums"]["total_fen"]
    odd = in_scope % 1000
    amount = part(in_scope, "33.3%")
    rows = [payment("310100", amount), payment("310100", amount), payment("330100", amount)]
    made = {"payments": rows, "counters": {"odd_fen": amount, "visits": 1}}
    if odd == 501:
        made["payments"] = [{"fund": "310100", "payer": "fund", "base": "in_scope",
                             "amount_fen": True, "why": "x"}]
    if odd == 502:
        made["payments"] = [payment("310100", in_scope), payment("330100", 1)]
    if odd == 503:
        made["counters"] = {"odd_fen": 1000000000000000, "visits": 0 - 1}
    if odd == 504:
        made["payments"] = "all of it"
    if odd == 505:
        made["deductible_fen"] = 0 - 5
    if odd == 506:
        made["payments"] = [payment("310100", total, "x", "total")]
        made["account_limit_fen"] = 1000000000000000
    if odd == 507:
        made["payments"] = [payment("630100", part(in_scope, "50%"), "waived"),
                            payment("610100", part(in_scope, "25%"), "helped", "in_scope")]
    if odd == 508:
        return total // (odd - 508)
    if odd == 509:
        return [made, 999999999999999]
    if odd == 510:
        fail("because")
    return made
"""
"""Answers what it should not, on bills that its trial does not know (their fen end in 501 to 510).
"""

ODD_AREA = "430200"
ALICE, CAROL = "p:430100:alice", "p:430100:carol"
BOB = "p:430100:bob"
ODD, EVEN = "p:430200:odd", "p:430200:even"
NEIGHBOUR = "p:440100:neighbour"
PEOPLE: dict[str, tuple[str, bool]] = {
    ALICE: ("310", True), CAROL: ("310", True), BOB: ("390", False),
    ODD: ("310", True), EVEN: ("310", True), NEIGHBOUR: ("310", True),
}  # fmt: skip
"""Person to scheme and whether there is a personal account."""
HOMES = {"430100": BUREAU_CHANGSHA, "430200": BUREAU_HUNAN, "440100": BUREAU_GUANGZHOU}
HOSPITALS = (HOSPITAL, OTHER_HOSPITAL)
CODES = (*(item[0] for item in ITEMS), "XUNKNOWN")

Planned = tuple[str, str, dict[str, Value], dict[str, Value]]
"""Contract, method, arguments, content of attachments by audience."""


def signing_post(post: str, calls: list[Planned]) -> str:
    """The post that signs: a doctor's where an emergency is told or a test ordered, and doctors
    may make the calls."""
    told = [attached.get("settlement", {}).get("visit") or {} for _, _, _, attached in calls]
    orders = any(method == "order_test" for _, method, _, _ in calls)
    if post == "finance" or not (orders or any(visit.get("emergency") for visit in told)):
        return post
    return post if any(method == "reverse" for _, method, _, _ in calls) else "doctor"


class Chain:
    """A chain in memory, committed by hand."""

    def __init__(self) -> None:
        self.kv = SimKV()
        self.rows = StateRows(self.kv)
        self.tree = StateTree(4, lambda number: self.rows.bucket(number, 4))
        zero = make_block_zero(GENESIS, RUNTIME.registry, self.tree)
        self.kv.write(state_rows(zero.writes), sync=False)
        self.tree.commit(zero.overlay)
        self.executor = Executor(
            GENESIS.chain, RUNTIME, NodeServices(GENESIS.chain), CommittedState(self.rows),
            self.rows, self.tree,
        )  # fmt: skip
        self.parent = Parent(zero.header, zero.header.hash)

    def build(self, transactions: Sequence[SignedTransaction], at_ms: int) -> Proposal:
        """A proposal of the transactions on the head."""
        return build(self.executor, self.parent, transactions, at_ms, BUREAU_HUNAN)

    def execute(self, header: Header, transactions: Sequence[SignedTransaction]) -> BlockResult:
        """Execute another chain's block as a follower does, from the bytes that travel."""
        received = [SignedTransaction.decode(t.encode()) for t in transactions]
        for transaction in received:
            transaction.check_signature()
            transaction.check_attachments()
        return self.executor.execute(self.parent, header, received, None)

    def commit(self, result: BlockResult) -> None:
        """Make the result the head."""
        self.kv.write(state_rows(result.writes), sync=False)
        self.executor.commit(result)
        self.parent = Parent(result.header, result.block_hash)

    def state(self) -> dict[str, Any]:
        """Every entry of the state, decoded."""
        return {key: codec.decode(value) for _, key, value in self.rows.entries()}


class Signer:
    """Signs transactions; no two have the same id unless they are to."""

    def __init__(self) -> None:
        self.count = 0

    def sign(
        self, sender: str, post: str, calls: Sequence[Planned], now_ms: int
    ) -> SignedTransaction:
        """A transaction of the calls. The same content has the same blind, as a retry has."""
        self.count += 1
        refs: list[AttachmentRef] = []
        items: list[Attachment] = []
        made = []
        for contract, method, args, attached in calls:
            named = []
            for audience, content in attached.items():
                data = codec.encode(content)
                item = Attachment(sha256(b"blind" + data).digest(), data)
                named.append(len(refs))
                refs.append(AttachmentRef(audience, item.commitment()))
                items.append(item)
            made.append(Call(contract, method, args, tuple(named)))
        private = secret_of(sender, post)
        body = TransactionBody(
            GENESIS.chain, OrgId(sender), crypto.public_key(private),
            TimeMs(now_ms + 3_600_000 + self.count), tuple(made), tuple(refs),
        )  # fmt: skip
        return sign_transaction(body, private, items)


def founding(signer: Signer) -> list[list[SignedTransaction]]:
    """Two blocks: catalogue, policies and people; then filings and first deposits."""
    part = codec.encode(sorted(catalogue_rows()))
    digest = crypto.H("yibao/catalogue-part/v1", b"items\0" + part)
    version: dict[str, Value] = {
        "region": "440000", "version": "1", "effective_from": "2020-01-01", "parts": [digest],
    }  # fmt: skip
    policies: list[tuple[str, str, str, str]] = [
        (BUREAU_CHANGSHA, "430100", "310", EMPLOYEE_POLICY),
        (BUREAU_CHANGSHA, "430100", "390", RESIDENT_POLICY),
        (BUREAU_HUNAN, ODD_AREA, "310", ODD_POLICY),
        (BUREAU_GUANGZHOU, "440100", "310", EMPLOYEE_POLICY),
    ]
    first = [
        signer.sign(
            BUREAU_GUANGDONG, "checker",
            [("catalogue", "load_part", {"kind": "items", "part": part}, {}),
             ("catalogue", "publish", version, {})], START_MS,
        )
    ]  # fmt: skip
    for bureau, area, scheme, source in policies:
        args = {"area": area, "scheme": scheme, "effective_from": "2020-01-01", "source": source}
        deploy: Planned = ("policy", "deploy", args, {})
        first.append(signer.sign(bureau, "checker", [deploy], START_MS))
    second = []
    for person, (scheme, account) in PEOPLE.items():
        bureau = HOMES[person.split(":")[1]]
        enrol: Planned = (
            "enrolment", "enrol", {"person": person},
            {"person": {
                "link": sha256(person.encode()).digest(), "scheme": scheme, "sex": "female",
                "birth": "1980-02-29", "insured": [{"from": "2010-01-01", "status": "insured"}],
                "account": account, "from": "2010-01-01", "category": "active",
                "identity_types": ["low_income"] * (scheme == "390"),
            }},
        )  # fmt: skip
        first.append(signer.sign(bureau, "clerk", [enrol], START_MS))
        if account:
            money: dict[str, Value] = {"person": person, "amount_fen": 30_000}
            deposit: Planned = (
                "funds",
                "deposit",
                money | {"transfer": f"{own_prefix(bureau)}-{person}"},
                {},
            )
            second.append(signer.sign(bureau, "finance", [deposit], START_MS))
    return [first, second]


class Mischief:
    """Makes transactions by chance. The same seed makes the same ones."""

    IN_PARTS = True
    """Stays that are settled in parts, and tests at another institution; without them the
    calls of a seed are those that it had before there were any."""

    def __init__(self, seed: int, signer: Signer) -> None:
        self.chance = Random(seed)
        self.signer = signer
        self.now_ms = START_MS + 60_000
        self.sender = ""
        self.claims: dict[str, list[str]] = {hospital: [] for hospital in HOSPITALS}
        self.transfers: list[str] = []
        self.pending: list[str] = []
        self.wards: list[tuple[str, str, str, str]] = []
        """Hospital, person, the stay's name and its claim that is open, of stays that went well."""
        self.orders: list[tuple[str, str, str]] = []
        """Order of a test, the hospital that does it, the person."""
        self.sent: list[SignedTransaction] = []
        self.calls: list[tuple[str, str, Planned]] = []
        """Sender, post and call of everything that was sent, to be sent again."""
        self._at_hospital: list[tuple[int, Callable[[], Planned]]] = [
            (40, self.settle), (8, self.register), (12, self.lines), (8, self.settle_stay),
            (3, self.cancel), (3, self.withdraw), (16, self.reverse), (4, self.estimate),
            (1, self.lapse),
        ]  # fmt: skip
        if self.IN_PARTS:
            self._at_hospital += [(8, self.ward), (6, self.test)]
        self._at_finance: list[tuple[int, Callable[[], Planned]]] = [
            (10, self.deposit), (20, self.transfer), (10, self.post), (4, self.void),
            (6, self.lapse), (2, self.hold), (2, self.release), (2, self.reverse),
        ]  # fmt: skip
        self._at_checker: list[tuple[int, Callable[[], Planned]]] = [
            (10, self.post), (3, self.void), (3, self.lapse),
        ]  # fmt: skip
        self._at_bureau: list[tuple[int, Callable[[], Planned]]] = [
            (10, self.deposit), (8, self.feed), (4, self.unfeed), (2, self.open_year),
            (1, self.settle), (4, self.file), (2, self.post), (2, self.lapse),
        ]  # fmt: skip

    def block(self) -> list[SignedTransaction]:
        """The transactions of the next block; the clock moves on."""
        chance = self.chance
        self.now_ms += chance.choice((1, 1_000, 1_000, 60_000, 400_000))
        made = [self._transaction() for _ in range(chance.randint(1, 5))]
        self.sent += made
        if chance.random() < 0.1:
            made.append(chance.choice(self.sent))
        if chance.random() < 0.1:
            made.append(made[0])
        return made

    def _transaction(self) -> SignedTransaction:
        chance = self.chance
        if self.calls and chance.random() < 0.12:
            sender, post, _ = chance.choice(self.calls)
            same = [call for s, p, call in self.calls[-200:] if (s, p) == (sender, post)]
            again = chance.choices(same, k=min(len(same), 6))
            if again:
                return self.signer.sign(sender, post, again, self.now_ms)
        if chance.random() < 0.6:
            self.sender = chance.choice(HOSPITALS)
            post, makers = chance.choice(("operator", "clerk", "clerk")), self._at_hospital
            if chance.random() < 0.08:
                post, makers = "finance", self._at_finance
        else:
            self.sender = chance.choice((*HOMES.values(), BUREAU_GUANGDONG, BANK, FINANCE))
            post, makers = chance.choice(
                (("finance", self._at_finance), ("finance", self._at_finance),
                 ("clerk", self._at_bureau), ("checker", self._at_checker))
            )  # fmt: skip
        weights = [weight for weight, _ in makers]
        count = chance.choice((1, 1, 2, 5, 12))
        calls = [make() for make in chance.choices([m for _, m in makers], weights, k=count)]
        if chance.random() < 0.15:
            calls.append(calls[0])
        post = signing_post(post, calls)
        self.calls += [(self.sender, post, call) for call in calls]
        return self.signer.sign(self.sender, post, calls, self.now_ms)

    # --- Ids and amounts ----------------------------------------------------------------------

    def _id(self, known: list[str], fresh: float, prefix: str) -> str:
        if not known or self.chance.random() < fresh:
            known.append(f"{prefix}{len(known)}")
            return known[-1]
        return self.chance.choice(known[-40:])

    def _claim(self, fresh: float = 0.0) -> str:
        """A claim's id: mostly one of the sender's own."""
        own = self.sender if self.sender in HOSPITALS else HOSPITAL
        if self.chance.random() < 0.1:
            own = self.chance.choice(HOSPITALS)
        return self._id(self.claims[own], fresh, f"{own_prefix(own)}-")

    def _transfer(self, fresh: float) -> str:
        """A transfer's id, seldom somebody else's that is new."""
        prefix = own_prefix(self.sender if self.chance.random() < 0.98 else HOSPITAL)
        own = [known for known in self.transfers if known.startswith(prefix)]
        if not own or self.chance.random() < fresh:
            own = [f"{prefix}t{len(self.transfers)}"]
            self.transfers += own
        return self.chance.choice(own[-40:])

    def _person(self) -> str:
        if self.chance.random() < 0.02:
            return "p:430100:nobody"
        own = [p for p in PEOPLE if HOMES[p.split(":")[1]] == self.sender]
        return self.chance.choice(own or tuple(PEOPLE))

    def _amount(self) -> int:
        chance = self.chance
        if chance.random() < 0.2:
            return chance.randint(0, 300) * 1_000 + chance.randint(499, 512)
        return chance.choice((0, 1, 3, 99, 10_000, 33_333, 250_000, chance.randint(1, 5_000_000),
                              chance.choice((10**9, 10**13, 10**15))))  # fmt: skip

    def _bill(self) -> list[list[Value]]:
        chance = self.chance
        amounts = [self._amount() for _ in range(chance.choice((1, 1, 1, 2, 3, 6)))]
        bill = [
            line(number, chance.choice(CODES), amount, quantity=10**5 if amount >= 10**9 else 1,
                 confirmed=chance.randint(0, 2), consent=chance.random() < 0.9)
            for number, amount in enumerate(amounts)
        ]  # fmt: skip
        if chance.random() < 0.03:
            bill[-1][0] = bill[0][0]
        return bill

    def _visit(self, kind: str) -> dict[str, Value]:
        named = kind == "inpatient" and self._names_a_transfer()
        return visit(self._person(), kind, **({"overlap": "transfer"} if named else {}))

    def _names_a_transfer(self) -> bool:
        if self.IN_PARTS:
            return self.chance.random() < 0.8
        return len(self.sent) % 5 > 0

    def _clinical(self) -> dict[str, Value]:
        return {"emergency": self.chance.random() < 0.1}

    # --- Calls of hospitals -------------------------------------------------------------------

    def settle(self) -> Planned:
        bill = self._bill()
        total = sum(row[5] for row in bill) + (self.chance.random() < 0.03)
        kind = self.chance.choice(("outpatient", "outpatient", "inpatient"))
        args = {
            "claim": self._claim(0.8), "visit": self._visit(kind), "discharge": DAY,
            "total_fen": min(total, 10**15), "use_account": self.chance.random() < 0.7,
        }  # fmt: skip
        content = {"visit": self._clinical(), "lines": bill}
        return "claim", "settle", args, {"settlement": content}

    def estimate(self) -> Planned:
        _, _, args, attached = self.settle()
        return "claim", "estimate", args, attached

    def register(self) -> Planned:
        args = {"claim": self._claim(0.9), "visit": self._visit("inpatient")}
        return "claim", "register", args, {"settlement": {"visit": self._clinical()}}

    def lines(self) -> Planned:
        args = {"claim": self._claim(), "upload": self.chance.randint(1, 2)}
        return "claim", "lines", args, {"settlement": {"lines": self._bill()}}

    def settle_stay(self) -> Planned:
        bill = self._bill()
        args = {"claim": self._claim(), "discharge": DAY, "total_fen": sum(r[5] for r in bill),
                "use_account": self.chance.random() < 0.7}  # fmt: skip
        if args["total_fen"] > 10**15:
            args["total_fen"] = 10**15
        return "claim", "settle", args, {"settlement": {"lines": bill}}

    def ward(self) -> Planned:
        """A stay on its way: begun, settled in its middle, gone on with, settled at its end."""
        mine = [row for row in self.wards if row[0] == self.sender]
        if not mine or self.chance.random() < 0.2:
            return self._admit("", self._person())
        hospital, person, stay, claim = row = self.chance.choice(mine)
        if not claim:
            self.wards.remove(row)
            return self._admit(stay, person)
        bill = self._bill()
        args = {"claim": claim, "discharge": DAY, "use_account": self.chance.random() < 0.7,
                "total_fen": min(sum(r[5] for r in bill), 10**15)}  # fmt: skip
        self.wards.remove(row)
        if self.chance.random() < 0.7:
            args["goes_on"] = True
            self.wards.append((hospital, person, stay, ""))
        return "claim", "settle", args, {"settlement": {"lines": bill}}

    def _admit(self, stay: str, person: str) -> Planned:
        claim = self._id(self.claims[self.sender], 1.0, f"{own_prefix(self.sender)}-")
        self.wards.append((self.sender, person, stay or claim, claim))
        given = visit(person, "inpatient", overlap="transfer")
        if stay:
            given["continues"] = stay
        args = {"claim": claim, "visit": given}
        return "claim", "register", args, {"settlement": {"visit": {}}}

    def test(self) -> Planned:
        """A test that this hospital orders, or one that it does under another's order."""
        ordered = [row for row in self.orders if row[1] == self.sender]
        if ordered and self.chance.random() < 0.6:
            order, _, person = self.chance.choice(ordered)
            bill = self._bill()
            claim = self._id(self.claims[self.sender], 0.9, f"{own_prefix(self.sender)}-")
            args = {"claim": claim, "visit": visit(person, "outpatient"), "discharge": DAY,
                    "total_fen": min(sum(r[5] for r in bill), 10**15), "order": order}  # fmt: skip
            return "claim", "settle", args, {"settlement": {"visit": {}, "lines": bill}}
        lying = [row for row in self.wards if row[0] == self.sender and row[3]]
        other = next(one for one in HOSPITALS if one != self.sender)
        person, claim = self._person(), self._claim()
        if lying:
            _, person, _, claim = self.chance.choice(lying)
        order = f"{own_prefix(self.sender)}-o{len(self.orders)}"
        self.orders.append((order, other, person))
        args = {"claim": claim, "order": order, "institution": other}
        return "claim", "order_test", args, {}

    def cancel(self) -> Planned:
        return "claim", "cancel", {"claim": self._claim(), "reason": "other"}, {}

    def withdraw(self) -> Planned:
        args = {"claim": self._claim(), "upload": self.chance.randint(1, 2)}
        return "claim", "withdraw_lines", args, {}

    def reverse(self) -> Planned:
        claim = self._claim()
        reversal = self.chance.choice((f"{claim}r", f"{claim}r", f"{claim}s", self._claim(0.2)))
        args = {"claim": claim, "reversal": reversal, "reason": "wrong_bill"}
        return "claim", "reverse", args, {}

    # --- Calls of bureaus and banks -----------------------------------------------------------

    def deposit(self) -> Planned:
        args = {"transfer": self._transfer(0.8), "person": self._person(),
                "amount_fen": max(1, min(self._amount(), 10**6))}  # fmt: skip
        return "funds", "deposit", args, {}

    def transfer(self) -> Planned:
        chance = self.chance
        accounts = [f"person:{p}:account" for p in PEOPLE]
        accounts += [f"{k}:{area}" for k in ("fund", "premium") for area in HOMES]
        accounts += [f"{k}:{h}" for k in ("payable", "income", "patient") for h in HOSPITALS]
        accounts += [f"bank:{BANK}", "clearing:430000->440000", f"wallet:{ALICE}", "fund:汉"]
        fund_type = chance.choice(("310100", "310200", "310200", "cash"))
        amount = chance.choice((1, 500, 500, 2_000, 20_000, 30_000, 10**14, 10**15))
        payer = chance.choice(accounts)
        if chance.random() < 0.7:
            payer = chance.choice([a for a in accounts if self._own(a)] or accounts)
        payee = chance.choice([a for a in accounts if self._own(a)] or accounts)
        if chance.random() < 0.5:
            payee = chance.choice(accounts)
        if chance.random() < 0.4 and (home := self._home()):
            payer, payee = f"person:{home[1]}:account", f"premium:{home[0]}"
            fund_type, amount = "310200", chance.choice((1, 500, 2_000, 20_000))
        legs = [(payer, -amount), (payee, amount)]
        if chance.random() < 0.2:
            legs += [(legs[0][0], -5), (chance.choice(accounts), 5)]
        if chance.random() < 0.05:
            legs[0] = (legs[0][0], 1 - amount)
        args: dict[str, Value] = {
            "transfer": self._transfer(0.9), "kind": "correction",
            "postings": [{"account": account, "fund_type": fund_type, "amount_fen": fen}
                         for account, fen in legs],
        }  # fmt: skip
        if chance.random() < 0.5:
            self.pending.append(str(args["transfer"]))
            args |= {"phase": "pending", "expires_ms": self.now_ms + chance.randint(1, 900_000)}
            if chance.random() < 0.5:
                args["confirmer"] = chance.choice((BANK, *HOMES.values()))
        return "funds", "transfer", args, {}

    def _home(self) -> tuple[str, str] | None:
        """Area and a person that the sender is the bureau of; None for everybody else."""
        areas = [area for area, bureau in HOMES.items() if bureau == self.sender]
        people = [p for p in PEOPLE if p.split(":")[1] in areas]
        return (areas[0], self.chance.choice(people)) if people else None

    def _own(self, account: str) -> bool:
        """Whether the sender has something to do with an account: its area is in the name."""
        region = self.sender.partition(":")[2]
        return region.removesuffix("00") in account

    def _of_transfer(self, method: str) -> Planned:
        known = self.pending[-12:] if self.chance.random() < 0.8 else self.transfers
        return "funds", method, {"transfer": self._id(known, 0.0, "t")}, {}

    def post(self) -> Planned:
        return self._of_transfer("post")

    def void(self) -> Planned:
        return self._of_transfer("void")

    def lapse(self) -> Planned:
        return self._of_transfer("lapse")

    def hold(self) -> Planned:
        args = {"institution": self.chance.choice(HOSPITALS), "reason": "audit",
                "until_ms": self.now_ms + 100_000}  # fmt: skip
        return "funds", "hold", args, {}

    def release(self) -> Planned:
        return "funds", "release", {"institution": self.chance.choice(HOSPITALS)}, {}

    def _counter_args(self) -> dict[str, Value]:
        person = self._person()
        return {
            "person": person,
            "scheme": PEOPLE.get(person, ("310",))[0],
            "year": 2025,
            "as_of_ms": 0,
        }

    def feed(self) -> Planned:
        local = sha256(bytes([self.chance.randint(0, 6)])).digest()
        name = self.chance.choice(("pool_fen", "deductible_fen", "odd_fen"))
        args = self._counter_args() | {"local": local, "settled_ms": 0}
        return "counters", "feed", args, {"person": {"deltas": {name: self._amount()}}}

    def unfeed(self) -> Planned:
        local = sha256(bytes([self.chance.randint(0, 6)])).digest()
        return "counters", "unfeed", self._counter_args() | {"local": local}, {}

    def open_year(self) -> Planned:
        deltas: Value = {"deltas": {"pool_fen": self._amount()}}
        return "counters", "open", self._counter_args(), {"person": deltas}

    def file(self) -> Planned:
        args = {"filing": self._transfer(0.9), "person": self._person(),
                "type": "referral", "care_region": "440100", "channel": "window",
                "effective_from": DAY}  # fmt: skip
        return "filing", "submit", args, {}
