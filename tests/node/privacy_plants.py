"""What is planted, and how: words of a patient's case, through every door, sound and spoilt."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from contracts.api import Value
from node.ledger import codec
from tests.contracts.settlement.claim_world import DAY, line, visit
from tests.contracts.settlement.cover_world import INSURER, PRODUCT, TWO_DEDUCTIBLES
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    key_of,
)
from tests.node.api.asgi import Reply
from tests.node.api.real import NodeWorld, Outcome, reader
from tests.node.canaries import Search

OCTETS, JSON = "application/octet-stream", "application/json"
CODE, LOCAL, LINE_NUMBER, DOCTOR = "XCANARYCODE01", "CANARY-LOCAL-07", "770011223344", "DCANARY0001"
DIAGNOSIS, CHINESE, DISEASE = "CANARY-C34.900", "恶性肿瘤金丝雀", "canarydisease"
BIRTH, SPELL, PERIOD = "1931-03-17", "2011-07-19", "2009-11-23"
CATEGORY, IDENTITY, REASON = "veteran_cadre", "canary_identity", "lent the canary's card"
COUNTER, NOTE, PAPER_KIND = "canary_counter", "note on a canary", "canary_certificate"
GROUP, STATEMENT = "CANARYGROUP-XS19", "the canary was treated twice"
LINK, PAPER = sha256(b"canary link").digest(), sha256(b"canary paper").digest()
PHONE_KEY, NEXT_PHONE_KEY = key_of("phone", "canary"), key_of("phone", "canary 2")
PERSON = "p:430100:9c"
HEIR = sha256(b"canary heir").digest()
LIABLE = sha256(b"canary driver").digest()
TRACE = "84019900000000000077"
BORN = "2025-06-08"
DEPARTMENT = "CANARYDEPT.A03"
COVERED = "2003-02-19"
"""Since when the person holds a commercial product."""

WORDS: dict[str, bytes | str] = {
    "code": CODE, "local code": LOCAL, "line number": LINE_NUMBER, "practitioner": DOCTOR,
    "diagnosis": DIAGNOSIS, "diagnosis in Chinese": CHINESE, "disease": DISEASE, "birth": BIRTH,
    "spell": SPELL, "period": PERIOD, "category": CATEGORY, "identity type": IDENTITY,
    "reason": REASON, "counter": COUNTER, "note": NOTE, "kind of paper": PAPER_KIND, "link": LINK,
    "paper": PAPER, "trace code": TRACE, "covered": COVERED, "phone key": PHONE_KEY,
    "next phone key": NEXT_PHONE_KEY, "department": DEPARTMENT, "group": GROUP,
    "statement": STATEMENT, "heir": HEIR, "liable party": LIABLE,
}  # fmt: skip

PERSONAL = {
    "link": LINK, "scheme": "310", "sex": "male", "birth": BIRTH, "account": True,
    "insured": [{"from": PERIOD, "status": "insured"}], "phone_key": PHONE_KEY, "from": SPELL,
    "category": CATEGORY, "identity_types": [IDENTITY],
    "entitlements": [{"disease": DISEASE, "from": SPELL}],
}  # fmt: skip
CLINICAL = {"diagnoses": [DIAGNOSIS, CHINESE], "chronic_disease": DISEASE, "trauma": True,
            "third_party": True}  # fmt: skip
PAPERS = {"materials": [{"kind": PAPER_KIND, "sha256": PAPER}], "note": NOTE}


def canary_line(**change: Any) -> list[Any]:
    """A line that no catalogue has, with the patient's consent; columns ``f0`` to ``f10``."""
    row = [*line(1, CODE, 12_345, consent=True), DEPARTMENT]
    row[0], row[7] = LINE_NUMBER, DOCTOR
    for column, value in change.items():
        row[int(column[1:])] = value
    return row


@dataclass
class Planted:
    """The node after all plants, and everything that it said meanwhile."""

    world: NodeWorld
    folder: Path
    logs: StringIO
    search: Search
    replies: list[tuple[str, str, Reply]] = field(default_factory=list)
    methods: set[tuple[str, str]] = field(default_factory=set)
    """Methods with attachments that were used."""


