"""What the reading tests read: one person, one filing, one settled claim across two provinces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from contracts.settlement.bank_order import BankOrder, OrderStage, key_of
from contracts.settlement.claim_explain import LINE_FIELDS
from contracts.settlement.clearing import declaration_record, period_record
from contracts.settlement.clearing.audit_record import Deduction, DeductionStage
from contracts.settlement.clearing.notice_record import Kind, Notice, NoticeStage
from contracts.settlement.clearing.objection_record import Objection, ObjectionStage
from contracts.settlement.clearing.payment_record import Payment, PaymentStage
from contracts.settlement.clearing.statement_record import EMPTY
from contracts.settlement.cover_record import CoverPayment, CoverStage, Product
from contracts.settlement.cover_record import Version as CoverVersion
from contracts.settlement.enrolment import Period, Person, Spell
from contracts.settlement.filing_record import APPROVED, Filing, Version, row_of
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.move_record import Move, MoveStage
from contracts.settlement.newborn_record import Newborn
from contracts.settlement.records import Claim, Settled, Visit
from contracts.settlement.recovery_record import Recovery, RecoveryStage
from contracts.settlement.reimbursement_record import Place, Reimbursement, Stage
from node.api.ports import WorkItem
from tests.node.api.world import HOSPITAL, START_MS, CallSpec, MemoryNode

PERSON, FILING, CLAIM = "p:430100:7f3a", "f-1", "m-1"
REIMBURSEMENT = "z-1"
NEWBORN, MOVE, RECOVERY = "p:430100:newborn", "510100-m-1", "430100-q-1"
PRODUCT, PAYMENT, INSURER = "insurer:one:hmb", "m-0.1", "insurer:one"
LINES: list[Any] = [
    ["1", "XJ01CRA0401", "2025-12-22", 123_450_000, 10_000, 12_345, 0, "D440100000001", False, ""]
]
POSTINGS = (
    (CLAIM, "fund:430100", "390100", -80_00),
    (CLAIM, "person:p:430100:7f3a:account", "310200", -5_00),
    (CLAIM, "clearing:430000->440000", "390100", 85_00),
    (CLAIM, "receivable:430000->440000", "390100", -85_00),
    (CLAIM, "payable:hospital:H44010000001", "390100", 85_00),
)


@dataclass(frozen=True)
class Story:
    """Names of what happened."""

    tx_id: str
    registered_tx: str
    height: int


def person() -> Person:
    return Person(
        id=PERSON, area="430100", scheme="390", sex="1", birth="1950-02-03", account=True,
        link=bytes(32), spells=(Spell("2020-01-01", "resident", ()),),
        insured=(Period("2020-01-01", None, "insured"),), holds=(), died=None, closed=None,
        revision=1, digest=bytes(32), salt=bytes(range(32)), phone_key=None,
    )  # fmt: skip


def filing() -> Filing:
    version = Version(
        number=1, status=APPROVED, type="retired_elsewhere", care_region="440100", hospital="",
        effective_from="2025-06-01", valid_to=None, submitted_ms=START_MS,
        submitted_on="2025-06-01",
        channel="app", provisional_until=None, decide_by=None, by="bureau:430100",
        holder="staff-clerk", reason="", digest=bytes(32),
    )  # fmt: skip
    return Filing(FILING, PERSON, "430100", (version,), bytes(32))


def newborn() -> Newborn:
    """The patient's own child, some days old."""
    return Newborn(
        PERSON, "2026-01-02", "male", "2026-04-02", "provisional", "", (CLAIM,), (), bytes(32),
        bytes(32),
    )  # fmt: skip


def move() -> Move:
    """The patient moves to Sichuan; Changsha has not agreed yet."""
    return Move(
        MoveStage.ASKED, PERSON, "p:510100:moved", "2026-03-01", "", "s:clerk", "", 0, 0, (), "",
        bytes(32), bytes(32), bytes(32),
    )  # fmt: skip


def recovery() -> Recovery:
    """Somebody was liable for what the patient was treated for."""
    return Recovery(
        stage=RecoveryStage.AGREED, claim=CLAIM, grounds="liable_later", liable=bytes(32),
        registrar="s:clerk", paid_first=False, demanded_fen=0, due_on="", bank="", parts=(),
        reason="", restored=(), digest=bytes(32), last=bytes(32), salt=bytes(32),
    )  # fmt: skip


def reimbursement() -> Reimbursement:
    """A bill from a hospital that takes no part: nobody but the insured place is concerned."""
    return Reimbursement(
        stage=Stage.FILED, person=PERSON, area="430100", scheme="390", agent="child",
        place=Place("", "510100", 2, "hospital"),
        visit=Visit("inpatient", "2025-12-01", "2025-12-09", False, False, False, False, ""),
        total_fen=300_000, invoices=(("044001900111", "10001"),), account=bytes(32),
        filed_on="2025-12-20", due_on="2026-01-20", asked=False, reviewer="", advice="", reason="",
        decider="", payments=(), counters=(), orders=(), digest=bytes(32), last=bytes(32),
        salt=bytes(32),
    )  # fmt: skip


