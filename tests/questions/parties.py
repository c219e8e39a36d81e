"""Questions about the parties: who may see and do what, what cannot happen twice."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.questions.asked import Asked, question
from tests.scenes.country import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    CHANGSHA,
    CHENGDU_HOSPITAL,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
    fen,
)

CLERK, CHECKER = f"{BUREAU_CHANGSHA}/clerk", f"{BUREAU_CHANGSHA}/checker"
WINDOW, BANK = f"{HOSPITAL}/operator", "bank:icbc/clerk"


def treated(country: Country, name: str = "patient", **given: Any) -> tuple[str, str]:
    """Somebody of Changsha with a filing, and a settled visit in Guangzhou."""
    person = country.enrol(name)
    country.on("2025-03-03")
    country.file(person, "living_elsewhere", GUANGZHOU)
    bill = country.visit(person, (EXAMINATION, "300.00"), (DRUG, "700.00"), **given)
    return person, bill.claim


@question(5)
def which_settlement(asked: Asked) -> None:
    """Hospital says 171,239.20, bureau says 171,178.20: which settlement?"""
    country = asked.country
    person = country.enrol("patient")
    country.on("2025-03-03")
    amounts = ("61.00", "71178.20", "60000.00", "40000.00")
    claims = [country.visit(person, (DRUG, amount)).claim for amount in amounts]
    country.reverse(claims[0], "wrong_bill")
    rows = [f"{claim},{amount}" for claim, amount in zip(claims, amounts, strict=True)]
    asked.file("bills.csv", "claim,total\n" + "\n".join(rows) + "\n")
    asked.tell(
        "The hospital's list of the month is held against the ledger. Its system has missed that a "
        "bill of 61.00 was taken back:"
    )
    asked.run(f"{HOSPITAL}/finance", "claim", "reconcile", HOSPITAL, asked.folder / "bills.csv",
              "--from", "2025-03-01", "--to", "2025-03-31", code=1)  # fmt: skip
    asked.run(f"{HOSPITAL}/finance", "claim", "history", claims[0])
    asked.tell(
        "A month in the form of the national interface (3202) is compared with its declaration by "
        "`yibao declaration reconcile`."
    )


@question(7)
def who_may_read(asked: Asked) -> None:
    """Can a hospital read another hospital's patient? Can the insured place read lines?"""
    person, claim = treated(asked.country)
    asked.tell("Another hospital is told the same of a claim that exists and of one that does not:")
    asked.run(f"{CHENGDU_HOSPITAL}/operator", "claim", "show", claim, code=4)
    asked.run(f"{CHENGDU_HOSPITAL}/operator", "claim", "show", "H44010000123-s-99", code=4)
    asked.run(f"{CHENGDU_HOSPITAL}/operator", "person", "show", person, code=4)
    asked.tell("The insured place reads the lines that it pays for, and each look is written down:")
    asked.run(CLERK, "claim", "content", claim, only=("service date", "002503020030000", DRUG))
    asked.run(CLERK, "person", "looks", person)


