"""A running node, in process: submit, wait, read, prove, estimate, refuse, set aside, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from node.api.ledger_codes import of_unavailable
from node.api.ports import EstimateCall
from node.ledger import merkle
from node.ledger.block import Certificate, Header
from node.ledger.codec import decode_trusted, encode
from node.ledger.errors import InvalidTransaction, LedgerError, Unavailable
from node.ledger.receipt import Receipt
from node.ledger.state_proof import verify_present
from node.ledger.transaction import SignedTransaction, commit
from node.mempool import PoolLimits
from node.service.node import Node
from node.service.opening import open_ledger
from node.store import keys
from node.store.index import MADE_BY
from node.store.kv import Operation
from tests.node.cluster import until
from tests.node.network import (
    HOSPITAL,
    OPEN,
    Client,
    make_genesis,
    make_node,
    open_folder,
    running,
    runtime,
)

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)

Story = Callable[[Node], Coroutine[None, None, None]]


def tell(folder: Path, story: Story, **given: Any) -> None:
    """Run a story against a started node."""

    async def run() -> None:
        async with running(folder, GENESIS_BYTES, **given) as node:
            await story(node)

    asyncio.run(run())


async def done(node: Node, *transactions: SignedTransaction) -> None:
    """Submit and wait for all."""
    for transaction in transactions:
        await node.submit(transaction.encode())
    for transaction in transactions:
        assert await node.wait(transaction.id, 30)


def test_a_committed_transaction_is_read_back_with_its_proofs(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        transaction = CLIENT.enter("a", 100)
        await done(node, transaction)
        with node.reader.view() as view:
            place = view.find_transaction(transaction.id)
            assert place is not None
            assert (place.height, place.index, place.first_receipt) == (1, 0, 0)
            header = Header.decode(view.header(1) or b"")
            certificate = Certificate.decode(view.certificate(1) or b"")
            certificate.verify_header(header, node.genesis.validators)
            receipt = Receipt.decode(view.receipts(1)[0])
            assert header.receipts_root == merkle.compute_root(view.receipts(1))
            assert view.transactions(1) == [transaction.encode_leaf()]
            assert view.height_of(header.hash) == 1
            assert view.state("book/a") == {"total_fen": 100}
            proof = view.prove_state("book/a")
            verify_present(header.state_root, "book/a", encode({"total_fen": 100}), proof)
            for commitment in (transaction.body.attachments[0].commitment, receipt.explanation):
                assert commitment is not None
                kept = view.attachment(commitment)
                assert kept is not None
                assert commit(kept.blind, kept.content) == commitment
            assert view.header(2) is None
            assert view.attachment(bytes(32)) is None
        assert b"yibao_block_seconds_count 1.0" in node.metrics()
        assert b'yibao_calls_total{status="ok"} 1.0' in node.metrics()

    tell(tmp_path, story)


def test_what_is_submitted_together_is_ordered_together(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        many = [CLIENT.enter(f"k{n}", n) for n in range(30)]
        await asyncio.gather(*(done(node, one) for one in many))
        assert node.head.height < 10
        with node.reader.view() as view:
            assert all(view.state(f"book/k{n}") == {"total_fen": n} for n in range(30))

    tell(tmp_path, story)


def test_blocks_end_at_the_calls_aimed_at(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        many = [CLIENT.enter(f"k{n}", n) for n in range(12)]
        await asyncio.gather(*(node.submit(one.encode()) for one in many))
        for one in many:
            assert await node.wait(one.id, 30)
        with node.reader.view() as view:
            counts = [len(view.receipts(h)) for h in range(1, view.head.height + 1)]
        assert sum(counts) == 12
        assert max(counts) <= 4

    tell(tmp_path, story, calls_aim=4)


def test_the_same_bytes_again_are_answered_not_executed(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        transaction = CLIENT.enter("a", 100)
        both = await asyncio.gather(*(node.submit(transaction.encode()) for _ in range(2)))
        assert {one.tx_id for one in both} == {transaction.id}
        assert await node.wait(transaction.id, 30)
        again = await node.submit(transaction.encode())
        assert again.committed
        with node.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 100}

    tell(tmp_path, story)


def test_the_chain_is_asked_only_about_what_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0]

    async def story(node: Node) -> None:
        asked: list[bytes] = []
        right = node._admission._is_committed

        def ask(tx_id: bytes) -> bool:
            asked.append(tx_id)
            return right(tx_id)

        monkeypatch.setattr(node._admission, "_is_committed", ask)
        now[0] = node.head.time_ms + 1_000
        transaction = CLIENT.enter("a", 100, valid_until_ms=now[0] + 60_000)
        await node.submit(transaction.encode())
        assert await node.wait(transaction.id, 30)
        assert asked == []
        assert (await node.submit(transaction.encode())).committed
        now[0] += 7_200_000
        await done(node, CLIENT.enter("b", 1, valid_until_ms=now[0] + 60_000))
        late = await node.submit(transaction.encode())
        assert late.committed, "its time is over, and it was executed before"
        assert asked == [transaction.id, transaction.id]
        other = CLIENT.enter("c", 1, valid_until_ms=now[0] - 1)
        with pytest.raises(InvalidTransaction, match=r"transaction\.expired"):
            await node.submit(other.encode())

    tell(tmp_path, story, clock_ms=lambda: now[0])


def test_one_that_is_committed_while_its_signature_is_checked_is_not_taken_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(node: Node) -> None:
        held, right = asyncio.Event(), node._admission._signatures.check
        begun = asyncio.Event()

        async def check(transaction: SignedTransaction) -> None:
            if not begun.is_set():
                begun.set()
                await held.wait()
            await right(transaction)

        monkeypatch.setattr(node._admission._signatures, "check", check)
        transaction = CLIENT.enter("a", 100)
        slow = asyncio.create_task(node.submit(transaction.encode()))
        await begun.wait()
        await done(node, transaction)
        held.set()
        assert (await slow).committed
        assert len(node._pool) == 0

    tell(tmp_path, story)


def test_alone_a_node_runs_what_waits_while_its_disk_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(node: Node) -> None:
        held, right = asyncio.Event(), node.keep

        async def keep(*given: Any) -> None:
            await held.wait()
            await right(*given)

        monkeypatch.setattr(node, "keep", keep)
        first = CLIENT.enter("first", 1)
        await node.submit(first.encode())
        await until(lambda: node._builder._in_flight is not None)
        made = [CLIENT.enter(f"k{n}", n) for n in range(10)]
        for transaction in made:
            await node.submit(transaction.encode())
        await until(lambda: len(node._builder._ahead) == 10 and not node._builder.busy)
        assert node.chain._ahead is not None
        run = node.chain._ahead._run
        assert [one.id for one in run.transactions] == [one.id for one in made]
        assert node.head.height == 0
        held.set()
        for transaction in [first, *made]:
            assert await node.wait(transaction.id, 30)
        assert node.head.height == 2
        with node.reader.view() as view:
            assert all(view.state(f"book/k{n}") == {"total_fen": n} for n in range(10))

    tell(tmp_path, story)


def refused(transaction: SignedTransaction, **wrong: Any) -> bytes:
    """Wire bytes with something changed after signing."""
    fields = decode_trusted(transaction.encode())
    for place, value in wrong.items():
        fields[{"body": 0, "signature": 1, "attachments": 2}[place]] = value
    return encode(fields)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda t: refused(t, signature=bytes(64)), "transaction.signature"),
        (lambda t: refused(t, attachments=[]), "transaction.attachment-missing"),
        (lambda t: refused(t, attachments=[[bytes(32), b"\x01"]]), "transaction.attachment-wrong"),
        (lambda t: t.encode() + b"\x00", "transaction.malformed"),
        (lambda t: b"", "transaction.malformed"),
        (lambda t: CLIENT.enter("a", 1, chain=bytes(32)).encode(), "transaction.wrong-chain"),
        (lambda t: CLIENT.enter("a", 1, valid_until_ms=5).encode(), "transaction.expired"),
        (
            lambda t: Client(GENESIS.chain, HOSPITAL, "stranger").enter("a", 1).encode(),
            "transaction.key",
        ),
    ],
)
def test_inadmissible_ones_never_enter(
    tmp_path: Path, make: Callable[[SignedTransaction], bytes], code: str
) -> None:
    async def story(node: Node) -> None:
        with pytest.raises(InvalidTransaction) as refusal:
            await node.submit(make(CLIENT.enter("a", 1)))
        assert refusal.value.code == code
        assert node.head.height == 0
        assert f'code="{code}"'.encode() in node.metrics()

    tell(tmp_path, story)


def test_a_damaged_copy_does_not_condemn_the_id(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        transaction = CLIENT.enter("a", 1)
        with pytest.raises(InvalidTransaction):
            await node.submit(refused(transaction, attachments=[[bytes(32), b"\x01"]]))
        await done(node, transaction)

    tell(tmp_path, story)


def test_a_full_pool_answers_with_a_time_to_retry(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        node._builder.busy = True  # nothing is ordered for now
        await node.submit(CLIENT.enter("a", 1).encode())
        with pytest.raises(Unavailable) as refusal:
            await node.submit(CLIENT.enter("b", 1).encode())
        assert refusal.value.code == "pool.sender-full"
        assert refusal.value.values["retry_after_s"] >= 1
        node._builder.busy = False
        node._builder.look()
        await node.settle()
        await done(node, CLIENT.enter("b", 1))

    tell(tmp_path, story, pool=PoolLimits(10, 1 << 20, 1, 1 << 20))


def test_who_would_wait_too_long_is_refused_by_the_node_that_it_asks_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another node has taken in it has promised to keep: here it is not asked again."""

    async def story(node: Node) -> None:
        def behind(sender: str, now_ms: int) -> None:
            raise Unavailable("pool.behind", calls=9_000, retry_after_s=7)

        monkeypatch.setattr(node._pool, "check_wait", behind)
        transaction = CLIENT.enter("a", 1)
        with pytest.raises(Unavailable) as refusal:
            await node.submit(transaction.encode())
        assert refusal.value.values["retry_after_s"] == 7
        answer = of_unavailable(refusal.value)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        await node._admission.submit(transaction.encode(), from_peer=True)
        assert await node.wait(transaction.id, 20)
        # What is there is answered, however much waits.
        assert (await node.submit(transaction.encode())).committed

    tell(tmp_path, story)


