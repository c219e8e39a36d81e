"""A fifth bureau joins a running four: it follows, attests, is voted in, and its vote is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from consensus import SafetyRecord
from node.ledger import crypto
from node.ordering.wal import SafetyFile
from node.ordering.wire import encode_record
from node.service.keys import SAFETY
from tests.node.cluster import Cluster, bureau, running_cluster, until
from tests.node.network import Client, private
from tests.node.service.test_changing_set import call, done, seats

JOINING = "bureau:540000"
KEY = "validate-540000"


def begin_key(cluster: Cluster) -> bytes:
    """What ``--new-key`` does in the empty folder of the new node."""
    public = crypto.public_key(private(KEY))
    folder = cluster.root / JOINING
    folder.mkdir(parents=True)
    binding = cluster.genesis.chain + public
    SafetyFile.create(folder / SAFETY, binding, encode_record(SafetyRecord())).close()
    return bytes(public)


def test_a_fifth_bureau_joins(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            client = Client(cluster.genesis.chain)
            joining = Client(cluster.genesis.chain, JOINING, JOINING)
            await done(cluster.nodes[0], client.enter("a", 1))
            key = begin_key(cluster)
            node = await cluster.follow(JOINING, key=KEY)
            await cluster.agree(1)
            assert node.status().role == "follower"
            assert not node._replica.situation().may_sign
            # It registers its key through its own node, which passes the transaction on.
            proof = crypto.prove_possession(
                private(KEY), cluster.genesis.chain, JOINING, ["validate"]
            )
            new_key = {
                "organisation": JOINING, "key": key, "purposes": ["validate"],
                "holder": "s:operator", "post": "operator", "proof": proof,
            }  # fmt: skip
            await done(node, joining.sign([("organisations", "add_key", new_key)]))
            proposal = {"id": "v", "organisation": JOINING, "key": key}
            await call(cluster, 0, "governance", "propose_validator", proposal)
            for voter in (0, 1, 2):
                ballot = {"id": "v", "approve": True}
                told = await call(cluster, voter, "governance", "vote", ballot)
            assert told["status"] == "approved"
            assert JOINING not in seats(cluster.nodes[0])
            await until(lambda: node.head.height == cluster.nodes[0].head.height)
            made = node.attestation()
            assert made is not None
            parts = {name: made[name] for name in ("header", "certificate", "signature")}
            told = await done(node, joining.sign([("governance", "attest", {"id": "v", **parts})]))
            assert told["status"] == "carried"
            await until(lambda: seats(node).get(JOINING) == key)
            await until(lambda: node.status().role == "validator")
            # Five with a quorum of four: without another one it is needed for every block.
            await cluster.stop(3)
            last = client.enter("b", 2)
            await done(cluster.nodes[0], last)
            await until(lambda: node.reader.has_transaction(last.id))
            await cluster.agree(node.head.height)
            assert node._replica.situation().may_sign
            assert bureau(3) in node.status().waiting_for

    asyncio.run(story())