@question(8)
def in_a_block(asked: Asked) -> None:
    """Is a personal identifier or diagnosis ever in a block? How is deletion/correction handled?"""
    country = asked.country
    clinical = {"diagnoses": ["C34.900 made up"]}
    _, claim = treated(country, clinical=clinical)
    record = country.claim(BUREAU_CHANGSHA, claim)["settled"]
    text = asked.screens.text(BUREAU_CHANGSHA, "clerk", "tx", "show", record["tx_id"], "--json")
    for word in ("C34.900", DRUG, EXAMINATION, "1980-02-29"):
        assert word not in text, word
        assert word.encode().hex() not in text, word
    asked.tell(
        "A block has a pseudonym that only the home bureau can resolve, amounts, and commitments: "
        "digests with 32 random bytes over what is attached. Diagnoses, lines, age are in the "
        "attachments. The transaction of a visit with a diagnosis, as it is on the chain:"
    )
    asked.run(CLERK, "tx", "show", record["tx_id"], "--json",
              only=('"audience"', '"commitment"', '"person"', '"total_fen"'), end=6)  # fmt: skip
    asked.tell("An attachment is erased from a node for good; the proof of the settlement holds:")
    asked.run(CLERK, "claim", "content", claim, only=("settlement  ", "diagnoses"))
    asked.tell("(with the node stopped: `yibao node erase node.toml COMMITMENT`)")
    for item in country.look(BUREAU_CHANGSHA, f"/v1/claims/{claim}/attachments")["attachments"]:
        assert country.world.node.chain.database.erase_attachment(bytes.fromhex(item["commitment"]))
    country.world.node.reader.publish()
    asked.run(CLERK, "claim", "content", claim)
    asked.file("genesis.json", country.world.genesis_bytes.decode())
    proof = asked.folder / "claim.proof"
    asked.run(CLERK, "proof", "save", claim, "--output", proof, silent=True)
    asked.run("", "proof", "verify", proof, "--genesis", asked.folder / "genesis.json",
              only=("verified", "status", "claim ", "│ total ", "│ person "))  # fmt: skip
    asked.tell(
        "A correction is a new entry and never an edit: a person's record has revisions, a filing "
        "versions, a settlement a reversal that names it. More in "
        "[operations.md](operations.md)."
    )


@question(9)
def one_pack_twice(asked: Asked) -> None:
    """One trace code on two claims from two provinces in the same second?"""
    country = asked.country
    people = [country.enrol("first"), country.enrol("second")]
    country.on("2025-03-03")
    pack = {"line": "1", "code": "84012345600000000001"}
    calls = []
    for person, hospital in zip(people, (HOSPITAL, CHENGDU_HOSPITAL), strict=True):
        claim = country.claim_id(hospital)
        visit = {"person": person, "care_kind": "outpatient", "admission": country.today,
                 "presence": {"kind": "card", "certificate": "03"}}  # fmt: skip
        rows = country.lines((DRUG, "48.00"))
        args = {"claim": claim, "visit": visit, "discharge": country.today, "total_fen": 4_800}
        content = {"visit": {}, "lines": rows, "traces": [pack]}
        asked.file(f"{claim}.json", {"args": args, "attachments": {"settlement": content}})
        calls.append((hospital, claim))
    asked.tell(
        "Blocks are an order: also of two calls of one block one comes first. It has the pack; the "
        "other is told what kind of institution had it, and neither which nor whose it was:"
    )
    (first, one), (second, other) = calls
    asked.run(f"{first}/operator", "claim", "settle", asked.folder / f"{one}.json",
              only=("status", "total", "code"))  # fmt: skip
    asked.run(f"{second}/operator", "claim", "settle", asked.folder / f"{other}.json", code=1,
              only=("status", "code", "compared", "reason", "next"))  # fmt: skip


