"""``claim.*``: visits, charge lines, settlement and reversal, decided once more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.model import rules
from tests.simulation.model.beds import Beds, Lying
from tests.simulation.model.book import Leg, Refused
from tests.simulation.model.outcome import Asked, Told, World, add_up, covers, require, require_own
from tests.simulation.model.rules import Decision

INSTITUTIONS = ("hospital", "pharmacy")
SENDERS: dict[str, tuple[str, ...]] = {
    "register": (), "cancel": (), "lines": (), "withdraw_lines": (),
    "settle": ("operator", "clerk", "doctor"), "estimate": ("operator", "clerk", "doctor"),
    "reverse": ("operator", "clerk", "finance"),
}  # fmt: skip
"""Posts that may call; empty: all of an institution."""
YEAR = 2025
"""All care of the world is of this year, and all policies count by the calendar's."""


@dataclass
class Claim:
    """A visit and what became of it."""

    institution: str
    state: str
    registered: bytes = b""
    person: str = ""
    care_kind: str = ""
    admission: str = ""
    emergency: bool = False
    overlap: str = ""
    """The reason that was named why the person may lie in two beds."""
    uploads: dict[int, tuple[bytes, list[list[Any]]]] = field(default_factory=dict)
    settled: bytes = b""
    decision: Decision | None = None
    legs: list[Leg] = field(default_factory=list)
    reversal: str = ""
    reverses: str = ""
    """Of the record of a reversal: the claim. Its ``registered`` is then the reversal's call."""


