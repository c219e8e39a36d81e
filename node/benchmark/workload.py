"""The made-up country: 31 provinces, 400 areas, 300 institutions, people, and bills to settle.

One claim is one ``claim.settle`` with five charge lines inline in its attachment: a retired
employee's outpatient bill elsewhere, paid by three funds (basic, large amounts, civil servants),
the personal account and cash. A stay of 50 lines goes through register, lines and settle instead.
Numbers come from counters, not from chance: two runs make the same bills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from contracts.organisations import own_prefix
from contracts.settlement import CONTRACTS
from node.ledger import crypto
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.genesis import Genesis, make_content
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    TransactionBody,
    commit,
    sign_transaction,
)
from node.ledger.types import Digest, Key, OrgId, TimeMs, Value

PROVINCES = tuple(
    f"{code}0000"
    for code in (
        11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
        50, 51, 52, 53, 54, 61, 62, 63, 64, 65,
    )
)  # fmt: skip
"""The 31 provinces (GB/T 2260)."""

VALIDATOR = "bureau:110000"
AUDITOR = "auditor:national"
LINES_OF_STAY = 50

POLICY = '''"""Made up: bands on the in-scope axis, then large amounts and civil servants."""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(100), in_scope, "deductible")
    table = [(yuan(400), "60%"), (yuan(1000), "70%"), (None, "80%")]
    basic = bands(in_scope, table, deductible, "basic")
    left = above(in_scope, deductible + basic, "left")
    large = part(left, "30%", "large_amount")
    supplement = part(above(left, large), "10%", "civil_servant")
    return {
        "payments": [
            payment("310100", basic, "basic"),
            payment("330100", large, "large_amount"),
            payment("320100", supplement, "civil_servant"),
        ],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "pool_paid_fen": basic},
    }
'''

CODES = tuple(f"XBENCH{number:017d}" for number in range(200))


@dataclass(frozen=True, slots=True)
class Signer:
    """An organisation's key."""

    organisation: OrgId
    private: crypto.PrivateKey
    key: Key

    @classmethod
    def of(cls, organisation: str, post: str) -> Signer:
        """The key of a made-up seed, the same in every run."""
        return _signer(organisation, post)


@lru_cache(maxsize=8_192)
def _signer(organisation: str, post: str) -> Signer:
    private = crypto.private_key(H("yibao/bench-seed/v1", f"{organisation}/{post}".encode()))
    return Signer(OrgId(organisation), private, crypto.public_key(private))


