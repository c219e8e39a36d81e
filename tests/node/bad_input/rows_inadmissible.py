"""What is refused before it is ordered: 4xx, no receipt, not a byte of the database changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from node.ledger import crypto
from node.ledger.transaction import Call, SignedTransaction
from node.ledger.types import ATTACHMENT_BYTES_MAX, BODY_BYTES_MAX, CALLS_MAX
from tests.contracts.world import BUREAU_HUNAN, HOSPITAL, new_key, secret_of
from tests.node.bad_input.world import OTHER_HOSPITAL, BadWorld, encoded, parts

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Inadmissible:
    """A row: the issue's words, what is sent, how it is refused."""

    words: str
    name: str
    attempt: Callable[[BadWorld], bytes]
    status: int
    code: str
    values: frozenset[str]
    """Names of the compared values that the problem object carries."""


def row(
    words: str, name: str, attempt: Callable[[BadWorld], bytes], status: int, code: str,
    *values: str,
) -> Inadmissible:  # fmt: skip
    return Inadmissible(words, name, attempt, status, code, frozenset(values))


def rewritten(transaction: SignedTransaction, body: bytes) -> bytes:
    """The wire form with another body under a signature that is right for it."""
    assert body != transaction.body_bytes, "nothing was rewritten"
    _, _, attachments = parts(transaction)
    private = secret_of(HOSPITAL, "operator")
    signature = crypto.sign(private, "tx/1", transaction.body.chain, body)
    return encoded([body, signature, attachments])


# --- Signature and key ----------------------------------------------------------------------------


def altered_signature(bad: BadWorld) -> bytes:
    body, signature, attachments = parts(bad.settlement("H44010000123-i-sig"))
    return encoded([body, signature[:-1] + bytes([signature[-1] ^ 1]), attachments])


def signature_of_another_body(bad: BadWorld) -> bytes:
    body, _, attachments = parts(bad.settlement("H44010000123-i-sig2"))
    _, other, _ = parts(bad.settlement("H44010000123-i-sig3"))
    return encoded([body, other, attachments])


def signature_for_reading(bad: BadWorld) -> bytes:
    """A signature of the right key over the right bytes, made in another context."""
    transaction = bad.settlement("H44010000123-i-sig4")
    body, _, attachments = parts(transaction)
    signature = crypto.sign(secret_of(HOSPITAL, "operator"), "api/1", bad.chain, body)
    return encoded([body, signature, attachments])


def unknown_key(bad: BadWorld) -> bytes:
    return bad.sign(private=secret_of(HOSPITAL, "nobody")).encode()


def key_of_another(bad: BadWorld) -> bytes:
    return bad.sign(sender=HOSPITAL, private=secret_of(OTHER_HOSPITAL, "operator")).encode()


def unknown_organisation(bad: BadWorld) -> bytes:
    return bad.sign(sender="hospital:H44010000777").encode()


def validate_key(bad: BadWorld) -> bytes:
    return bad.sign(sender=BUREAU_HUNAN, private=secret_of(BUREAU_HUNAN, "validate")).encode()


def revoked_key(bad: BadWorld) -> bytes:
    """A key that was good for one block and is revoked."""
    name, world = "temporary", bad.world
    key = {**new_key(HOSPITAL, name, "operator"), "organisation": HOSPITAL}
    key["proof"] = bytes(
        crypto.prove_possession(secret_of(HOSPITAL, name), bad.chain, HOSPITAL, ["sign"])
    )
    world.do(HOSPITAL, "organisations", "add_key", key)
    good = bad.sign(private=secret_of(HOSPITAL, name))
    assert bad.send(good.encode()).status == 200
    revoked = {"organisation": HOSPITAL, "key": key["key"], "reason": "staff left"}
    world.do(HOSPITAL, "organisations", "revoke_key", revoked)
    return bad.sign(private=secret_of(HOSPITAL, name)).encode()


# --- Chain and time -------------------------------------------------------------------------------


def wrong_chain(bad: BadWorld) -> bytes:
    return bad.sign(chain=sha256(b"another network").digest()).encode()


def expired(bad: BadWorld) -> bytes:
    return bad.sign(valid_for_ms=-DAY_MS).encode()


def valid_too_long(bad: BadWorld) -> bytes:
    return bad.sign(valid_for_ms=DAY_MS + 400_000).encode()


# --- Bytes ----------------------------------------------------------------------------------------


def trailing_byte(bad: BadWorld) -> bytes:
    return bad.settlement("H44010000123-i-trail").encode() + b"\x00"


def longer_integer(bad: BadWorld) -> bytes:
    """Five in two bytes where one would do: the same value, another id."""
    transaction = bad.sign(calls=(Call("claim", "cancel", {"n": 5}),))
    args = encoded({"n": 5})
    return rewritten(transaction, transaction.body_bytes.replace(args, args[:-1] + b"\xcc\x05"))


def keys_out_of_order(bad: BadWorld) -> bytes:
    transaction = bad.sign(calls=(Call("claim", "cancel", {"a": 1, "b": 2}),))
    ordered = encoded({"a": 1, "b": 2})
    swapped = ordered[:1] + ordered[4:] + ordered[1:4]
    assert len(swapped) == len(ordered) == 7
    return rewritten(transaction, transaction.body_bytes.replace(ordered, swapped))


def doubled_key(bad: BadWorld) -> bytes:
    transaction = bad.sign(calls=(Call("claim", "cancel", {"a": 1, "b": 2}),))
    ordered = encoded({"a": 1, "b": 2})
    return rewritten(
        transaction, transaction.body_bytes.replace(ordered, ordered[:4] + ordered[1:4])
    )