class Planter:
    """Sends what is planted: sound, in both forms of the body, and spoilt."""

    def __init__(self, world: NodeWorld, planted: Planted) -> None:
        self.world, self.planted = world, planted

    def sound(
        self, sender: str, contract: str, method: str, args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None, post: str = "checker", code: str = "",
    ) -> Outcome:  # fmt: skip
        """A call whose outcome has this code; ``""``: it succeeds."""
        if attachments is not None:
            self.planted.methods.add((contract, method))
        outcome = self.world.call(sender, contract, method, args, attachments, post)
        assert outcome.code == code, (contract, method, outcome.reply)
        return outcome

    def spoilt(
        self, sender: str, contract: str, method: str, args: Mapping[str, Value],
        attachments: Mapping[str, Value], post: str = "checker",
    ) -> None:  # fmt: skip
        """The same call in every way in which a transaction around it can be wrong."""
        [(audience, content)] = attachments.items()
        made = self.world.make(sender, contract, method, args, attachments, post)
        body, signature, [[blind, plain]] = codec.decode(made.encode())
        inadmissible = [
            [body, signature, []],
            [body, signature, [[blind, plain + b"\x00"]]],
            [body, signature, [[blind, plain], [blind, plain]]],
            [body, bytes(64), [[blind, plain]]],
            [body + b"\x00", signature, [[blind, plain]]],
            [body, signature, [[blind, [content]]]],
        ]
        wires = [codec.encode(value) for value in inadmissible]
        wires += [made.encode()[:-3], made.encode() + b"\x00", plain]
        for wire in wires:
            reply = self.world.api.post("/v1/transactions", wire, OCTETS)
            assert reply.status == 400
        for key in ("transaction", DIAGNOSIS):
            text = base64.b64encode(wires[0]).decode()
            reply = self.world.api.post(
                "/v1/transactions", json.dumps({key: text, CHINESE: DISEASE}).encode(),
                JSON,
            )  # fmt: skip
            assert reply.status in (400, 422)
        broken = json.dumps({"transaction": content_text(content)}).encode()
        for data in (broken, broken[:-5], b"{" + broken):
            reply = self.world.api.post("/v1/transactions", data, JSON)
            assert reply.status in (400, 422)
        misfits: list[tuple[str, Value]] = [
            ("everybody", content), (audience, [content]), (audience, {"all": content}),
            (audience, {**content, DIAGNOSIS: CHINESE}), (audience, repr(content)),
        ]  # fmt: skip
        for to, value in misfits:
            outcome = self.world.call(sender, contract, method, args, {to: value}, post)
            assert outcome.code in ("args.attachment", "args.shape")

    def estimated(self, bill: dict[str, Any], content: dict[str, Any]) -> None:
        """An estimate in both forms of the body, which is no transaction, and spoilt ones."""
        who, api = reader(HOSPITAL, "operator"), self.world.api
        self.planted.methods.add(("claim", "estimate"))
        attached = base64.b64encode(codec.encode(content)).decode()
        call = {
            "contract": "claim",
            "method": "estimate",
            "args": bill,
            "attachments": [{"audience": "settlement", "content": attached}],
        }
        canonical = codec.encode(
            ["claim", "estimate", bill, [["settlement", bytes(32), codec.encode(content)]]]
        )
        path = "/v1/estimate"
        assert api.post(path, json.dumps(call).encode(), JSON, who).status == 200
        assert api.post(path, canonical, OCTETS, who).status == 200
        spoilt: list[tuple[bytes, str]] = [
            (canonical[:-4], OCTETS),
            (codec.encode(["claim", "estimate", bill, [["settlement", content]]]), OCTETS),
            (json.dumps(call | {"attachments": content}).encode(), JSON),
            (json.dumps(call | {DIAGNOSIS: CHINESE}).encode(), JSON),
            (json.dumps(call | {"attachments": [{"audience": DIAGNOSIS * 9, "content": CODE}]})
             .encode(), JSON),
            (json.dumps(content).encode(), JSON),
            (json.dumps(content).encode()[:-2], JSON),
            (json.dumps(content).encode(), "text/plain"),
        ]  # fmt: skip
        for data, media in spoilt:
            assert api.post(path, data, media, who).status in (400, 415, 422), data
        misfit = call | {
            "attachments": [
                {
                    "audience": "settlement",
                    "content": base64.b64encode(codec.encode([content])).decode(),
                }
            ]
        }
        reply = api.post(path, json.dumps(misfit).encode(), JSON, who)
        assert reply.json()["receipt"]["code"] == "args.shape"


