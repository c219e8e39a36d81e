"""A small network without a node: genesis, certified blocks, receipts and a state tree.

Everything derives from small numbers, so that golden bytes stay the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.ledger import crypto, merkle
from node.ledger.block import (
    Certificate,
    Header,
    Validator,
    ValidatorSet,
    compute_tx_root,
    count_calls,
    genesis_header,
    make_certificate,
    vote_message,
)
from node.ledger.codec import encode
from node.ledger.evidence import CertifiedHeader, EpochEnd
from node.ledger.genesis import Genesis, make_content
from node.ledger.receipt import OK, Receipt, compute_writes_digest, make_explanation
from node.ledger.state_tree import DEPTH_SMALL, StateTree, bucket_of, compute_changes
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import Digest, Epoch, Height, Key, OrgId, Signature, TimeMs, Value

START_MS = 1_767_225_600_000
"""2026-01-01 UTC."""


def seed(number: int) -> bytes:
    return number.to_bytes(2, "big") * 16


def private(number: int) -> crypto.PrivateKey:
    return crypto.private_key(seed(number))


def public(number: int) -> Key:
    return crypto.public_key(private(number))


def bureau(number: int) -> str:
    return f"bureau:{11 + number}0000"


def sign_key(number: int) -> int:
    """Number of the key with which the n-th bureau signs transactions."""
    return 1000 + number


def make_genesis(bureaus: int = 4) -> Genesis:
    organisations = [
        {
            "id": bureau(number),
            "kind": "bureau",
            "region": bureau(number)[7:],
            "keys": [
                {
                    "key": public(number),
                    "purposes": ["validate"],
                    "holder": f"staff-{number}",
                    "post": "operator",
                },
                {
                    "key": public(sign_key(number)),
                    "purposes": ["read", "sign"],
                    "holder": f"staff-{number}",
                    "post": "clerk",
                },
            ],
        }
        for number in range(bureaus)
    ]
    return Genesis.from_content(
        make_content(
            time_ms=START_MS,
            parameters={"diff.kept-heights": 1000},
            contracts={"claim": 1, "filing": 1},
            organisations=organisations,
            validators=[(bureau(number), public(number)) for number in range(bureaus)],
        )
    )


def genesis_proofs(genesis: Genesis) -> dict[Key, Signature]:
    numbers = (n for base in (0, 1000) for n in range(base, base + 40))
    return genesis.prove_keys({public(n): private(n) for n in numbers})


def settle_call(number: int, attachments: Sequence[int] = ()) -> Call:
    args: dict[str, Value] = {"claim": f"claim-{number}", "total_fen": 123_400 + number}
    return Call("claim", "settle", args, tuple(attachments))


def attachment(number: int) -> Attachment:
    blind = crypto.derive_blind(bytes(32), f"claim-{number}", "validators")
    return Attachment(blind, encode({"lines": [{"amount_fen": number, "code": "made-up"}]}))


def make_transaction(
    chain: Digest,
    number: int = 0,
    *,
    calls: int = 1,
    time_ms: int = START_MS,
    attached: bool = True,
) -> SignedTransaction:
    items = [attachment(100 * number + i) for i in range(calls)] if attached else []
    body = TransactionBody(
        chain,
        OrgId(bureau(0)),
        public(sign_key(0)),
        TimeMs(time_ms + 3_600_000),
        tuple(settle_call(100 * number + i, [i] if attached else []) for i in range(calls)),
        tuple(AttachmentRef("validators", item.commitment()) for item in items),
    )
    return sign_transaction(body, private(sign_key(0)), items)


def explanation_of(transaction: SignedTransaction, index: int) -> Attachment:
    inputs = transaction.call_attachments(index).values()
    return make_explanation(transaction.id, index, inputs, {"steps": [{"step": "deductible"}]})


def receipts_of(transaction: SignedTransaction) -> Iterator[Receipt]:
    for index, call in enumerate(transaction.body.calls):
        claim = call.args["claim"]
        yield Receipt(
            transaction.id,
            index,
            OK,
            "",
            {},
            {"claim": claim},
            (),
            {"total_fen": call.args["total_fen"]},
            {"policy": 1},
            (),
            explanation_of(transaction, index).commitment(),
            compute_writes_digest({f"claim/{claim}": encode(["settled", index])}),
        )


def sign_vote(
    key: crypto.PrivateKey, kind: str, chain: bytes, statement: tuple[int, int, int, bytes]
) -> Signature:
    """A validator's ``PREPARE`` or ``COMMIT`` of (epoch, view, height, block hash)."""
    return crypto.sign(key, f"pbft/1/{kind}", chain, vote_message(*statement))


