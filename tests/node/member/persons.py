"""A ledger on which persons are to be paid: reimbursements, a payout to an heir, an insurer's part.

The people of the contracts' tests speak to a real node; a bank's member node looks on (``Desk``).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts.settlement import bank_order
from contracts.settlement.bank_order import BankOrder
from contracts.settlement.calendar import add_days, start_of_day_ms
from tests.contracts.settlement.claim_world import BED, ClaimWorld, catalogue_rows, line
from tests.contracts.settlement.cover_world import INSURER, CoverWorld
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.settlement.test_reimbursement import AFTER_PAYMENT_AT_HOME
from tests.contracts.settlement.test_reimbursement import Desk as Window
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, FINANCE, NOON_MS
from tests.node.member.desk import Desk

ACCOUNT = sha256(b"a bank account").digest()
OTHER_ACCOUNT = sha256(b"another account").digest()


class Insurer(CoverWorld):
    """Insurer, bank and patient at a world that stands already."""

    def __init__(self, claims: ClaimWorld) -> None:
        self.counter, self.world = claims, claims.world


class Persons(Desk):
    """Orders to pay persons; every one of them is given by this."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        speak: Any = self.world
        self.claims = ClaimWorld(speak, self.world.genesis.chain)
        self.claims.publish("2025.1", "2025-01-01", catalogue_rows())
        enrol(speak)
        deposit(speak, 90_000)
        self.claims.deploy("310", AFTER_PAYMENT_AT_HOME, "2025-01-01")
        self.claims.publish_home()
        self.claims.file()
        self.window, self.insurer = Window(self.claims), Insurer(self.claims)
        self.insurer.insure(pays="later")
        self._bills = self._stays = 0
        self._days: Iterator[str] = (add_days("2025-01-05", 5 * n) for n in range(20))

    def shown(self, name: str, bank: str = BANK) -> BankOrder:
        """An order as its bank sees it."""
        with self.world.node.reader.view() as view:
            return BankOrder.decode(view.state(bank_order.key_of(bank, name)))

    # --- Reimbursements -----------------------------------------------------------------------

    def approve(self) -> str:
        """A bill that is decided; gives the reimbursement."""
        self._stays += 1
        name, first = f"430100z-{self._stays}", next(self._days)
        fen = 300_000 + self._stays
        self.window.approve(
            name, total_fen=fen, invoices=[self.window.invoice(f"1000{self._stays}", fen)],
            admission=first, discharge=add_days(first, 2), account=ACCOUNT,
        )  # fmt: skip
        return name

    def pay(self, case: str, number: int = 1, *, bank: str = BANK, **given: Any) -> str:
        """An order; gives its name."""
        self.window.pay(case, f"pay-{number}", bank=bank, sender=FINANCE, **given)
        return f"{case}/pay-{number}"

    def report(self, method: str, order: str, reference: str, **given: Any) -> None:
        """The bank speaks of an order by hand, not by a statement."""
        case, _, payment = order.partition("/")
        told = {"reimbursement": case, "payment": payment, "reference": reference} | given
        self.world.do(BANK, "reimbursement", method, told, post="clerk")

    # --- Of an insurer ------------------------------------------------------------------------

    def bill(self) -> tuple[str, str]:
        """A bill of which an insurer owes the patient a part: the claim, the payment."""
        self._bills += 1
        claim = f"H44010000123-m-{self._bills}"
        self.insurer.settle(claim, own_fen=100_000)
        return claim, f"{claim}.1"

    def insurer_pays(self, payment: str, number: int = 1) -> str:
        order = {"payment": payment, "order": f"o-{number}", "bank": BANK}
        self.world.do(INSURER, "cover", "pay", order, post="finance")
        return bank_order.name_of(bank_order.COVER, payment, f"o-{number}")

    # --- A payout -----------------------------------------------------------------------------

    def inherit(self) -> str:
        """Alice dies, a bill that her account had paid is taken back: an heir is owed it."""
        claim = "H44010000123-h-1"
        self.claims.settle(claim, [line(1, BED, 100_000, quantity=2)], use_account=True)
        dead = {"person": {"last_day": self.today, "cause": "death"}}
        revision = {"person": ALICE, "revision": 2}
        self.world.do(BUREAU_CHANGSHA, "enrolment", "close", revision, attachments=dead)
        self.world.clock.ms = start_of_day_ms(add_days(self.today, 2)) + NOON_MS
        self.claims.reverse(claim)
        return f"{claim}-r:1"

    def pay_heir(self, payout: str, number: int = 1) -> str:
        name = {"payout": payout, "account": bytes([number]) * 32, "receiver": "child"}
        self.world.do(BUREAU_CHANGSHA, "payout", "name", name, post="clerk")
        order = {"payout": payout, "payment": f"430100pay{number}", "bank": BANK}
        self.world.do(BUREAU_CHANGSHA, "payout", "pay", order, post="finance")
        return bank_order.name_of(bank_order.PAYOUT, payout, f"430100pay{number}")