def fraction(bad: BadWorld) -> bytes:
    """500.25 yuan as a float: it has no canonical form, so it never reaches a contract."""
    transaction = bad.sign(calls=(Call("claim", "settle", {"total_fen": 5}),))
    whole = encoded({"total_fen": 5})
    float_fen = whole[:-1] + b"\xcb" + b"\x40\xe8\x6d\x00\x00\x00\x00\x00"
    return rewritten(transaction, transaction.body_bytes.replace(whole, float_fen))


def not_a_transaction(bad: BadWorld) -> bytes:
    return b'{"claim": "H44010000123-i-json", "total_fen": 1}'


def cut_short(bad: BadWorld) -> bytes:
    return bad.settlement("H44010000123-i-cut").encode()[:-7]


def long_body(bad: BadWorld) -> bytes:
    """Signed, well-formed, and one byte over what a body may have."""
    filler = "x" * BODY_BYTES_MAX
    transaction = bad.sign(calls=(Call("claim", "cancel", {"claim": ""}),))
    body = transaction.body_bytes.replace(encoded({"claim": ""}), encoded({"claim": filler}))
    return rewritten(transaction, body)


def too_many_calls(bad: BadWorld) -> bytes:
    one = encoded(Call("claim", "cancel", {"claim": "c"}).fields())
    transaction = bad.sign(calls=(Call("claim", "cancel", {"claim": "c"}),))
    many = b"\xdc" + (CALLS_MAX + 1).to_bytes(2, "big") + one * (CALLS_MAX + 1)
    return rewritten(transaction, transaction.body_bytes.replace(b"\x91" + one, many))


def long_request(bad: BadWorld) -> bytes:
    return b"\x93" + bytes(7 * 1024 * 1024)


# --- Attachments ----------------------------------------------------------------------------------


def attachment_left_out(bad: BadWorld) -> bytes:
    body, signature, _ = parts(bad.settlement("H44010000123-i-missing"))
    return encoded([body, signature, []])


def attachment_of_another(bad: BadWorld) -> bytes:
    body, signature, _ = parts(bad.settlement("H44010000123-i-other"))
    _, _, attachments = parts(bad.settlement("H44010000123-i-other2"))
    return encoded([body, signature, attachments])


def attachment_not_named(bad: BadWorld) -> bytes:
    """The body commits to an attachment that no call names."""
    transaction = bad.settlement("H44010000123-i-unnamed")
    call = transaction.body.calls[0]
    named = encoded(call.fields())
    unnamed = encoded(Call(call.contract, call.method, call.args).fields())
    return rewritten(transaction, transaction.body_bytes.replace(named, unnamed))


def long_attachment(bad: BadWorld) -> bytes:
    transaction = bad.sign(contents=(encoded("x"),))
    body, signature, [[blind, _]] = parts(transaction)
    return encoded([body, signature, [[blind, bytes(ATTACHMENT_BYTES_MAX + 1)]]])


ROWS: tuple[Inadmissible, ...] = (
    row("wrong signature", "altered", altered_signature, 400, "transaction.signature", "reason"),
    row("wrong signature", "of another body", signature_of_another_body, 400,
        "transaction.signature", "reason"),
    row("wrong signature", "of another context", signature_for_reading, 400,
        "transaction.signature", "reason"),
    row("unknown key", "nobody's", unknown_key, 403, "transaction.key", "sender", "key", "height"),
    row("unknown key", "another organisation's", key_of_another, 403, "transaction.key",
        "sender", "key", "height"),
    row("unknown key", "of an unknown organisation", unknown_organisation, 403,
        "transaction.key", "sender", "key", "height"),
    row("unknown key", "for another purpose", validate_key, 403, "transaction.key",
        "sender", "key", "height"),
    row("revoked key", "since the block before", revoked_key, 403, "transaction.key",
        "sender", "key", "height"),
    row("wrong chain", "another network", wrong_chain, 400, "transaction.wrong-chain",
        "chain", "ours"),
    row("expired", "yesterday", expired, 400, "transaction.expired", "valid_until_ms", "time_ms"),
    row("valid too long", "24 h and 6 min", valid_too_long, 400, "transaction.valid-too-long",
        "valid_until_ms", "latest_ms"),
    row("non-canonical", "a byte too many", trailing_byte, 400, "transaction.malformed", "reason"),
    row("non-canonical", "an integer not in its shortest form", longer_integer, 400,
        "transaction.malformed", "reason"),
    row("non-canonical", "keys out of order", keys_out_of_order, 400, "transaction.malformed",
        "reason"),
    row("non-canonical", "a key twice", doubled_key, 400, "transaction.malformed", "reason"),
    row("non-canonical", "no transaction at all", not_a_transaction, 400,
        "transaction.malformed", "reason"),
    row("non-canonical", "cut short", cut_short, 400, "transaction.malformed", "reason"),
    row("negative or fractional money", "a float", fraction, 400, "transaction.malformed",
        "reason"),
    row("oversized", "body", long_body, 400, "transaction.malformed", "reason", "field", "most"),
    row("oversized", "1,001 calls", too_many_calls, 400, "transaction.malformed",
        "reason", "field", "count", "most"),
    row("oversized", "request", long_request, 413, "request.too-large", "limit_bytes"),
    row("oversized", "attachment", long_attachment, 400, "transaction.malformed",
        "reason", "field", "most"),
    row("missing or wrong attachment", "left out", attachment_left_out, 400,
        "transaction.attachment-missing", "attachments", "wanted"),
    row("missing or wrong attachment", "another's", attachment_of_another, 400,
        "transaction.attachment-wrong", "index"),
    row("missing or wrong attachment", "named by no call", attachment_not_named, 400,
        "transaction.malformed", "reason", "named", "attachments"),
)  # fmt: skip
