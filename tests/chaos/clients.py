"""Sessions that settle, reverse and deposit through all nodes, read, and write down what they hear.

A session hands one transaction in after the other. Where a node does not answer, or asks to be left
alone, it sends the same bytes to another one: always safe, and what a bureau's gateway does.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from contracts.organisations import own_prefix
from node.benchmark.connection import SUBMIT_AND_WAIT
from node.benchmark.workload import AUDITOR, Batch, Planned, Signer, sign_batch
from node.ledger import crypto
from node.ledger.http_signature import CONTEXT, RequestTarget, sign_request
from node.ledger.types import Digest
from tests.chaos.cluster import Cluster
from tests.chaos.history import History, Proof, Read, Seen, Submission

ANSWER_S_MAX = 20.0
GIVE_UP_S = 90.0
"""After this a session leaves a transaction whose fate it does not know, and says so."""
VALID_MS = 3_600_000
LOOK_S = 0.2
NUMBERS = 1_000_000
"""Bills of one session."""
HEIGHT_NOT_REACHED, TOO_MANY = 412, 429


def is_for_now(status: int) -> bool:
    """Whether an answer says nothing of what was asked: the height is not there yet, too much at
    once, the node's own trouble."""
    return status in (HEIGHT_NOT_REACHED, TOO_MANY) or status >= 500


