"""A bank's or hospital's member node over a real node in this process, and nodes that lie.

The real node stands behind its real edge; each address of the member node is a transport to it,
which may bend what it hears. The member node's store may crash at any write.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from contracts.settlement.calendar import date_of_ms
from node.ledger.types import OrgId
from node.member.build import Built, build
from node.member.config import BankConfig, Config, MemberConfig, NodesConfig
from node.member.remote import Signer
from node.telemetry import make_logger
from tests.contracts.world import BANK, CENTRE, secret_of
from tests.node.api.asgi import AUTHORITY
from tests.node.api.real import PARTIES, NodeWorld
from tests.node.store.sim_kv import SimKV

FINANCE = "finance:430000"
OTHER_BANK = "bank:ccb"
PAIRS = [(f"{code}0000", scheme) for scheme in ("310", "390") for code in range(11, 66)
         if code not in (41, 43)]  # fmt: skip
"""Places of care and schemes: each has one advance, and so one order."""
Bend = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Door(httpx.BaseTransport):
    """The way to the real node; ``bend`` is what a liar makes of its answers."""

    def __init__(self, world: NodeWorld, bend: Bend | None = None) -> None:
        self.world, self.bend = world, bend
        self.asked: list[str] = []
        self.queries: list[tuple[str, str]] = []
        self.submitted: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        body = request.read()
        self.asked.append(path)
        self.queries.append((path, query))
        if path == "/v1/transactions":
            self.submitted.append(body)
        reply = self.world.api.send(
            request.method, path, query, headers=list(request.headers.items()), body=body
        )
        answer = httpx.Response(reply.status, headers=reply.headers, content=reply.body)
        return answer if self.bend is None else self.bend(request, answer)


class Desk:
    """A ledger on which finance departments order payments, and a bank's member node."""

    def __init__(
        self, folder: Path, *, organisation: str = BANK, world: NodeWorld | None = None
    ) -> None:
        more = ((FINANCE, "finance", "430000"), (OTHER_BANK, "bank", "000000"))
        if world is None:
            world = NodeWorld(folder / "node", parties=(*PARTIES, *more))
        self.world = world
        self.folder = folder / "exchange"
        self.organisation = organisation
        self.kv = SimKV()
        self.ahead_ms = 0
        """How far the member node's clock is ahead of the nodes'."""
        self.doors: list[Door] = [Door(self.world)]
        self.log = io.StringIO()
        self.format = "json"
        self.orders = 0

    def fresh(self, folder: Path, *bends: Bend | None) -> Desk:
        """A new member node and folder at the same ledger; a door for each bend."""
        self.kv, self.folder, self.log = SimKV(), folder, io.StringIO()
        self.doors = [Door(self.world, bend) for bend in bends or (None,)]
        self.format = "json"
        self.ahead_ms = 0
        return self

    # --- The ledger ---------------------------------------------------------------------------

    @property
    def today(self) -> str:
        return date_of_ms(self.world.clock.ms)

    def order(self, fen: int = 1_234_567, *, bank: str = BANK, approved: bool = True,
              payee_bank: str | None = None) -> str:  # fmt: skip
        """An advance that is to be paid through a bank; gives the payment."""
        care, scheme = PAIRS[self.orders]
        quota = {"home": "430000", "care": care, "scheme": scheme, "quota_fen": fen}
        made = self.world.do(CENTRE, "advance", "set_quota", quota, post="finance")
        self.orders += 1
        payment = f"{FINANCE}:{self.orders}"
        order = {"payment": payment, "notice": made.answer["notice"], "amount_fen": fen,
                 "bank": bank}  # fmt: skip
        if payee_bank is not None:
            order["payee_bank"] = payee_bank
        self.world.do(FINANCE, "payment", "order", order, post="finance")
        if approved:
            self.world.do(FINANCE, "payment", "approve", {"payment": payment}, post="checker")
        return payment

    def payment(self, name: str) -> list[Any]:
        """The payment as the state has it."""
        with self.world.node.reader.view() as view:
            value: list[Any] = view.state(f"payment/{name}")
        return value

    # --- The member node ----------------------------------------------------------------------

    def open(self, **nodes: Any) -> Built:
        """The member node on its store, as after a start."""
        addresses = [f"http://{AUTHORITY}/{n}" for n in range(len(self.doors))]
        doors = dict(zip(addresses, self.doors, strict=True))
        own = self.folder if self.organisation.startswith("bank:") else None
        folder = nodes.pop("folder", own)
        config = Config(
            member=MemberConfig(
                organisation=self.organisation, genesis=Path("g"), data_dir=Path("d"),
                key=Path("k"), chain=self.world.genesis.chain.hex(),
            ),
            nodes=NodesConfig(addresses=tuple(addresses), refresh_rounds=nodes.pop("refresh", 1)),
            bank=BankConfig(folder=folder, format=self.format),
        )  # fmt: skip
        signer = Signer(
            OrgId(self.organisation), self.world.genesis.chain,
            secret_of(self.organisation, "finance"),
        )  # fmt: skip

        def transport(address: str) -> httpx.BaseTransport:
            return Cut(doors[address])

        return build(
            config, self.world.genesis, signer, self.kv, make_logger("info", "json", self.log),
            now_ms=lambda: self.world.clock.now_ms() + self.ahead_ms,
            monotonic_s=lambda: self.world.clock.ms / 1_000, transport=transport,
        )  # fmt: skip

    def rounds(self, count: int = 1, built: Built | None = None) -> Built:
        """So many rounds of the member node."""
        built = self.open() if built is None else built
        for _ in range(count):
            built.round()
        return built

    # --- The folder ---------------------------------------------------------------------------

    def out(self) -> dict[str, Any]:
        """Instruction files by name."""
        return {
            path.name: json.loads(path.read_text(encoding="utf-8-sig"))
            for path in sorted((self.folder / "out").iterdir())
        }

    def drop(self, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
        """A statement of the bank's own system."""
        path = self.folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(list(rows)), encoding="utf-8")
        return path

    def row(self, reference: str, order: str, **given: str) -> dict[str, str]:
        return {"reference": reference, "order": order, "direction": "out",
                "amount": "12,345.67", "value_on": self.today, "reason": "", **given}  # fmt: skip

    def result(self, where: str, name: str) -> dict[str, Any]:
        path = self.folder / where / f"{name}.result.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def files(self, where: str) -> list[str]:
        return sorted(path.name for path in (self.folder / where).iterdir())

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def close(self) -> None:
        self.world.close()


class Cut(httpx.BaseTransport):
    """Takes the number off an address: by it nodes of a test differ, and the edge knows none."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        url = request.url.copy_with(raw_path=("/" + path.split("/", 2)[2]).encode())
        made = httpx.Request(request.method, url, headers=request.headers, content=request.read())
        return self._door.handle_request(made)