@question(10)
def told_twice(asked: Asked) -> None:
    """A bank confirms a transfer twice?"""
    country = asked.country
    person = country.enrol("payer")
    country.on("2025-03-03")
    name, total = "430100z1", fen("2000.00")
    country.say(
        BUREAU_CHANGSHA, "reimbursement", "file",
        {
            "reimbursement": name, "person": person, "place": {"region": GUANGZHOU, "level": 3},
            "care_kind": "outpatient", "admission": "2025-03-01", "discharge": "2025-03-01",
            "total_fen": total, "account": sha256(b"token").digest(),
            "invoices": [{"code": "044001900111", "number": "1", "total_fen": total,
                          "hash": sha256(b"paper").digest()}],
        },
        {"reimbursement": {"visit": {}, "lines": country.lines((DRUG, "2000.00"),
                                                               day="2025-03-01")}},
        post="clerk",
    )  # fmt: skip
    step = {"reimbursement": name}
    country.say(BUREAU_CHANGSHA, "reimbursement", "review", step | {"advice": "approve"},
                post="clerk")  # fmt: skip
    country.say(BUREAU_CHANGSHA, "reimbursement", "decide", step | {"decision": "approve"},
                post="checker")  # fmt: skip
    country.say("finance:430100", "reimbursement", "pay",
                step | {"payment": "pay-1", "bank": "bank:icbc"}, post="finance")  # fmt: skip
    told = step | {"payment": "pay-1", "reference": "B-77"}
    asked.file("paid.json", {"args": told})
    asked.tell("The first report posts; the same report again is answered and posts nothing:")
    asked.run(BANK, "reimburse", "confirm", asked.folder / "paid.json",
              only=("stage", "owed", "bank:", "Postings"))  # fmt: skip
    country.on("2025-03-04")
    asked.run(BANK, "reimburse", "confirm", asked.folder / "paid.json",
              only=("stage", "owed", "bank:", "Postings"))  # fmt: skip
    asked.file("other.json", {"args": told | {"reference": "B-78"}})
    asked.tell("Another reference for the same order is refused:")
    asked.run(BANK, "reimburse", "confirm", asked.folder / "other.json", code=1,
              only=("status", "code", "compared", "next"))  # fmt: skip


@question(11)
def who_may_rule(asked: Asked) -> None:
    """Who may publish or change a policy contract, and can an old claim still be re-run
    bit-for-bit?"""
    country = asked.country
    _, claim = treated(country)
    other = (
        'def settle(case):\n    paid = part(case["sums"]["in_scope_fen"], "10%", "basic")\n'
        '    return {"payments": [payment("310100", paid, "basic")]}\n'
    )
    asked.file("other.py", other)
    deploy = {"area": CHANGSHA, "scheme": "310", "effective_from": "2025-01-01"}
    asked.file("deploy.json", {"args": deploy | {"source": other}})
    asked.tell("The bureau that is competent for the area, by a key of post checker; nobody else:")
    for who in (f"{BUREAU_GUANGZHOU}/checker", CLERK):
        asked.run(who, "policy", "deploy", asked.folder / "deploy.json", code=1,
                  only=("status", "code", "compared"))  # fmt: skip
    asked.run(CHECKER, "policy", "deploy", asked.folder / "deploy.json",
              only=("status", "number", "hash"))  # fmt: skip
    asked.tell(
        "That one is in force for days that are past, too, and changes nothing that is settled. "
        "The old claim is decided again outside the node, by the source under the hash that its "
        "receipt names:"
    )
    asked.run(CLERK, "claim", "rerun", claim)
    asked.tell("And what the new one would have made of it:")
    asked.run(CLERK, "claim", "rerun", claim, "--policy", asked.folder / "other.py")


@question(13)
def more_than_the_bill(asked: Asked) -> None:
    """Payment larger than the bill (bad-06) - impossible?"""
    asked.file(
        "generous.py",
        'def settle(case):\n    paid = case["sums"]["total_fen"] + yuan(1)\n'
        '    return {"payments": [payment("310100", paid, "basic")]}\n',
    )
    asked.file("case.json", {"sums": {"total_fen": 100_000}})
    asked.tell(
        "The engine holds every layer to what is open when it is reached, whatever a policy "
        "answers; and the trial of a deployment finds such a policy before it is in force:"
    )
    policy = asked.folder / "generous.py"
    asked.run("", "policy", "run", policy, asked.folder / "case.json", code=1)
    asked.run("", "policy", "check", policy, "--deploy", code=1)
    deploy = {"area": CHANGSHA, "scheme": "310", "effective_from": "2025-01-01"}
    asked.file("deploy.json", {"args": deploy | {"source": policy.read_text(encoding="utf-8")}})
    asked.run(CHECKER, "policy", "deploy", asked.folder / "deploy.json", code=1,
              only=("status", "code", "compared"))  # fmt: skip