def certify(
    header: Header, validators: ValidatorSet, numbers: Sequence[int], signers: Sequence[int]
) -> Certificate:
    """Certificate by the seats ``signers``; seat i votes with key number ``numbers[i]``."""
    statement = (header.epoch, 0, header.height, header.hash)
    signatures = {
        seat: sign_vote(private(numbers[seat]), "COMMIT", header.chain, statement)
        for seat in signers
    }
    return make_certificate(validators, statement, signatures)


@dataclass
class Committed:
    """A final block with everything around it."""

    header: Header
    certificate: Certificate
    transactions: list[SignedTransaction]
    receipts: list[Receipt]


class World:
    """A chain of certified blocks; epochs change when told to."""

    def __init__(self, bureaus: int = 4, depth: int = DEPTH_SMALL) -> None:
        self.genesis = make_genesis(bureaus)
        self.validators = self.genesis.validators
        self.numbers = list(range(bureaus))
        self.state: dict[str, bytes] = {"param/x": encode(1)}
        self.depth = depth
        self.tree = StateTree(depth, self._source)
        self.tree.commit(self.tree.overlay(compute_changes(self.state)))
        self.head = genesis_header(
            self.genesis.chain, self.validators.hash, START_MS, self.tree.root
        )
        self.epochs: list[EpochEnd] = []
        self.blocks: list[Committed] = []

    def _source(self, bucket: int) -> list[tuple[bytes, bytes]]:
        changes = compute_changes(self.state)
        return sorted(
            (path, hashed)
            for path, hashed in changes.items()
            if hashed is not None and bucket_of(path, self.depth) == bucket
        )

    def commit(
        self,
        transactions: list[SignedTransaction],
        next_numbers: list[int] | None = None,
        receipts: list[Receipt] | None = None,
    ) -> Committed:
        """Add a block; ``next_numbers`` are the keys of the next epoch's validators.

        ``receipts`` replace the honest ones: what a quorum of liars could certify.
        """
        if receipts is None:
            receipts = [receipt for item in transactions for receipt in receipts_of(item)]
        writes = {
            f"claim/{receipt.answer['claim']}": encode(["settled", receipt.call_index])
            for receipt in receipts
        }
        self.tree.commit(self.tree.overlay(compute_changes(writes)))
        self.state |= writes
        following = self.validators
        if next_numbers is not None:
            following = ValidatorSet(
                tuple(Validator(OrgId(bureau(n % 100)), public(n)) for n in next_numbers)
            )
        parent = self.head
        header = Header(
            1,
            parent.chain,
            Height(parent.height + 1),
            parent.hash,
            Epoch(parent.epoch + (1 if parent.is_epoch_final else 0)),
            self.validators.hash,
            following.hash,
            bureau(0),
            TimeMs(parent.time_ms + 1000),
            compute_tx_root(transactions),
            len(transactions),
            merkle.compute_root(receipt.encode() for receipt in receipts),
            count_calls(transactions),
            self.tree.root,
        )
        signers = list(range(self.validators.size))[-self.validators.quorum :]
        certificate = certify(header, self.validators, self.numbers, signers)
        block = Committed(header, certificate, transactions, receipts)
        if next_numbers is not None:
            self.epochs.append(EpochEnd(header.encode(), certificate.encode(), following))
            self.validators, self.numbers = following, next_numbers
        self.head = header
        self.blocks.append(block)
        return block

    def certified(self, block: Committed) -> CertifiedHeader:
        """The block's header with the epochs that lead to it."""
        epochs = tuple(self.epochs[: block.header.epoch])
        return CertifiedHeader(epochs, block.header.encode(), block.certificate.encode())