def content_text(content: Any) -> str:
    """An attachment's content as a careless client would put it into JSON."""
    return json.dumps(content, ensure_ascii=False, default=lambda value: value.hex())


def plant_people(plant: Planter) -> None:
    """Enrolment, its changes and its end; counters; filings."""
    at_home: dict[str, Any] = {"sender": BUREAU_CHANGSHA, "contract": "enrolment"}
    plant.sound(
        **at_home, method="enrol", args={"person": PERSON}, attachments={"person": PERSONAL}
    )
    plant.spoilt(**at_home, method="enrol", args={"person": "p:430100:9d"},
                 attachments={"person": PERSONAL})  # fmt: skip
    plant.sound(**at_home, method="enrol", args={"person": "p:430100:9e"},
                attachments={"person": PERSONAL}, code="enrolment.insured-elsewhere")  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("args.shape", {"birth": DIAGNOSIS}), ("args.shape", {"category": CHINESE}),
        ("args.shape", {"identity_types": [IDENTITY, IDENTITY]}),
        ("args.shape", {"identity_types": [DIAGNOSIS * 9]}),
        ("args.shape", {"link": LINK + b"x"}), ("args.shape", {"insured": [{"from": BIRTH + "x"}]}),
        ("args.shape", {"phone_key": PHONE_KEY[:32]}),
        ("enrolment.phone-key", {"phone_key": b"\x09" + LINK, "link": PAPER}),
        ("enrolment.periods", {"insured": [{"from": SPELL, "to": PERIOD, "status": "insured"}],
                               "link": PAPER}),
    ]  # fmt: skip
    for code, change in wrong:
        plant.sound(**at_home, method="enrol", args={"person": "p:430100:9f"},
                    attachments={"person": PERSONAL | change}, code=code)  # fmt: skip
    birth = {"person": {"birth": BORN, "sex": "male", "paper": PAPER}}
    under: dict[str, Any] = {"sender": BUREAU_CHANGSHA, "contract": "newborn", "method": "register"}
    plant.spoilt(**under, args={"person": "p:430100:9b", "mother": PERSON}, attachments=birth)
    plant.sound(**under, args={"person": "p:430100:9b", "mother": PERSON}, attachments=birth,
                code="newborn.mother")  # fmt: skip
    change = {
        "phone_key": NEXT_PHONE_KEY,
        "entitlements": PERSONAL["entitlements"],
        "attributes": {"from": DAY, "category": CATEGORY, "identity_types": [IDENTITY]},
    }
    plant.sound(**at_home, method="update", args={"person": PERSON, "revision": 2},
                attachments={"person": change})  # fmt: skip
    plant.spoilt(**at_home, method="update", args={"person": PERSON, "revision": 3},
                 attachments={"person": change})  # fmt: skip
    deltas = {"deltas": {COUNTER: 77}}
    counted = {"person": PERSON, "scheme": "310", "year": 2025, "as_of_ms": 0}
    for method, more in (("open", {}), ("feed", {"local": bytes(32), "settled_ms": 0})):
        plant.sound(BUREAU_CHANGSHA, "counters", method, counted | more, {"person": deltas})
        plant.spoilt(BUREAU_CHANGSHA, "counters", method, counted | more, {"person": deltas})
    for wrong_deltas in ({COUNTER: -1}, {COUNTER: DIAGNOSIS}, {DIAGNOSIS: (1.5).__int__() - 9}):
        plant.sound(BUREAU_CHANGSHA, "counters", "feed",
                    counted | {"local": bytes(31) + b"1", "settled_ms": 0},
                    {"person": {"deltas": wrong_deltas}}, code="args.shape")  # fmt: skip


