"""``funds.*``: deposits, transfers in one and two phases, holds."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.model.book import FIRST_WORDS, Leg, Refused, check_balanced, owner_of, word_of
from tests.simulation.model.outcome import (
    Asked,
    Told,
    World,
    covers,
    require,
    require_competent,
    require_own,
    require_sender,
)

SENDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "deposit": (("bureau",), ("finance", "clerk")), "transfer": ((), ("finance",)),
    "post": ((), ("finance", "checker")), "void": ((), ("finance", "checker")), "lapse": ((), ()),
    "hold": (("bureau",), ("finance", "audit")), "release": (("bureau",), ("finance", "audit")),
}  # fmt: skip
"""Kinds and posts that may call; empty: all."""
KINDS = {"bank": ("bank",)}
"""Kinds of organisations in an account's name; institutions for all others."""
FUND_TYPES = ("310100", "310200", "cash", "330100", "390100", "390200", "610100")


@dataclass
class Transfer:
    """A transfer beside settlements."""

    sender: str
    post: str
    same: bytes
    legs: list[Leg]
    status: str
    confirmer: str = ""
    expires_ms: int = 0


class Funds:
    """All transfers by id, and what is held."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.transfers: dict[str, Transfer] = {}
        self.holds: dict[str, int] = {}

    def judge(self, asked: Asked) -> Told:
        """Raises ``Refused``."""
        require_sender(asked, *SENDERS[asked.method])
        told: Told = getattr(self, f"_{asked.method}")(asked)
        return told

    def _is_repeated(self, asked: Asked) -> bool:
        known = self.transfers.get(asked.args["transfer"])
        if known is None:
            return False
        require(known.same == asked.same and known.sender == asked.sender, "funds.duplicate-id")
        return True

    def _deposit(self, asked: Asked) -> Told:
        args, person = asked.args, asked.args["person"]
        told = Told(answer={"status": "posted"})
        require_own(asked, args["transfer"])
        if self._is_repeated(asked):
            return told
        require(person in self.world.facts.people, "enrolment.unknown-person")
        area = person.split(":")[1]
        require_competent(asked, area)
        book = self.world.book
        was_open = person in book.opened
        book.opened.add(person)
        legs = [(f"premium:{area}", "310200", -args["amount_fen"]),
                (f"person:{person}:account", "310200", args["amount_fen"])]  # fmt: skip
        try:
            book.post(legs)
        except Refused:
            if not was_open:
                book.opened.discard(person)
            raise
        self.transfers[args["transfer"]] = Transfer(
            asked.sender, asked.post, asked.same, legs, "posted"
        )
        return Told({}, legs, args["transfer"], told.answer)

    def _transfer(self, asked: Asked) -> Told:
        require_own(asked, asked.args["transfer"])
        args = asked.args
        pending = args.get("phase", "single") == "pending"
        told = Told(answer={"status": "pending" if pending else "posted"})
        if self._is_repeated(asked):
            return told
        legs = [(p["account"], p["fund_type"], p["amount_fen"]) for p in args["postings"]]
        for _, fund_type, _ in legs:
            require(fund_type in FUND_TYPES, "funds.unknown-fund-type")
        check_balanced(legs)
        confirmer = args.get("confirmer") if pending else None
        for leg in legs:
            self._check_right(asked, leg, confirmer)
        made = Transfer(asked.sender, asked.post, asked.same, legs, told.answer["status"])
        if pending:
            require(args.get("expires_ms", 0) > asked.time_ms, "funds.expired")
            self.world.book.reserve(legs)
            made.confirmer, made.expires_ms = confirmer or asked.sender, args["expires_ms"]
        else:
            self.world.book.post(legs)
            told.legs, told.transfer = legs, args["transfer"]
        self.transfers[args["transfer"]] = made
        return told

    def _check_right(self, asked: Asked, leg: Leg, confirmer: str | None) -> None:
        """Who moves money out of an account may; who keeps it agrees to what comes in."""
        account, _, amount = leg
        word, owner = word_of(account), owner_of(account)
        require(word in FIRST_WORDS and owner, "funds.unknown-account")
        mover = FIRST_WORDS[word][1]
        require(mover != "contract", "funds.contract-only")
        if mover == "home":
            area = owner
            if word == "person":
                require(owner in self.world.facts.people, "enrolment.unknown-person")
                area = owner.split(":")[1]
            code = len(area) == 6 and area.isascii() and area.isdigit()
            require(code, "funds.unknown-account")
            self._check_bureau(asked, area, amount, confirmer)
            return
        kind, region = self.world.facts.organisations.get(owner, ("", ""))
        institutions = ("hospital", "pharmacy")
        require(kind in KINDS.get(word, institutions), "funds.unknown-account")
        if mover == "care":
            self._check_bureau(asked, region, amount, confirmer)
            self._check_held(asked, leg)
        elif asked.sender != owner:
            require(amount > 0 and kind not in institutions, "funds.not-owner")

    def _check_bureau(self, asked: Asked, region: str, amount: int, confirmer: str | None) -> None:
        if amount < 0:
            require_competent(asked, region)
            return
        if asked.kind == "bureau" and covers(asked.region, region):
            return
        kind, place = self.world.facts.organisations.get(confirmer or "", ("", ""))
        require(kind == "bureau" and covers(place, region), "funds.needs-bureau")

    def _check_held(self, asked: Asked, leg: Leg) -> None:
        if word_of(leg[0]) == "payable" and leg[2] < 0:
            held = asked.time_ms < self.holds.get(owner_of(leg[0]), 0)
            require(not held, "funds.payable-held")

    # --- The second phase ---------------------------------------------------------------------

    def _known(self, asked: Asked) -> Transfer:
        known = self.transfers.get(asked.args["transfer"])
        if known is None:
            raise Refused("funds.transfer-not-found")
        return known

    def _post(self, asked: Asked) -> Told:
        made, book = self._known(asked), self.world.book
        told = Told(answer={"status": "posted"})
        if made.status == "posted" and made.expires_ms:
            return told
        require(made.status == "pending", "funds.not-pending")
        require(asked.sender == made.confirmer, "funds.not-confirmer")
        alone = made.confirmer == made.sender and made.post == asked.post
        require(not alone, "funds.same-holder")
        require(asked.time_ms < made.expires_ms, "funds.expired")
        for leg in made.legs:
            self._check_held(asked, leg)
        reserved = dict(book.reserved)
        book.give_back(made.legs)
        try:
            book.post(made.legs)
        except Refused:
            book.reserved = reserved
            raise
        made.status = "posted"
        return Told({}, made.legs, asked.args["transfer"], told.answer)

    def _void(self, asked: Asked) -> Told:
        made = self._known(asked)
        if made.status != "voided":
            require(made.status == "pending", "funds.not-pending")
            require(asked.sender in (made.sender, made.confirmer), "funds.not-confirmer")
            self.world.book.give_back(made.legs)
            made.status = "voided"
        return Told(answer={"status": "voided"})

    def _lapse(self, asked: Asked) -> Told:
        made = self._known(asked)
        if made.status != "lapsed":
            require(made.status == "pending", "funds.not-pending")
            require(asked.time_ms >= made.expires_ms, "funds.not-expired")
            self.world.book.give_back(made.legs)
            made.status = "lapsed"
        return Told(answer={"status": "lapsed"})

    def _of_care_bureau(self, asked: Asked) -> str:
        institution = str(asked.args["institution"])
        require(institution in self.world.facts.organisations, "funds.unknown-account")
        require_competent(asked, self.world.facts.organisations[institution][1])
        return institution

    def _hold(self, asked: Asked) -> Told:
        institution = self._of_care_bureau(asked)
        require(asked.args["until_ms"] > asked.time_ms, "funds.expired")
        self.holds[institution] = asked.args["until_ms"]
        return Told()

    def _release(self, asked: Asked) -> Told:
        institution = self._of_care_bureau(asked)
        require(institution in self.holds, "funds.not-held")
        del self.holds[institution]
        return Told()