@dataclass(frozen=True, slots=True)
class Planned:
    """A call before it is signed, with its attachment's plain content."""

    contract: str
    method: str
    args: dict[str, Value]
    attachment: tuple[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls of one signer, for one transaction."""

    signer: Signer
    calls: Sequence[Planned]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the made-up country is."""

    persons: int = 100_000
    areas: int = 400
    institutions: int = 300


class Country:
    """All organisations, people and bills of a size, on a day."""

    def __init__(self, size: Size, now_ms: int, peers: Sequence[int] = ()) -> None:
        """``peers``: for each validator the port on loopback at which the others find it; without
        any the one validator talks to nobody."""
        self.size = size
        self.now_ms = now_ms
        seats = [f"bureau:{province}" for province in PROVINCES[: len(peers)]]
        self.peers = dict(zip(seats, peers, strict=True))
        self.validators = list(self.peers) or [VALIDATOR]
        china = datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(hours=8)
        self.today = china.date().isoformat()
        self.areas = [f"{PROVINCES[n % 31][:2]}{n // 31 + 1:02d}00" for n in range(size.areas)]
        regions = [self.areas[(n * 7) % size.areas] for n in range(size.institutions)]
        self.institutions = [f"hospital:H{area}{n:05d}" for n, area in enumerate(regions)]
        self.regions = dict(zip(self.institutions, regions, strict=True))

    # --- Founding -----------------------------------------------------------------------------

    def genesis(self) -> Genesis:
        """A genesis with the validators and the bureaus of all provinces."""
        organisations: list[dict[str, Any]] = []
        for province in PROVINCES:
            organisation = f"bureau:{province}"
            keys = [_key_record(Signer.of(organisation, post), post) for post in BUREAU_POSTS]
            record: dict[str, Any] = {"id": organisation, "kind": "bureau", "region": province}
            if organisation in self.validators:
                keys.append(_node_key(organisation, "validate"))
            if organisation in self.peers:
                keys.append(_node_key(organisation, "transport"))
                pin = crypto.tls_pin(Signer.of(organisation, "transport").key)
                port = self.peers[organisation]
                record["endpoint"] = {"host": "127.0.0.1", "port": port, "tls_pin": pin}
            organisations.append({**record, "keys": keys})
        audit = _key_record(Signer.of(AUDITOR, "audit"), "audit")
        organisations.append(
            {"id": AUDITOR, "kind": "auditor", "region": "000000", "keys": [audit]}
        )
        content = make_content(
            time_ms=self.now_ms,
            parameters={},
            contracts={contract.name: contract.version for contract in CONTRACTS},
            organisations=organisations,
            validators=[(name, Signer.of(name, "validate").key) for name in self.validators],
        )
        return Genesis.from_content(content)

    def render_genesis(self, genesis: Genesis) -> bytes:
        """The genesis file with its proofs of possession."""
        privates = {
            signer.key: signer.private
            for province in PROVINCES
            for signer in (
                Signer.of(f"bureau:{province}", post) for post in (*BUREAU_POSTS, *NODE_KEYS)
            )
        }
        auditor = Signer.of(AUDITOR, "audit")
        privates[auditor.key] = auditor.private
        return genesis.render(genesis.prove_keys(privates))

    # --- Set-up -------------------------------------------------------------------------------

    def setup(self, chain: bytes) -> Iterator[Batch]:
        """Institutions, catalogues, policies, people: everything before the first bill."""
        for institution in self.institutions:
            region = self.regions[institution]
            signer = Signer.of(institution, "clerk")
            purposes = ["read", "sign"]
            proof = crypto.prove_possession(signer.private, _digest(chain), institution, purposes)
            args = {
                "organisation": institution,
                "kind": "hospital",
                "region": region,
                "level_code": 9,
                "dedc_level": 3,
                "switches": ["inpatient", "outpatient"],
                "keys": [{**_key_record(signer, "clerk"), "proof": proof}],
            }
            yield Batch(_bureau(region, "checker"), [Planned("organisations", "admit", args)])
        yield from self._catalogues()
        for area in self.areas:
            args = {"area": area, "scheme": "310", "effective_from": "2020-01-01", "source": POLICY}
            yield Batch(_bureau(area, "checker"), [Planned("policy", "deploy", args)])
        yield from self._people()

    def _catalogues(self) -> Iterator[Batch]:
        rows: list[Value] = [
            [code, f"item {number}", ("01", "02", "03")[number % 3],
             ("0%", "10%", "100%")[number % 3], [], False, "western"]
            for number, code in enumerate(CODES)
        ]  # fmt: skip
        part = encode(rows)
        digest = H("yibao/catalogue-part/v1", b"items\0" + part)
        for province in PROVINCES:
            version = {
                "region": province,
                "version": "bench-1",
                "effective_from": "2020-01-01",
                "parts": [digest],
            }
            yield Batch(
                _bureau(province, "checker"),
                [
                    Planned("catalogue", "load_part", {"kind": "items", "part": part}),
                    Planned("catalogue", "publish", version),
                ],
            )

    def _people(self) -> Iterator[Batch]:
        """Enrolments and deposits, 250 people of one province to a transaction."""
        waiting: dict[str, list[Planned]] = {}
        for number in range(self.size.persons):
            area = self.area_of(number)
            calls = waiting.setdefault(area[:2], [])
            person = self.person(number)
            content = {
                "link": H("yibao/bench-link/v1", person.encode()),
                "scheme": "310",
                "sex": "female",
                "birth": f"19{50 + number % 40}-05-06",
                "insured": [{"from": "2015-01-01", "status": "insured"}],
                "account": True,
                "from": "2015-01-01",
                "category": "retired",
                "identity_types": [],
            }
            calls.append(Planned("enrolment", "enrol", {"person": person}, ("person", content)))
            deposit = {
                "transfer": f"{area[:2]}0000d{number}",
                "person": person,
                "amount_fen": 10**9,
            }
            calls.append(Planned("funds", "deposit", deposit))
            if len(calls) >= 500:
                yield Batch(_bureau(area, "clerk"), calls)
                waiting[area[:2]] = []
        for prefix, calls in waiting.items():
            if calls:
                yield Batch(_bureau(f"{prefix}0000", "clerk"), calls)

    def area_of(self, number: int) -> str:
        """Home area of a person."""
        return self.areas[number % self.size.areas]

    def person(self, number: int) -> str:
        """Pseudonym of a person."""
        return f"p:{self.area_of(number)}:{number}"

    def person_of(self, bill: int) -> str:
        """Whose bill ``c<bill>`` or ``s<bill>`` is."""
        return self.person(bill * 31 % self.size.persons)

    @staticmethod
    def claim_id(institution: str, bill: int) -> str:
        """Id of the claim of an outpatient bill at an institution."""
        return f"{own_prefix(institution)}c{bill}"

    # --- Bills --------------------------------------------------------------------------------

    def claims(self, first: int, count: int, calls: int) -> Iterator[Batch]:
        """Outpatient bills ``first`` and on, ``calls`` of one institution to a transaction."""
        for start in range(first, first + count, calls):
            institution = self.institutions[(start // calls) % self.size.institutions]
            numbers = range(start, min(start + calls, first + count))
            yield Batch(
                Signer.of(institution, "clerk"), [self.outpatient(institution, n) for n in numbers]
            )

    def stays(self, first: int, count: int) -> Iterator[Batch]:
        """Stays of 50 lines: register, two uploads, settle in one transaction each."""
        for number in range(first, first + count):
            institution = self.institutions[number % self.size.institutions]
            yield Batch(Signer.of(institution, "clerk"), self._stay(institution, number))

    def _visit(self, number: int, care_kind: str) -> dict[str, Value]:
        return {
            "person": self.person_of(number),
            "care_kind": care_kind,
            "admission": self.today,
            "presence": {"kind": "card", "certificate": "03"},
        }

    def outpatient(self, institution: str, number: int) -> Planned:
        """The settlement of bill ``number``, whose claim is the institution's ``c<number>``."""
        lines = [self._line(number, n) for n in range(5)]
        args = {
            "claim": self.claim_id(institution, number),
            "visit": self._visit(number, "outpatient"),
            "discharge": self.today,
            "total_fen": sum(line[5] for line in lines),
            "use_account": True,
        }
        content = {"visit": {"diagnoses": ["I10"]}, "lines": lines}
        return Planned("claim", "settle", args, ("settlement", content))

    def _stay(self, institution: str, number: int) -> list[Planned]:
        claim = f"{own_prefix(institution)}s{number}"
        lines = [self._line(number, n) for n in range(LINES_OF_STAY)]
        half = LINES_OF_STAY // 2
        bill = {
            "claim": claim,
            "discharge": self.today,
            "total_fen": sum(line[5] for line in lines),
            "use_account": True,
        }
        visit = {"claim": claim, "visit": self._visit(number, "inpatient")}
        clinical = {"visit": {"diagnoses": ["K35"]}}
        return [
            Planned("claim", "register", visit, ("settlement", clinical)),
            Planned("claim", "lines", {"claim": claim, "upload": 1},
                    ("settlement", {"lines": lines[:half]})),
            Planned("claim", "lines", {"claim": claim, "upload": 2},
                    ("settlement", {"lines": lines[half:]})),
            Planned("claim", "settle", bill),
        ]  # fmt: skip

    def _line(self, number: int, n: int) -> list[Value]:
        # Classes 甲 and 乙 mostly; prices from 12 to 311 yuan.
        code = CODES[(number * 5 + n * 3 + (n == 4) * 2) % len(CODES)]
        amount = 1_200 + (number * 37 + n * 1_009) % 29_900
        return [f"{n + 1}", code, self.today, amount * 10_000, 10_000, amount, 0, "practitioner:x",
                True, ""]  # fmt: skip


BUREAU_POSTS = ("checker", "clerk", "finance")
NODE_KEYS = ("validate", "transport")


def sign_batch(batch: Batch, chain: bytes, valid_until_ms: int) -> tuple[bytes, bytes]:
    """Sign a batch. Returns (transaction id, wire bytes)."""
    refs: list[AttachmentRef] = []
    attachments: list[Attachment] = []
    calls: list[Call] = []
    for number, planned in enumerate(batch.calls):
        indexes: tuple[int, ...] = ()
        if planned.attachment is not None:
            audience, value = planned.attachment
            content = encode(value)
            blind = H("yibao/bench-blind/v1", content + number.to_bytes(2, "big"))
            indexes = (len(refs),)
            refs.append(AttachmentRef(audience, commit(blind, content)))
            attachments.append(Attachment(blind, content))
        calls.append(Call(planned.contract, planned.method, planned.args, indexes))
    body = TransactionBody(
        _digest(chain),
        batch.signer.organisation,
        batch.signer.key,
        TimeMs(valid_until_ms),
        tuple(calls),
        tuple(refs),
    )
    signed = sign_transaction(body, batch.signer.private, attachments)
    return signed.id, signed.encode()


def _digest(chain: bytes) -> Digest:
    return Digest(chain)


def _bureau(area: str, post: str) -> Signer:
    return Signer.of(f"bureau:{area[:2]}0000", post)


def _node_key(organisation: str, purpose: str) -> dict[str, Any]:
    return {**_key_record(Signer.of(organisation, purpose), "operator"), "purposes": [purpose]}


def _key_record(signer: Signer, post: str) -> dict[str, Any]:
    return {
        "key": signer.key,
        "purposes": ["read", "sign"],
        "holder": f"staff:{signer.organisation}:{post}",
        "post": post,
    }