class Claims:
    """All claims by id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.claims: dict[str, Claim] = {}
        self.beds = Beds()

    def judge(self, asked: Asked) -> Told:
        """Raises ``Refused``."""
        posts = SENDERS[asked.method]
        require(asked.kind in INSTITUTIONS, "sender.kind")
        require(not posts or asked.post in posts, "sender.post")
        told: Told = getattr(self, f"_{asked.method}")(asked)
        return told

    def _find(self, claim_id: str) -> Claim | None:
        known = self.claims.get(claim_id)
        require(known is None or not known.reverses, "claim.is-reversal")
        return known

    def _load(self, asked: Asked) -> Claim:
        known = self._find(asked.args["claim"])
        if known is None:
            raise Refused("claim.not-found")
        require(known.institution == asked.sender, "claim.not-yours")
        return known

    # --- Before the bill ----------------------------------------------------------------------

    def _register(self, asked: Asked) -> Told:
        require_own(asked, asked.args["claim"])
        args, visit = asked.args, asked.args["visit"]
        known = self._find(args["claim"])
        if known is not None:
            same = known.institution == asked.sender and known.registered == asked.same
            require(same, "claim.duplicate-id")
            return Told(answer={"state": "registered"})
        require(visit["admission"] <= asked.today, "claim.dates")
        self._check_person(visit["person"])
        emergency = asked.content["visit"].get("emergency", False)
        require(not emergency or asked.post == "doctor", "claim.emergency-post")
        require(emergency or asked.post in ("operator", "clerk"), "claim.presence-post")
        claim = Claim(
            asked.sender, "registered", asked.same, visit["person"], visit["care_kind"],
            visit["admission"], emergency, visit.get("overlap", ""),
        )  # fmt: skip
        if claim.care_kind == "inpatient":
            lying = _lying(args["claim"], claim, "")
            self.beds.check(claim.person, lying)
            self.beds.put(claim.person, lying)
        self.claims[args["claim"]] = claim
        return Told(answer={"state": "registered"})

    def _check_person(self, person: str) -> None:
        require(person in self.world.facts.people, "enrolment.unknown-person")

    def _cancel(self, asked: Asked) -> Told:
        claim = self._load(asked)
        require(claim.state in ("registered", "open"), "claim.wrong-state")
        claim.state, claim.uploads = "reversed", {}
        self.beds.leave(claim.person, asked.args["claim"])
        return Told(answer={"state": "reversed"})

    def _lines(self, asked: Asked) -> Told:
        claim, upload = self._load(asked), asked.args["upload"]
        rows = asked.content["lines"]
        told = Told(answer={"lines": len(rows), "total_fen": sum(row[5] for row in rows)})
        if upload in claim.uploads:
            require(claim.uploads[upload][0] == asked.same, "claim.duplicate-id")
            return told
        require(claim.state in ("registered", "open"), "claim.wrong-state")
        self._check_amounts(rows)
        claim.state = "open"
        claim.uploads[upload] = asked.same, rows
        return told

    def _check_amounts(self, rows: list[list[Any]]) -> None:
        for row in rows:
            require(rules.amount_of(row[3], row[4]) == row[5], "claim.line-amount")

    def _withdraw_lines(self, asked: Asked) -> Told:
        claim = self._load(asked)
        require(claim.state == "open", "claim.wrong-state")
        require(asked.args["upload"] in claim.uploads, "claim.upload-not-found")
        del claim.uploads[asked.args["upload"]]
        return Told(answer={"lines": sum(len(rows) for _, rows in claim.uploads.values())})

    # --- The bill -----------------------------------------------------------------------------

    def _settle(self, asked: Asked) -> Told:
        require_own(asked, asked.args["claim"])
        claim_id = asked.args["claim"]
        known = self._find(claim_id)
        if known is not None and known.settled:
            same = known.institution == asked.sender and known.settled == asked.same
            require(same, "claim.duplicate-id")
            assert known.decision is not None, "it is settled"
            return Told(answer=_answer(known.decision))
        claim, rows = self._bind(asked, known)
        decision = self._decide(asked, claim, rows)
        legs = self._legs(claim, decision)
        scheme = self.world.facts.people[claim.person][0]
        key = claim.person, scheme, YEAR
        # Both or neither: counters are looked at before the money moves, and refuse after it.
        before = dict(self.world.book.balances)
        self.world.book.post(legs)
        try:
            after = add_up(self.world.counters.get(key, {}), decision.counters, 1)
        except Refused:
            self.world.book.balances = before
            raise
        self.world.counters[key] = after
        if claim.care_kind == "inpatient":
            self.beds.put(claim.person, self._lying_until(asked, claim))
        claim.state, claim.settled, claim.uploads = "settled", asked.same, {}
        claim.decision, claim.legs = decision, legs
        self.claims[claim_id] = claim
        return Told(decision.amounts(), legs, f"claim/{claim_id}", _answer(decision))

    def _estimate(self, asked: Asked) -> Told:
        require_own(asked, asked.args["claim"])
        claim, rows = self._bind(asked, self._find(asked.args["claim"]))
        decision = self._decide(asked, claim, rows)
        return Told(decision.amounts(), answer=_answer(decision) | {"state": "estimate"})

    def _bind(self, asked: Asked, known: Claim | None) -> tuple[Claim, list[list[Any]]]:
        """The claim (a copy of a known one) and all its lines."""
        args, content = asked.args, asked.content or {}
        clinical, given = content.get("visit"), args.get("visit")
        require(known is None or known.state in ("registered", "open"), "claim.wrong-state")
        if known is None:
            require(given is not None, "claim.not-found")
            require(clinical is not None, "claim.clinical-missing")
            claim = Claim(asked.sender, "", b"", given["person"], given["care_kind"],
                          given["admission"], overlap=given.get("overlap", ""))  # fmt: skip
        else:
            require(given is None, "claim.visit-given-twice")
            claim = Claim(**{**vars(known), "uploads": dict(known.uploads)})
        told = claim.emergency
        if clinical is not None:
            claim.emergency = clinical.get("emergency", False)
        require(claim.admission <= args["discharge"] <= asked.today, "claim.dates")
        require(claim.institution == asked.sender, "claim.not-yours")
        self._check_person(claim.person)
        doctors = asked.post == "doctor"
        require(doctors or told or not claim.emergency, "claim.emergency-post")
        new = content.get("lines", [])
        self._check_amounts(new)
        if known is None:
            seen = asked.post in ("operator", "clerk") or (doctors and claim.emergency)
            require(seen, "claim.presence-post")
        rows = [row for _, kept in claim.uploads.values() for row in kept] + new
        require(rows, "claim.no-lines")
        require(len({row[0] for row in rows}) == len(rows), "claim.duplicate-line")
        for row in rows:
            require(claim.admission <= row[2] <= args["discharge"], "claim.line-date")
        require(sum(row[5] for row in rows) == args["total_fen"], "claim.total-differs")
        return claim, rows

    def _decide(self, asked: Asked, claim: Claim, rows: list[list[Any]]) -> Decision:
        facts = self.world.facts
        scheme, has_account = facts.people[claim.person]
        account = None
        if asked.args.get("use_account"):
            name = f"person:{claim.person}:account"
            account = self.world.book.available(name, "310200") if has_account else 0
        emergency = claim.emergency or claim.care_kind in ("emergency", "emergency_rescue")
        for row in rows:
            item = facts.items.get(row[1])
            outside = item is None or item.item_class == "03"
            require(emergency or row[8] or not outside, "claim.consent-missing")
        case = rules.Case(
            rules.split(facts, rows), claim.care_kind, claim.emergency,
            self._filing(claim, asked, emergency=emergency),
            self.world.counters.get((claim.person, scheme, YEAR), {}),
        )  # fmt: skip
        area = claim.person.split(":")[1]
        decision = rules.decide(facts.policies[area, scheme], case, account)
        if claim.care_kind == "inpatient":
            self.beds.check(claim.person, self._lying_until(asked, claim))
        return decision

    def _lying_until(self, asked: Asked, claim: Claim) -> Lying:
        """The stay as this bill ends it. What was told at admission explains it first."""
        lying = _lying(asked.args["claim"], claim, asked.args["discharge"])
        begun = self.beds.find(claim.person, lying.claim)
        return replace(lying, reason=begun.reason) if begun and begun.reason else lying

    def _filing(self, claim: Claim, asked: Asked, *, emergency: bool) -> str:
        """Whether some filing covers the stay: ``none`` or its type."""
        area, care = claim.person.split(":")[1], self.world.facts.organisations[asked.sender][1]
        if covers(area, care):
            return "none"
        for filing in self.world.filings.values():
            reached = filing["from"] <= claim.admission or (
                claim.admission <= filing["on"] and filing["from"] <= asked.args["discharge"]
            )
            own = filing["person"] == claim.person and covers(filing["region"], care)
            if own and filing["status"] == "approved" and reached:
                return str(filing["type"])
        return "emergency" if emergency else "none"

    def _legs(self, claim: Claim, decision: Decision) -> list[Leg]:
        area = claim.person.split(":")[1]
        home = area[:2] + "0000"
        care = self.world.facts.organisations[claim.institution][1][:2] + "0000"
        payers = [(f"fund:{area}", f, n) for f, n in decision.payments if f != rules.WAIVER]
        if decision.account_fen:
            payers.append((f"person:{claim.person}:account", "310200", decision.account_fen))
        legs: list[Leg] = []
        for payer, fund, amount in payers:
            legs.append((payer, fund, -amount))
            if home != care:
                legs.append((f"clearing:{home}->{care}", fund, amount))
                legs.append((f"receivable:{home}->{care}", fund, -amount))
            legs.append((f"payable:{claim.institution}", fund, amount))
        borne = [("hospital_share", f, n) for f, n in decision.payments if f == rules.WAIVER]
        borne += [("patient", "cash", decision.cash_fen)] * (decision.cash_fen > 0)
        for word, fund, amount in borne:
            legs.append((f"{word}:{claim.institution}", fund, -amount))
            legs.append((f"income:{claim.institution}", fund, amount))
        return legs

    def _reverse(self, asked: Asked) -> Told:
        require_own(asked, asked.args["reversal"])
        claim, reversal = self._load(asked), asked.args["reversal"]
        known, decision = self.claims.get(reversal), claim.decision
        if known is not None:
            same = known.reverses and known.registered == asked.same
            require(same, "claim.duplicate-id")
            return Told(answer={"state": "reversed"})
        require(claim.state == "settled", "claim.wrong-state")
        assert decision is not None, "it is settled"
        legs = [(account, fund, -amount) for account, fund, amount in reversed(claim.legs)]
        key = claim.person, self.world.facts.people[claim.person][0], YEAR
        after = add_up(self.world.counters.get(key, {}), decision.counters, -1)
        self.world.book.post(legs)
        self.world.counters[key] = after
        claim.state, claim.reversal = "reversed", reversal
        self.beds.leave(claim.person, asked.args["claim"])
        self.claims[reversal] = Claim(
            asked.sender, "reversal", asked.same, reverses=asked.args["claim"]
        )
        amounts = {
            name: -value
            for name, value in decision.amounts().items()
            if name not in ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
        }
        return Told(amounts, legs, f"claim/{reversal}", {"state": "reversed"})


def _lying(claim_id: str, claim: Claim, discharge: str) -> Lying:
    reason = claim.overlap or ("emergency" if claim.emergency else "")
    return Lying(claim_id, claim.admission, discharge, reason)


def _answer(decision: Decision) -> dict[str, Any]:
    names = ("total_fen", "funds_fen", "hospital_share_fen", "person_fen", "account_fen",
             "cash_fen")  # fmt: skip
    told = decision.amounts()
    return {"state": "settled"} | {name: told[name] for name in names}