def test_one_that_met_a_bug_is_set_aside_for_good(tmp_path: Path) -> None:
    bad = CLIENT.sign([("book", "enter", {"key": "a", "amount_fen": 1}),
                       ("book", "stumble", {"key": "a"})], notes={0: 1})  # fmt: skip

    async def meets_it(node: Node) -> None:
        await node.submit(bad.encode())
        good = CLIENT.enter("b", 2)
        with pytest.raises(InvalidTransaction, match=r"transaction\.quarantined"):
            await node.wait(bad.id, 30)
        await done(node, good)
        with node.reader.view() as view:
            assert view.state("book/a") is None
            assert view.state("book/b") == {"total_fen": 2}
        assert node.status().ready
        assert node.status().details["quarantined"] == 1
        assert b"yibao_quarantined_total 1.0" in node.metrics()

    async def remembers(node: Node) -> None:
        with pytest.raises(InvalidTransaction, match=r"transaction\.quarantined"):
            await node.submit(bad.encode())

    tell(tmp_path, meets_it)
    tell(tmp_path, remembers)


def test_readers_wait_for_a_height_and_keep_their_own(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        with node.reader.view() as before:
            waiting = asyncio.ensure_future(node.reader.wait_for_height(2, 30))
            await done(node, CLIENT.enter("a", 1))
            await done(node, CLIENT.enter("a", 1))
            assert await waiting
            assert before.head.height == 0
            assert before.state("book/a") is None
            assert before.header(1) is None
            with pytest.raises(Unavailable, match="head-moved"):
                before.prove_state("book/a")

    tell(tmp_path, story)


def test_calls_and_postings_are_paged_by_their_place(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        for number in range(3):
            calls = [("book", "enter", {"key": "a", "amount_fen": number * 10 + n}) for n in (1, 2)]
            await done(node, CLIENT.sign(calls, notes={0: number, 1: number}))
        with node.reader.view() as view:
            calls_ = view.calls_of("claim", "a", "", 10)
            assert [(c.height, c.receipt_index) for c in calls_] == [
                (h, n) for h in (1, 2, 3) for n in (0, 1)
            ]
            assert view.calls_of("claim", "a", "2:0", 2) == calls_[3:5]
            assert view.calls_of("person", "a", "", 10) == calls_
            assert len(view.calls_of("institution", HOSPITAL, "", 4)) == 4
            postings = view.postings_of("person:a:account", "", 10)
            assert [p.amount_fen for p in postings] == [1, 2, 11, 12, 21, 22]
            cursor = f"{postings[1].height}:{postings[1].receipt_index}:{postings[1].posting_index}"
            assert view.postings_of("person:a:account", cursor, 3) == postings[2:5]
            assert view.postings_of("fund:430100", "", 1)[0].amount_fen == -1
            with pytest.raises(ValueError, match="cursor"):
                view.calls_of("claim", "a", "1:2:3", 1)

    tell(tmp_path, story)


def test_an_estimate_says_what_a_call_would_do_and_does_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await done(node, CLIENT.enter("a", 100))
        key = CLIENT.enter("x", 1).body.key
        call = EstimateCall(
            "book", "enter", {"key": "a", "amount_fen": 5}, [("note", bytes(32), encode("why"))]
        )
        estimate = await node.estimate(HOSPITAL, key, call)
        receipt = Receipt.decode(estimate.receipt)
        assert (estimate.height, receipt.answer) == (1, {"total_fen": 105})
        assert estimate.explanation is not None
        assert decode_trusted(estimate.explanation) == {"note": "why", "total_fen": 105}
        with node.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 100}
        with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
            await node.estimate("hospital:H0", key, call)

    tell(tmp_path, story)


def test_estimates_give_way_to_settlement(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        key = CLIENT.enter("x", 1).body.key
        call = EstimateCall("book", "drop", {"key": "a"}, [])
        await node.estimate(HOSPITAL, key, call)
        node._builder.busy = True
        await node.submit(CLIENT.enter("a", 1).encode())
        node._estimates._free_s = float("inf")
        with pytest.raises(Unavailable, match=r"node\.busy"):
            await node.estimate(HOSPITAL, key, call)
        node._builder.busy = False
        node._builder.look()
        await node.settle()
        await node.estimate(HOSPITAL, key, call)

    tell(tmp_path, story)


def test_stopping_finishes_the_block_in_flight(tmp_path: Path) -> None:
    async def story() -> None:
        node = make_node(tmp_path, open_folder(tmp_path, GENESIS_BYTES))
        await node.start()
        transaction = CLIENT.enter("a", 100)
        await node.submit(transaction.encode())
        waiting = asyncio.ensure_future(node.wait(transaction.id, 30))
        await asyncio.sleep(0)
        await node.stop()
        assert await waiting
        with pytest.raises(Unavailable, match=r"node\.stopping"):
            await node.submit(CLIENT.enter("b", 1).encode())

    asyncio.run(story())
    ledger = open_folder(tmp_path, GENESIS_BYTES)
    assert ledger.parent.header.height == 1
    ledger.database.close()


def test_a_failed_write_ends_the_node_and_tells_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(node: Node) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(node.chain.database.kv, "write", fail)
        transaction = CLIENT.enter("a", 100)
        await node.submit(transaction.encode())
        with pytest.raises(Unavailable, match=r"node\.ended"):
            await node.wait(transaction.id, 30)
        with pytest.raises(Unavailable, match=r"node\.stopping"):
            await node.submit(CLIENT.enter("b", 1).encode())
        with pytest.raises(OSError, match="No space"):
            await node.run()
        assert not node.status().ready

    tell(tmp_path, story)


def test_a_node_without_a_key_reads_and_does_not_order(tmp_path: Path) -> None:
    tell(tmp_path, lambda node: done(node, CLIENT.enter("a", 100)))

    async def story() -> None:
        ledger = open_folder(tmp_path, GENESIS_BYTES)
        node = make_node(tmp_path, ledger, key=None)
        await node.start()
        assert node.status().role == "follower"
        with node.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 100}
        with pytest.raises(Unavailable, match=r"node\.orders-nothing"):
            await node.submit(CLIENT.enter("b", 1).encode())
        assert node.head.height == 1
        await node.stop()

    asyncio.run(story())


def test_the_index_is_built_again_when_it_was_switched_on_late(tmp_path: Path) -> None:
    without = OPEN.__class__(diff_heights=50, check_heights=100, tree_depth=4, index=False)
    ledger = open_ledger(tmp_path, GENESIS_BYTES, runtime().registry, without)
    assert ledger.database.index.digest(0) is None
    ledger.database.close()
    ledger = open_folder(tmp_path, GENESIS_BYTES)
    assert ledger.database.index.digest(0) is not None
    ledger.database.close()


@pytest.mark.parametrize("made_by", [None, b"of an older program"])
def test_an_index_of_other_rules_is_made_again(made_by: bytes | None, tmp_path: Path) -> None:
    """What an older program did not list is on the lists after the next start."""

    async def story(node: Node) -> None:
        await done(node, CLIENT.enter("a", 1))

    tell(tmp_path, story)
    ledger = open_folder(tmp_path, GENESIS_BYTES)
    kv = ledger.database.kv
    rows = dict(kv.iterate(*keys.all_of(keys.INDEX)))
    assert rows
    missing: list[Operation] = [(key, None) for key in rows]
    kv.write([*missing, (MADE_BY, made_by)], sync=True)
    ledger.database.close()
    ledger = open_folder(tmp_path, GENESIS_BYTES)
    assert dict(ledger.database.kv.iterate(*keys.all_of(keys.INDEX))) == rows
    assert ledger.database.index.is_current()
    ledger.database.close()


def test_nothing_secret_reaches_the_log_or_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted words in arguments, attachments and a bug's own message are nowhere to be read."""
    secret = "planted-J18.900"

    async def story(node: Node) -> None:
        entered = CLIENT.sign(
            [("book", "enter", {"key": "a", "amount_fen": 1})], notes={0: {"d": secret}}
        )
        await done(node, entered)
        stumbling = CLIENT.sign([("book", "stumble", {"key": secret})])
        await node.submit(stumbling.encode())
        with pytest.raises(LedgerError) as refusal:
            await node.wait(stumbling.id, 30)
        assert secret not in str(refusal.value)
        assert secret.encode() not in node.metrics()

    tell(tmp_path, story)
    captured = capsys.readouterr()
    assert "call.bug" in captured.err
    assert secret not in captured.err + captured.out
    database = open_folder(tmp_path, GENESIS_BYTES).database
    for key, value in database.kv.iterate(b"", b"\xff"):
        if secret.encode() in key + value:
            assert key[:1] == b"A", "only attachment rows may hold it"
    database.close()