def plant_filings(plant: Planter) -> None:
    """Every step of a filing with papers."""
    filed = {"type": "referral", "care_region": "440100", "channel": "window",
             "effective_from": DAY}  # fmt: skip
    steps: list[tuple[str, dict[str, Any]]] = [
        ("submit", {"filing": "430100f9", "person": PERSON, "on_commitment": False, **filed}),
        ("decide", {"filing": "430100f9", "version": 2, "decision": "approve"}),
        ("change", {"filing": "430100f9", "version": 3, **filed}),
        ("decide", {"filing": "430100f9", "version": 4, "decision": "approve"}),
    ]
    for method, args in steps:
        plant.sound(BUREAU_CHANGSHA, "filing", method, args, {"filing": PAPERS})
        plant.spoilt(BUREAU_CHANGSHA, "filing", method, args, {"filing": PAPERS})
    plant.sound(BUREAU_CHANGSHA, "filing", "confirm", {"filing": "430100f9", "version": 5},
                {"filing": PAPERS}, code="filing.not-provisional")  # fmt: skip
    cancelled = {"filing": "430100f10", "version": 3, "last_day": DAY}
    plant.sound(BUREAU_CHANGSHA, "filing", "submit",
                {"filing": "430100f10", "person": ALICE, **filed}, {"filing": PAPERS})  # fmt: skip
    plant.sound(
        BUREAU_CHANGSHA,
        "filing",
        "decide",
        {"filing": "430100f10", "version": 2, "decision": "approve"},
        {"filing": PAPERS},
    )
    plant.sound(BUREAU_CHANGSHA, "filing", "cancel", cancelled, {"filing": PAPERS})


def plant_cover(plant: Planter) -> None:
    """A product that the person holds and has authorised: every claim that follows asks it."""
    desk: dict[str, Any] = {"sender": INSURER, "contract": "cover"}
    plant.sound(**desk, method="deploy", args={
        "product": PRODUCT, "effective_from": "2020-01-01", "pays": "at_once",
        "source": TWO_DEDUCTIBLES,
    })  # fmt: skip
    held = {"product": PRODUCT, "person": PERSON}
    for method, period in (("sound", {"from": COVERED}), ("spoilt", {"from": COVERED})):
        getattr(plant, method)(**desk, method="enrol", args=held, attachments={"cover": period})
    plant.sound(**desk, method="enrol", args=held, code="cover.dates",
                attachments={"cover": {"from": SPELL, "to": COVERED}})  # fmt: skip
    plant.sound(
        BUREAU_CHANGSHA, "cover", "authorise", post="clerk",
        args=held | {"scope": "lines", "to": DAY,
                     "presence": {"kind": "card", "certificate": "03"}},
    )  # fmt: skip


def plant_claims(plant: Planter) -> None:
    """A visit, a stay with its lines, refusals of every part, estimates in both forms."""
    lines = [canary_line()]
    bill = {
        "claim": "H44010000123-c-1",
        "discharge": DAY,
        "total_fen": 12_345,
        "visit": visit(PERSON),
    }
    content = {"visit": CLINICAL, "lines": lines}
    at_window: dict[str, Any] = {"sender": HOSPITAL, "contract": "claim", "post": "operator"}
    plant.sound(**at_window, method="settle", args=bill, attachments={"settlement": content})
    plant.sound(**at_window, method="reverse",
                args={"claim": "H44010000123-c-1", "reversal": "H44010000123-rc-1",
                      "reason": "wrong_bill"})  # fmt: skip
    stay = visit(PERSON, "inpatient")
    plant.sound(**at_window, method="register", args={"claim": "H44010000123-c-2", "visit": stay},
                attachments={"settlement": {"visit": CLINICAL}})  # fmt: skip
    plant.sound(**at_window, method="lines", args={"claim": "H44010000123-c-2", "upload": 1},
                attachments={"settlement": {"lines": lines}})  # fmt: skip
    plant.spoilt(**at_window, method="register", args={"claim": "H44010000123-c-3", "visit": stay},
                 attachments={"settlement": {"visit": CLINICAL}})  # fmt: skip
    plant.spoilt(**at_window, method="lines", args={"claim": "H44010000123-c-2", "upload": 2},
                 attachments={"settlement": {"lines": lines}})  # fmt: skip
    plant.spoilt(**at_window, method="settle", args=bill | {"claim": "H44010000123-c-4"},
                 attachments={"settlement": content})  # fmt: skip
    wrong: list[tuple[str, list[Any], dict[str, Any]]] = [
        ("claim.line-date", canary_line(f2="2025-06-09"), CLINICAL),
        ("claim.line-amount", canary_line(f4=20_000), CLINICAL),
        ("claim.line-unmapped", canary_line(f1="", f9=LOCAL), CLINICAL),
        ("claim.consent-missing", canary_line(f8=False), CLINICAL),
        ("args.shape", canary_line(f1=CODE * 9), CLINICAL),
        ("args.shape", canary_line(f2=DIAGNOSIS), CLINICAL),
        ("args.shape", canary_line(f3=LINE_NUMBER), CLINICAL),
        ("args.shape", canary_line(f7="a name " + DOCTOR), CLINICAL),
        ("args.shape", [*canary_line(), DIAGNOSIS], CLINICAL),
        ("args.shape", canary_line(), CLINICAL | {"diagnoses": DIAGNOSIS}),
        ("args.shape", canary_line(), CLINICAL | {"chronic_disease": DISEASE * 9}),
        ("args.shape", canary_line(), CLINICAL | {CHINESE: True}),
    ]
    for number, (code, row, clinical) in enumerate(wrong):
        plant.sound(
            **at_window,
            method="settle",
            args=bill | {"claim": f"H44010000123-w{number}"},
            attachments={"settlement": {"visit": clinical, "lines": [row]}},
            code=code,
        )
    chronic = bill | {"claim": "H44010000123-c-5", "visit": visit(PERSON, "chronic")}
    plant.sound(**at_window, method="settle", args=chronic, attachments={"settlement": content},
                code="claim.switch-off")  # fmt: skip
    plant.estimated(bill | {"claim": "H44010000123-c-6"}, content)


