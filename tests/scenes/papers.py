"""Scenes of papers: forged ones, and a person who is insured twice."""

from __future__ import annotations

from hashlib import sha256

from tests.scenes.country import (
    BUREAU_CHANGSHA,
    CHENGDU,
    DRUG,
    GUANGZHOU,
    Country,
    fen,
)
from tests.scenes.told import Tell, scene


@scene
def a_forged_amount(country: Country, tell: Tell) -> None:
    """A forged amount on a claim for reimbursement."""
    country.on("2025-06-02")
    person = country.enrol("forger", birth="1966-06-06")
    tell(
        "A hospital bill of 15,263.14 yuan was paid in cash. Its invoice is printed, numbered and "
        "bound by its hash."
    )
    paper = sha256(b"invoice of 15,263.14").digest()

    def ask(name: str, amount: str, digest: bytes, refused: str = "") -> None:
        total = fen(amount)
        country.say(
            BUREAU_CHANGSHA, "reimbursement", "file",
            {
                "reimbursement": name, "person": person,
                "place": {"region": GUANGZHOU, "level": 3}, "care_kind": "inpatient",
                "admission": "2025-05-10", "discharge": "2025-05-20", "total_fen": total,
                "invoices": [{"code": "044001900111", "number": "66001", "total_fen": total,
                              "hash": digest}],
                "account": sha256(b"token").digest(),
            },
            {"reimbursement": {"visit": {}, "lines": country.lines((DRUG, amount),
                                                                   day="2025-05-12")}},
            post="clerk", refused=refused,
        )  # fmt: skip

    ask("430100z1", "15263.14", paper)
    tell("The person hands it in at the home bureau, where it is taken in.")
    ask("430100z2", "105263.14", sha256(b"a digit more").digest(), refused="invoice.altered")
    tell(
        "A month later the same invoice comes again, with a digit more: 105,263.14 yuan. Number "
        "and code are those of a paper that is known with another hash, so it is refused as "
        "altered (`invoice.altered`), with both amounts for the clerk to see."
    )
    ask("430100z3", "15263.14", paper, refused="invoice.used")
    tell("The true paper a second time is refused, too (`invoice.used`): it is already in hand.")


@scene
def a_person_insured_twice(country: Country, tell: Tell) -> None:
    """A person who is insured twice."""
    country.on("2025-03-03")
    first = country.enrol("twice")
    tell("Somebody is insured in Changsha with an employer.")
    code = "enrolment.insured-elsewhere"
    country.enrol("double", area=CHENGDU, scheme="390", category="resident", account=False,
                  same_as=first, refused=code)  # fmt: skip
    tell(
        "Chengdu is about to enrol the same person as a resident. The bureaus know people by other "
        f"pseudonyms, but the centre's link token is one for each natural person: refused "
        f"(`{code}`). Chengdu is told where the other insurance is, and not who it is there."
    )
    country.say(
        BUREAU_CHANGSHA, "enrolment", "close", {"person": first, "revision": 2},
        {"person": {"last_day": "2025-03-02", "cause": "moved"}}, post="checker",
    )  # fmt: skip
    country.enrol("double", area=CHENGDU, scheme="390", category="resident", account=False,
                  same_as=first)  # fmt: skip
    tell("Once Changsha has closed the enrolment the person is insured in Chengdu, and only there.")