AN_ORDER, AN_INSURERS_ORDER = f"{REIMBURSEMENT}/pay-1", f"cover/{PAYMENT}/o-1"


def bank_orders() -> dict[str, Any]:
    """What a bank is told to pay to persons: for an area's funds, and for an insurer."""
    made = BankOrder(
        stage=OrderStage.APPROVED, kind="reimbursement", amount_fen=9_00, payer="430100",
        account=bytes(32), due_on="2026-01-20", salt=bytes(32),
    )  # fmt: skip
    return {
        key_of("bank:icbc", AN_ORDER): made.encode(),
        key_of("bank:icbc", AN_INSURERS_ORDER): replace(
            made, kind="cover", payer=INSURER, due_on=""
        ).encode(),
    }


def cover() -> dict[str, Any]:
    """A product that the person holds and has not authorised, and what it once paid later."""
    paid = CoverPayment(
        stage=CoverStage.DUE, claim="m-0", person=PERSON, area="430100", product=PRODUCT,
        insurer=INSURER, number=1, amount_fen=7_00, account=None, orders=(), last=b"",
        salt=bytes(32),
    )  # fmt: skip
    version = CoverVersion(1, "2025-01-01", bytes(32), 1, "later")
    return {
        f"cover-product/{PRODUCT}": Product(PRODUCT, INSURER, (version,)).encode(),
        f"cover-holder/{PRODUCT}/{PERSON}": [
            "2025-01-01", None, bytes(32), 0, bytes(32)
        ],
        f"cover-payment/{PAYMENT}": paid.encode(),
        f"cover-count/{INSURER}": 1,
        f"cover-list/{INSURER}/1": PAYMENT,
    }  # fmt: skip


MONTH, NOTICE, PAID, DEDUCTION = "2026-01", "clearing:2026-01:430000:440000", "fin-1", "440100-d1"
OBJECTION = "430000-o1"


def month() -> dict[str, Any]:
    """A declared month, the pair's statement, its notice, a payment on its way, a deduction."""
    declared = replace(
        declaration_record.begin("440100"), totals={"390/390212/430100": [1, 100_00, 80_00, 5_00]},
        cells={"430100/390/390100": 80_00}, closed_on="2026-01-01", due_on="2026-01-15",
    )  # fmt: skip
    statement = replace(EMPTY, cells={"430100/390/390100": 80_00}, notice=NOTICE)
    account = "{}:430000->440000".format
    notice = Notice(
        kind=Kind.CLEARING, stage=NoticeStage.PAYING, payer="430000", payee="440000",
        cause=(MONTH, "430000", "440000"), out=((account("clearing"), "390100", -80_00),),
        into=((account("receivable"), "390100", 80_00),), issued_on="2026-01-01",
        hand_over_by="2026-01-08", due_on="2026-01-22", payment=PAID, attempts=1, paid_on="",
    )  # fmt: skip
    payment = Payment(
        stage=PaymentStage.MADE, notice=NOTICE, amount_fen=80_00, sender="finance:430100",
        bank="bank:icbc", payee_bank="bank:icbc", maker="s:1", checker="", reference="",
        value_on="", reason="", digest=b"", cause=b"",
    )  # fmt: skip
    deduction = Deduction(
        stage=DeductionStage.NOTICED, claim=CLAIM, institution=HOSPITAL, care="440100",
        area="430100", month=MONTH, amount_fen=1, auditor="s:2", noticed_on="2026-01-01",
        due_on="2026-01-08", answer="", decider="", decided_fen=0, by_fund=(), original_period="",
        period="", digest=b"",
    )  # fmt: skip
    objection = Objection(
        stage=ObjectionStage.LODGED, period=MONTH, home="430000", care="440000", side="home",
        rows=((CLAIM, 1, "other"),), cells={"430100/390/390100": 1}, places={}, holder="s:3",
        lodged_on="2026-01-01", due_on="2026-01-06", answered_by="", answered_on="",
        decided_by="", to_period="", adjusted_fen=0, digest=b"",
    )  # fmt: skip
    return {
        f"objection/{OBJECTION}": objection.encode(),
        f"declaration/{HOSPITAL}/{MONTH}": declared.encode(),
        "period": MONTH,
        f"period/{MONTH}": replace(period_record.begin(), pairs=1).encode(),
        f"period-pair/{MONTH}/0": ["430000", "440000"],
        f"statement/{MONTH}/430000/440000": statement.encode(),
        f"institution-account/{HOSPITAL}": [{"390100": 80_00}, {}, [MONTH], MONTH],
        f"payable/{HOSPITAL}": {"payable": {"390100": 85_00}},
        f"notice/{NOTICE}": notice.encode(),
        f"payment/{PAID}": payment.encode(),
        f"deduction/{DEDUCTION}": deduction.encode(),
    }