class Reader:
    """Signed reads of one auditor from any node."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance
        self._signer = Signer.of(AUDITOR, "audit")
        self._http = httpx.AsyncClient(timeout=ANSWER_S_MAX)

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, node: str, path: str, query: str = "") -> httpx.Response:
        """One signed read. Raises ``httpx.TransportError``."""
        place = self._cluster.places[node]
        path = quote(path, safe="/:")
        headers = sign_request(
            RequestTarget("GET", f"127.0.0.1:{place.port}", path, query),
            b"",
            organisation=self._signer.organisation,
            key=self._signer.key,
            created_s=int(time.time()),
            nonce=f"{self._chance.getrandbits(128):032x}",
            sign=lambda base: crypto.sign(
                self._signer.private, CONTEXT, Digest(self._cluster.chain), base
            ),
        )
        target = f"{path}?{query}" if query else path
        return await self._http.get(place.url + target, headers=headers)

    async def get_at_last(self, node: str, path: str, query: str = "") -> httpx.Response:
        """The same, again for as long as the node is busy. Raises ``httpx.TransportError``."""
        while True:
            answer = await self.get(node, path, query)
            if not is_for_now(answer.status_code):
                answer.raise_for_status()
                return answer
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))


class Clients:
    """All sessions of a run."""

    def __init__(self, cluster: Cluster, history: History, seed: int, sessions: int) -> None:
        self._cluster = cluster
        self._history = history
        self.counts: Counter[str] = Counter()
        self.acknowledged = asyncio.Event()
        self.stopping = False
        self._sessions = [
            _Session(number, self, random.Random(f"{seed}/session/{number}"))
            for number in range(sessions)
        ]
        self._reader = Reader(cluster, random.Random(f"{seed}/reader"))
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: list[asyncio.Task[None]] = []

    @property
    def cluster(self) -> Cluster:
        return self._cluster

    @property
    def history(self) -> History:
        return self._history

    @property
    def reader(self) -> Reader:
        return self._reader

    def start(self) -> None:
        self._tasks = [asyncio.create_task(session.run()) for session in self._sessions]
        self._watching = [asyncio.create_task(self._watch(name)) for name in self._cluster.names]

    async def stop(self) -> None:
        """Let every session finish what it has in hand. Raises what ended one."""
        self.stopping = True
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in (*self._tasks, *self._watching):
            task.cancel()
        await asyncio.wait([*self._tasks, *self._watching])
        await self._reader.close()
        for session in self._sessions:
            await session.close()

    async def wait_acknowledged(self, count: int, seconds: float) -> bool:
        """Until so many more transactions were acknowledged, or the time is over."""
        wanted = self.counts["acknowledged"] + count
        try:
            async with asyncio.timeout(seconds):
                while self.counts["acknowledged"] < wanted:
                    for task in self._tasks:
                        if task.done():
                            task.result()
                    self.acknowledged.clear()
                    await self.acknowledged.wait()
        except TimeoutError:
            return False
        return True

    async def _watch(self, name: str) -> None:
        """What head a node shows, several times a second, through all of its lives."""
        place = self._cluster.places[name]
        async with httpx.AsyncClient(timeout=2.0) as http:
            while True:
                life = self._cluster.lives[name]
                try:
                    answer = await http.get(f"{place.url}/v1/ready")
                    height = answer.json()["height"]
                except (httpx.TransportError, ValueError, KeyError):
                    pass
                else:
                    if life == self._cluster.lives[name]:
                        self._history.seen.append(Seen(name, time.monotonic(), height, life))
                await asyncio.sleep(LOOK_S)


class _Session:
    def __init__(self, number: int, clients: Clients, chance: random.Random) -> None:
        self._number = number
        self._clients = clients
        self._cluster = clients.cluster
        self._chance = chance
        self._http = httpx.AsyncClient(timeout=ANSWER_S_MAX)
        self._bills = iter(range(number * NUMBERS, (number + 1) * NUMBERS))
        self._settled: list[tuple[str, int]] = []
        self._deposits = iter(range(NUMBERS))
        self._height = 0

    async def close(self) -> None:
        await self._http.aclose()

    async def run(self) -> None:
        while not self._clients.stopping:
            batch, bills = self._next()
            until_ms = time.time_ns() // 1_000_000 + VALID_MS
            tx_id, wire = sign_batch(batch, self._cluster.chain, until_ms)
            if await self._submit(tx_id, wire):
                self._settled += [(batch.signer.organisation, bill) for bill in bills]
                await self._look(tx_id, bills)

    def _next(self) -> tuple[Batch, list[int]]:
        """What to do next, and the bills that it settles."""
        chance, country = self._chance, self._cluster.country
        kind = chance.choices(("settle", "reverse", "deposit"), (6, 2, 2))[0]
        if kind == "reverse" and self._settled:
            institution, bill = chance.choice(self._settled[-50:])
            claim = country.claim_id(institution, bill)
            args: dict[str, Any] = {
                "claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"
            }  # fmt: skip
            return Batch(Signer.of(institution, "clerk"), [Planned("claim", "reverse", args)]), []
        if kind == "deposit":
            person = chance.randrange(country.size.persons)
            bureau = f"bureau:{country.area_of(person)[:2]}0000"
            calls = [
                Planned("funds", "deposit", {
                    "transfer": f"{own_prefix(bureau)}d{self._number}-{next(self._deposits)}",
                    "person": country.person(person), "amount_fen": chance.randint(1, 10**6),
                })
            ]  # fmt: skip
            return Batch(Signer.of(bureau, "clerk"), calls), []
        bills = [next(self._bills) for _ in range(chance.randint(1, 4))]
        institution = chance.choice(country.institutions)
        planned = [country.outpatient(institution, bill) for bill in bills]
        return Batch(Signer.of(institution, "clerk"), planned), bills

    async def _submit(self, tx_id: bytes, wire: bytes) -> bool:
        """Whether it was acknowledged."""
        began = time.monotonic()
        counts = self._clients.counts
        counts["submitted"] += 1
        node = ""
        height = refused = None
        for node in self._nodes():
            if time.monotonic() - began > GIVE_UP_S:
                break
            answer = await self._hand_in(node, wire)
            if answer is None:
                counts["unanswered"] += 1
                await asyncio.sleep(self._chance.uniform(0.05, 0.2))
            elif answer.status_code == 200:
                said = answer.json()
                height = int(said["header"]["height"])
                counts.update(f"calls {one['receipt']['status']}" for one in said["receipts"])
                break
            elif is_for_now(answer.status_code):
                counts[f"{answer.status_code} {_code(answer)}"] += 1
                wait_s = float(answer.headers.get("retry-after", "1"))
                await asyncio.sleep(min(wait_s, 2.0) * self._chance.uniform(0.5, 1.0))
            else:
                refused = _code(answer)
                counts[f"refused {refused}"] += 1
                break
        ended = time.monotonic()
        self._clients.history.submissions.append(
            Submission(tx_id, self._number, node, began, ended, height, refused)
        )
        if height is None:
            counts["of unknown fate" if refused is None else "refused"] += 1
            return False
        counts["acknowledged"] += 1
        self._height = max(self._height, height)
        self._clients.acknowledged.set()
        return True

    async def _hand_in(self, node: str, wire: bytes) -> httpx.Response | None:
        try:
            return await self._http.post(
                self._cluster.places[node].url + SUBMIT_AND_WAIT,
                content=wire,
                headers={"Content-Type": "application/octet-stream"},
            )
        except httpx.TransportError:
            return None

    def _nodes(self) -> Iterator[str]:
        """All nodes in turn, from a random one on, for ever."""
        names = self._cluster.names
        start = self._chance.randrange(len(names))
        while True:
            yield names[start % len(names)]
            start += 1

    async def _look(self, tx_id: bytes, bills: list[int]) -> None:
        """Read an account that a bill touched; now and then take a proof."""
        country, chance = self._cluster.country, self._chance
        if bills:
            person = country.person_of(bills[0])
            account = chance.choice((f"person:{person}:account", f"fund:{person.split(':')[1]}"))
            await self._read(account)
        if chance.random() < 0.1:
            await self._prove(tx_id)

    async def _read(self, account: str) -> None:
        node = self._chance.choice(self._cluster.names)
        try:
            answer = await self._clients.reader.get(
                node, f"/v1/accounts/{account}", f"min_height={self._height}"
            )
        except httpx.TransportError:
            return
        if is_for_now(answer.status_code):
            self._clients.counts["reads put off"] += 1
            return
        answer.raise_for_status()
        said = answer.json()
        self._clients.history.reads.append(
            Read(
                self._number, node, time.monotonic(), account, self._height, said["height"],
                said["balances"],
            )
        )  # fmt: skip
        self._clients.counts["reads"] += 1
        self._height = max(self._height, said["height"])

    async def _prove(self, tx_id: bytes) -> None:
        node = self._chance.choice(self._cluster.names)
        path = f"/v1/receipts/{tx_id.hex()}/0/evidence"
        try:
            answer = await self._clients.reader.get(node, path, f"min_height={self._height}")
        except httpx.TransportError:
            return
        if not is_for_now(answer.status_code):
            answer.raise_for_status()
            self._clients.history.proofs.append(Proof(tx_id, 0, node, answer.content))


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code"))
    except ValueError:
        return "?"