def plant_after_payment(plant: Planter) -> None:
    """A bill that was paid first, its papers; a pack that was sold and came back."""
    desk: dict[str, Any] = {
        "sender": BUREAU_CHANGSHA, "contract": "reimbursement", "post": "clerk",
    }  # fmt: skip
    invoice = {"code": "044", "number": "7", "total_fen": 12_345, "hash": bytes(32)}
    bill = {
        "reimbursement": "430100z1", "person": PERSON, "place": {"region": "440100"},
        "care_kind": "outpatient", "admission": DAY, "discharge": DAY, "total_fen": 12_345,
        "invoices": [invoice], "account": bytes(32),
    }  # fmt: skip
    content = {"visit": CLINICAL, "lines": [canary_line()]}
    attached = {"reimbursement": content}
    plant.sound(**desk, method="file", args=bill, attachments=attached)
    blind = sha256(f"{plant.world.count} reimbursement".encode()).digest()
    plant.spoilt(**desk, method="file", args=bill | {"reimbursement": "430100z2"},
                 attachments=attached)  # fmt: skip
    asked = {"reimbursement": "430100z1"}
    plant.sound(**desk, method="ask", args=asked | {"papers": ["diagnosis"]})
    papers = {"reimbursement": {"materials": [{"paper": "diagnosis", "hash": PAPER}]}}
    plant.sound(**desk, method="supply", args=asked, attachments=papers)
    plant.spoilt(**desk, method="supply", args=asked, attachments=papers)
    plant.sound(**desk, method="review", args=asked | {"advice": "approve"})
    plant.sound(**desk | {"post": "checker"}, method="decide",
                args=asked | {"decision": "approve"})  # fmt: skip
    filed = {"args": codec.encode(bill), "blind": blind, "content": codec.encode(content)}
    anew: dict[str, Any] = {"args": asked | {"reason": "other"},
                            "attachments": {"reimbursement": filed}}  # fmt: skip
    plant.spoilt(**desk | {"post": "checker"}, method="again", **anew)
    plant.sound(**desk | {"post": "checker"}, method="again", **anew,
                code="reimbursement.not-more")  # fmt: skip
    pharmacy: dict[str, Any] = {"sender": HOSPITAL, "post": "operator"}
    sold = {"claim": "H44010000123-t-1", "discharge": DAY, "total_fen": 12_345,
            "visit": visit(PERSON)}  # fmt: skip
    traces = content | {"traces": [{"line": LINE_NUMBER, "code": TRACE}]}
    plant.sound(**pharmacy, contract="claim", method="settle", args=sold,
                attachments={"settlement": traces})  # fmt: skip
    codes = {"settlement": {"codes": [TRACE]}}
    back = {"claim": "H44010000123-t-1"}
    plant.spoilt(**pharmacy, contract="traces", method="give_back", args=back, attachments=codes)
    plant.sound(**pharmacy, contract="traces", method="give_back", args=back, attachments=codes)
    plant.sound(**pharmacy, contract="traces", method="give_back", args=back, attachments=codes,
                code="trace.not-of-claim")  # fmt: skip