def claim(tx_id: bytes) -> Claim:
    settled = Settled(
        digest=bytes(32), tx_id=tx_id, call_index=0, time_ms=START_MS + 3_000,
        sums=(100_00, 5_00, 0, 5_00, 90_00), payments=(("390100", "fund", 80_00),),
        deductible_fen=0, account_fen=5_00, cash_fen=15_00, counters=((2026, {"used": 80_00}),),
        versions=(),
    )  # fmt: skip
    return Claim(
        state=ClaimState.SETTLED, institution=HOSPITAL, care="440100", person=PERSON,
        area="430100", scheme="390",
        visit=Visit("inpatient", "2025-12-20", "2025-12-30", False, False, False, False, ""),
        presence=("code", "01", ""), uploads=(), registered=bytes(32), settled=settled,
        reversal="", salt=bytes(32),
    )  # fmt: skip


def explanation() -> dict[str, Any]:
    """As ``claim_explain`` makes it, with little in it."""
    assert LINE_FIELDS[0] == "line"
    return {
        "claim": CLAIM, "institution": HOSPITAL, "care": "440100", "person": PERSON,
        "area": "430100", "scheme": "390", "settled_ms": START_MS + 3_000,
        "visit": {
            "care_kind": "inpatient", "admission": "2025-12-20", "discharge": "2025-12-30"
        },
        "filing": {
            "id": FILING, "version": 1, "type": "retired_elsewhere", "in_time": True, "reason": ""
        },
        "sums": {
            "total_fen": 100_00, "own_expense_fen": 5_00, "over_ceiling_fen": 0,
            "first_pay_fen": 5_00, "in_scope_fen": 90_00,
        },
        "deductible_fen": 0, "payments": [],
        "own": {
            "person_fen": 20_00, "account_fen": 5_00, "family_fen": 0, "credit_fen": 0,
            "cash_fen": 15_00, "account_limit_fen": 5_00,
        },
        "account": {"before_fen": 50_00, "after_fen": 45_00},
        "wallet": {"before_fen": 0, "after_fen": 0},
        "counters": [[2026, "used_fen", 0, 80_00]], "counters_as_of_ms": 0, "counters_as_of": "",
        "steps": [], "refusals": [], "lines": [],
        "versions": {
            "policy": {"area": "430100", "scheme": "390", "number": 1,
                       "effective_from": "2025-01-01", "hash": bytes(32)},
            "catalogue": [
                {"region": "440100", "version": "1", "effective_from": "2025-01-01",
                 "hash": bytes(32)}
            ],
        },
    }  # fmt: skip


def tell(node: MemoryNode) -> Story:
    """Let it happen: three blocks."""
    named = {
        "claim": CLAIM, "institution": HOSPITAL, "care": "440100", "person": PERSON,
        "area": "430100",
    }  # fmt: skip
    node.put(
        {
            f"person/{PERSON}": person().encode(),
            f"filing/{FILING}": filing().encode(),
            f"filings/{PERSON}": [[row_of(FILING, filing().last).encode()], bytes(32)],
            f"account/{PERSON}": {"person": {"310200": 45_00}, "salt": bytes(32)},
            f"reimbursement/{REIMBURSEMENT}": reimbursement().encode(),
            **bank_orders(),
            f"newborn/{NEWBORN}": newborn().encode(),
            f"move/{MOVE}": move().encode(),
            f"recovery/{RECOVERY}": recovery().encode(),
            "fund/430100": {"fund": {"390100": -80_00}},
            **cover(),
            **month(),
        }
    )
    node.work = {
        ("filings", "430100"): [WorkItem("2026-01-05", FILING, "pending")],
        ("ending", "430100"): [WorkItem("2026-01-05", FILING, "ends")],
        ("reimbursements", "430100"): [WorkItem("2026-01-20", REIMBURSEMENT, "filed")],
    }
    registered = node.commit(
        [CallSpec("claim", "register", {"claim": CLAIM}, events=(("claim.registered", named),))]
    )
    settled = node.commit(
        [
            CallSpec(
                "claim",
                "settle",
                {"claim": CLAIM},
                attachments=(("settlement", {"lines": LINES}),),
                answer={"claim": CLAIM},
                events=(("claim.settled", named),),
                postings=POSTINGS,
                explanation=explanation(),
            )
        ]
    )
    node.commit([CallSpec()], writes={f"claim/{CLAIM}": claim(settled.id).encode()})
    return Story(settled.id.hex(), registered.id.hex(), 2)