def plant_afterwards(plant: Planter) -> None:
    """What is said of a settled bill later: lines that come back, an audit, a group of cases."""
    claim = "H44010000123-c-9"
    bill = {"claim": claim, "discharge": DAY, "total_fen": 12_345, "visit": visit(PERSON)}
    content = {"visit": CLINICAL, "lines": [canary_line()]}
    at_window: dict[str, Any] = {"sender": HOSPITAL, "contract": "claim", "post": "operator"}
    plant.sound(**at_window, method="settle", args=bill, attachments={"settlement": content})
    calls = [
        {
            "method": "settle", "args": codec.encode(bill), "content": codec.encode(content),
            "blind": sha256(f"{plant.world.count} settlement".encode()).digest(),
        }
    ]  # fmt: skip
    new = {"claim": claim, "reversal": f"{claim}-r", "replacement": f"{claim}-n"}
    again = {"settlement": {"calls": calls}}
    asked = new | {"reason": "other"}
    plant.spoilt(**at_window, method="resettle", args=asked, attachments=again)
    plant.sound(**at_window, method="resettle", args=asked, attachments=again,
                code="resettle.unchanged")  # fmt: skip
    liable = {"person": {"liable": LIABLE, "papers": [PAPER]}}
    taken_up: dict[str, Any] = {"sender": BUREAU_CHANGSHA, "contract": "recovery"}
    kept = {"recovery": "430100q1", "claim": claim, "grounds": "not_paid"}
    plant.spoilt(**taken_up, method="register", args=kept, attachments=liable)
    plant.sound(**taken_up, method="register", args=kept, attachments=liable)
    plant.sound(**taken_up, method="withdraw", args={"recovery": "430100q1"})
    back = {"calls": calls, "returns": [{"line": LINE_NUMBER, "amount_fen": 2_345}]}
    returned: dict[str, Any] = {"args": new | {"amount_fen": 2_345}}
    plant.spoilt(**at_window, method="refund", **returned, attachments={"settlement": back})
    plant.sound(**at_window, method="refund", **returned, attachments={"settlement": back})
    lines = [{"line": LINE_NUMBER, "line_fen": 10_000, "amount_fen": 1_000,
              "reason": "other", "note": NOTE}]  # fmt: skip
    audited: dict[str, Any] = {
        "contract": "audit", "method": "notice", "attachments": {"audit": {"lines": lines}},
        "args": {"deduction": "440100a1", "claim": f"{claim}-n", "amount_fen": 1_000},
        "post": "audit",
    }  # fmt: skip
    plant.spoilt(BUREAU_GUANGZHOU, **audited)
    plant.sound(BUREAU_GUANGZHOU, **audited, code="audit.not-declared")
    answered: dict[str, Any] = {
        "contract": "audit", "method": "answer", "args": {"deduction": "440100a1",
                                                          "answer": "object"},
        "attachments": {"audit": {"statement": STATEMENT}}, "post": "audit",
    }  # fmt: skip
    plant.spoilt(HOSPITAL, **answered)
    plant.sound(HOSPITAL, **answered, code="audit.not-found")
    upheld = {"lines": [{"line": LINE_NUMBER, "amount_fen": 500}]}
    decided: dict[str, Any] = {
        "contract": "audit", "method": "decide", "args": {"deduction": "440100a1",
                                                          "amount_fen": 500},
        "attachments": {"audit": upheld},
    }  # fmt: skip
    plant.spoilt(BUREAU_GUANGZHOU, **decided)
    plant.sound(BUREAU_GUANGZHOU, **decided, code="audit.not-found")
    objected: dict[str, Any] = {
        "contract": "objection", "method": "lodge", "post": "finance",
        "args": {"objection": "440000o1", "period": "2025-06", "home": "430000", "care": "440000",
                 "rows": [{"settlement": claim, "amount_fen": 1, "reason": "other"}]},
        "attachments": {"audit": {"statement": STATEMENT}},
    }  # fmt: skip
    plant.spoilt(BUREAU_GUANGDONG, **objected)
    plant.sound(BUREAU_GUANGDONG, **objected, code="clearing.period-not-found")
    said = objected | {"method": "answer", "args": {"objection": "440000o1", "how": "reject"}}
    plant.spoilt(BUREAU_GUANGDONG, **said)
    plant.sound(BUREAU_GUANGDONG, **said, code="objection.not-found")
    grouped: dict[str, Any] = {
        "contract": "provider", "method": "pay", "args": {"claim": f"{claim}-n",
                                                          "stage": "estimated"},
        "attachments": {"settlement": {"system": "drg", "code": GROUP}},
    }  # fmt: skip
    plant.spoilt(BUREAU_GUANGZHOU, **grouped)
    plant.sound(BUREAU_GUANGZHOU, **grouped, code="provider.none-in-force")


def plant_in_addresses(world: NodeWorld) -> None:
    """Words in paths, queries and headers, as a careless client would ask for them."""
    api, home = world.api, reader(BUREAU_CHANGSHA)
    chinese = "%E6%81%B6%E6%80%A7%E8%82%BF%E7%98%A4%E9%87%91%E4%B8%9D%E9%9B%80"
    for path in ("/v1/persons/", "/v1/claims/", "/v1/filings/", "/v1/accounts/", "/v1/nothing/"):
        assert api.get(path + chinese, home).status >= 400
    for query in (f"date={DIAGNOSIS}", f"claim={chinese}", f"name={chinese}", f"min_height={CODE}"):
        api.get(f"/v1/persons/{PERSON}", home, query)
    reply = api.send("GET", "/v1/status", headers={"X-Patient": DIAGNOSIS, "Signature": CODE})
    assert reply.status == 401


def plant_end(plant: Planter) -> None:
    """Suspension with a reason, and the end of an enrolment."""
    guangzhou: dict[str, Any] = {"sender": "bureau:440100", "contract": "move"}
    asked = {"move": "440100m1", "person": PERSON, "to": "p:440100:9c", "first_day": "2025-06-12"}
    plant.spoilt(**guangzhou, method="ask", args=asked, attachments={"person": {"link": LINK}})
    plant.sound(**guangzhou, method="ask", args=asked, attachments={"person": {"link": LINK}},
                post="clerk")  # fmt: skip
    plant.sound(BUREAU_CHANGSHA, "move", "agree", {"move": "440100m1", "last_day": DAY})
    plant.spoilt(**guangzhou, method="complete", args={"move": "440100m1"},
                 attachments={"person": PERSONAL})  # fmt: skip
    plant.sound(**guangzhou, method="complete", args={"move": "440100m1"}, code="move.dates",
                attachments={"person": PERSONAL})  # fmt: skip
    dates = {"person": PERSON, "revision": 3, "from": "2025-06-11"}
    reason = {"person": {"reason": REASON}}
    plant.sound(BUREAU_CHANGSHA, "enrolment", "suspend", dates, reason)
    plant.spoilt(BUREAU_CHANGSHA, "enrolment", "suspend", dates | {"revision": 4}, reason)
    ended = {"person": {"last_day": DAY, "cause": "death"}}
    plant.sound(BUREAU_CHANGSHA, "enrolment", "close", {"person": PERSON, "revision": 4}, ended)
    heirs = {"person": {"heirs": [{"heir": HEIR, "relation": "other_heir", "share_e4": 10_000}]}}
    at_home: dict[str, Any] = {"sender": BUREAU_CHANGSHA, "contract": "estate"}
    plant.sound(**at_home, method="register", args={"person": PERSON, "revision": 1},
                attachments=heirs)  # fmt: skip
    plant.spoilt(**at_home, method="register", args={"person": PERSON, "revision": 2},
                 attachments=heirs)  # fmt: skip
    plant.spoilt(BUREAU_CHANGSHA, "enrolment", "close", {"person": PERSON, "revision": 5},
                 {"person": {"last_day": DIAGNOSIS, "cause": CHINESE}})  # fmt: skip
