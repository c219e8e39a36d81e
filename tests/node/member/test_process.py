"""Real processes: a closed month is paid through two banks' member nodes, killed on the way."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import devnet, network, processes
from cli.client import CallSpec, Client
from cli.identity import identity_of_seed, write_key
from cli.network import Network, NodePlace
from contracts.settlement import CONTRACTS, bank_order
from contracts.settlement.clearing.payment_record import Payment
from node.ledger.evidence import StateFacts, verify_evidence
from node.ledger.genesis import Genesis
from node.ledger.keystore import SCRYPT_N_LEAST, open_sealed
from node.member.__main__ import Exit, main
from node.ports import free_ports
from tests.cli.month_desk import FINANCE_GUANGZHOU, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.test_reimbursement import ACCOUNT
from tests.contracts.settlement.test_reimbursement import Desk as Window
from tests.contracts.world import BANK, BUREAU_HUNAN, HOSPITAL
from tests.node.member.processes import PASSPHRASE, LyingProxy, MemberProcess, until

pytestmark = [pytest.mark.process, pytest.mark.slow]
OTHER_BANK = "bank:ccb"
FINANCE = "finance:430000"


def seed_of(organisation: str, name: str) -> bytes:
    """The seed of ``tests.contracts.world.secret_of``."""
    return sha256(f"key of {name} at {organisation}".encode()).digest()


def today() -> str:
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d")


def row(reference: str, order: str, fen: int, direction: str = "out") -> dict[str, str]:
    amount = f"{fen // 100}.{fen % 100:02d}"
    return {"reference": reference, "order": order, "direction": direction,
            "amount": amount, "value_on": today(), "reason": ""}  # fmt: skip


TO_PERSON = "430100z-1/pay-1"


def closed_month(folder: Path) -> tuple[Path, bytes, str, int, int]:
    """A ledger on which June was closed, confirmed and ordered to be paid, and a person is to be
    reimbursed: what it lies in, its chain, the payment, its amount and the person's."""
    desk = Desk(folder / "ledger", parties=((OTHER_BANK, "bank", "000000"),))
    desk.settle("H44010000123-m-1", [line(1, BED, 50_000)])
    window = Window(desk.claims)
    due = window.approve(place={"institution": HOSPITAL}).answer["due_fen"]
    window.pay()
    desk.on("2025-07-02").declare()
    owed = desk.confirm()
    payment = f"{FINANCE_GUANGZHOU}:1"
    order = {"payment": payment, "notice": f"institution:{JUNE}:{HOSPITAL}", "amount_fen": owed,
             "bank": BANK, "payee_bank": OTHER_BANK}  # fmt: skip
    desk.do(FINANCE_GUANGZHOU, "payment", "order", order, "finance")
    desk.do(FINANCE_GUANGZHOU, "payment", "approve", {"payment": payment}, "checker")
    genesis = folder / "genesis.json"
    genesis.write_bytes(desk.world.genesis_bytes)
    chain = desk.world.genesis.chain
    desk.close()
    return genesis, chain, payment, owed, due


@contextmanager
def node_of(
    folder: Path, genesis: Path, chain: bytes, port: int, liar: LyingProxy
) -> Iterator[NodePlace]:
    """The bureau's node as a process on that ledger; the liar stands before it."""
    names = f'["127.0.0.1:{port}", "{liar.address.removeprefix("http://")}"]'
    place = NodePlace(BUREAU_HUNAN, port, folder / "node")
    place.folder.mkdir()
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE, encoding="utf-8")
    write_key(
        place.folder / "validate.key", seed_of(BUREAU_HUNAN, "validate"), PASSPHRASE,
        chain=chain, role="validate", owner=BUREAU_HUNAN, n=SCRYPT_N_LEAST,
    )  # fmt: skip
    place.config.write_text(
        f"""[node]
organisation = "{BUREAU_HUNAN}"
genesis = "{genesis}"
data_dir = "../ledger"
key = "validate.key"
passphrase_file = "../passphrase"

[store]
tree_depth = 4

[api]
port = {port}
authorities = {names}
""",
        encoding="utf-8",
    )
    started = processes.start(place)
    try:
        processes.wait_ready(place, started)
        yield place
    finally:
        processes.stop_all([started])


def height_of(place: NodePlace) -> int:
    return int(httpx.get(f"{place.url}/v1/ready", timeout=30.0).json()["height"])


def test_a_closed_month_is_paid_through_both_banks_member_nodes(tmp_path: Path) -> None:
    genesis, chain, payment, owed, due = closed_month(tmp_path)
    running: list[MemberProcess] = []

    def member(bank: str, *addresses: str) -> MemberProcess:
        made = MemberProcess(
            tmp_path / bank.replace(":", "."), organisation=bank, chain=chain, genesis=genesis,
            seed=seed_of(bank, "finance"), addresses=addresses,
        )  # fmt: skip
        running.append(made)
        made.start()
        return made

    (port,) = free_ports(1)
    liar = LyingProxy(f"http://127.0.0.1:{port}")
    with node_of(tmp_path, genesis, chain, port, liar) as place:
        try:
            bank = member(BANK, liar.address, place.url)
            pays(bank, {payment: owed, TO_PERSON: due}, lambda: height_of(place))
            proves(bank, genesis, due)
            receives(member(OTHER_BANK, place.url), payment, owed, genesis)
        finally:
            codes = [one.stop() for one in running]
            liar.close()
    assert codes == [Exit.STOPPED, Exit.STOPPED], [one.log() for one in running]


def test_a_key_of_another_network_signs_for_no_member_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    genesis, chain, *_ = closed_month(tmp_path)
    other = sha256(b"another network").digest()
    made = MemberProcess(
        tmp_path / "bank", organisation=BANK, chain=chain, genesis=genesis,
        seed=seed_of(BANK, "finance"), addresses=["http://127.0.0.1:1"],
    )  # fmt: skip
    file = made.folder / "bank.key"
    file.unlink()
    write_key(file, seed_of(BANK, "finance"), PASSPHRASE, chain=other, role="read,sign",
              owner=BANK, n=SCRYPT_N_LEAST)  # fmt: skip
    assert main([str(made.config)]) == Exit.CONFIG
    said = capsys.readouterr().err
    assert f"member.key is of network {other.hex()}, not {chain.hex()}" in said


def pays(bank: MemberProcess, orders: dict[str, int], height: Callable[[], int]) -> None:
    """Instructions come out once, the statement is worked through once, whenever it dies."""
    names = bank.wait_for("out", 2)
    bank.kill()
    shown = {order["order"]: order for name in names for order in bank.read("out", name)}
    assert {name: order["amount_fen"] for name, order in shown.items()} == orders
    person = shown.pop(TO_PERSON)
    (payment,) = shown.values()
    assert (payment["payee"], payment["payee_bank"], payment["account"]) == (
        HOSPITAL, OTHER_BANK, None
    )  # fmt: skip
    assert (person["payee"], person["account"]) == (None, ACCOUNT.hex())
    for name in names:
        (bank.folder / "exchange" / "out" / name).unlink()  # the bank's own system took it

    bank.start()
    bank.status()
    rows = [
        row("ICBC-1", payment["order"], payment["amount_fen"]), row("ICBC-2", "", 500, "in"),
        row("ICBC-3", TO_PERSON, orders[TO_PERSON]),
    ]  # fmt: skip
    before = height()
    bank.drop("day.json", rows)
    until(lambda: height() > before, bank.log)  # handed in, and hardly proved yet
    bank.kill()
    for _ in range(2):
        bank.start()
        bank.wait_started()
        bank.kill()
    bank.start()
    assert bank.wait_for("done", 2) == ["day.json", "day.json.result.json"]
    lines = bank.read("done", "day.json.result.json")["lines"]
    assert [one["outcome"] for one in lines] == ["matched", "suspense", "matched"]
    bank.drop("day-again.json", rows)
    bank.wait_for("done", 4)
    again = bank.read("done", "day-again.json.result.json")["lines"]
    assert [one["tx_id"] for one in again] == [one["tx_id"] for one in lines]

    def named() -> Any:
        status = bank.status()
        liar, honest = (node["state"] for node in status["nodes"])
        return (liar, honest, status["suspense"]) == ("lies", "agrees", 1)

    until(named, lambda: (bank.status(), bank.log()))
    assert bank.files("out") == [], "it came out once"


def proves(bank: MemberProcess, genesis: Path, due: int) -> None:
    """What was paid to the person is listed, and its file holds with every node switched off."""

    def known() -> Any:
        _, listed = bank.yibao("list", "orders")
        found = {one["name"]: one for one in listed["records"]}
        return found if found.get(TO_PERSON, {}).get("state") == "paid" else None

    order = until(known, bank.log)[TO_PERSON]
    assert (order["pays"], order["amount_fen"], order["reference"]) == (
        "reimbursement", due, "ICBC-3"
    )  # fmt: skip
    file = bank.folder / "person.evidence"
    code, _ = bank.yibao("proof", "order", TO_PERSON, "-o", file)
    assert code == 0
    facts = verify_evidence(file.read_bytes(), Genesis.parse(genesis.read_bytes()))
    assert isinstance(facts, StateFacts)
    assert facts.key == bank_order.key_of(BANK, TO_PERSON)
    proved = bank_order.BankOrder.decode(facts.value)
    assert (proved.stage, proved.account, proved.reference) == ("paid", ACCOUNT, "ICBC-3")


def receives(bank: MemberProcess, payment: str, owed: int, genesis: Path) -> None:
    """The payee's bank reports what it got; then both references are on the ledger, proved."""
    bank.status()
    bank.drop("in.json", [row("CCB-9", payment, owed, "in")])
    bank.wait_for("done", 2)

    def known() -> Any:
        _, listed = bank.yibao("list", "orders")
        return listed["records"] or None

    (order,) = until(known, bank.log)
    assert (order["name"], order["state"]) == (payment, "paid")
    assert (order["reference"], order["received_reference"]) == ("ICBC-1", "CCB-9")
    assert bank.files("out") == []
    file = bank.folder / "order.evidence"
    code, _ = bank.yibao("proof", "order", payment, "-o", file)
    assert code == 0
    facts = verify_evidence(file.read_bytes(), Genesis.parse(genesis.read_bytes()))
    assert isinstance(facts, StateFacts)
    proved = Payment.decode(facts.value)
    assert (proved.reference, proved.received_reference) == ("ICBC-1", "CCB-9")
    assert (bank.folder / "data" / "api.json").stat().st_mode & 0o077 == 0
    code, _ = bank.yibao("proof", "order", "no-such-order", "-o", file)
    assert code == 4


# --- Beside a network of four bureaus ------------------------------------------------------------


@pytest.fixture
def bureaus(tmp_path: Path) -> Iterator[tuple[Network, list[subprocess.Popen[bytes]]]]:
    members = [
        *devnet.members_of(devnet.PROVINCES, 4),
        network.Member(FINANCE, "finance", "430000", ("checker", "finance")),
        network.Member(BANK, "bank", "000000", ("clerk", "finance")),
    ]
    members = [
        member if member.id != "centre" else network.Member(
            "centre", "centre", "000000", ("checker", "finance")
        )
        for member in members
    ]  # fmt: skip
    names = [member.id for member in members if member.validator]
    free = free_ports(8)
    made = network.create(
        tmp_path / "net", members,
        ports=dict(zip(names, free[:4], strict=True)),
        peer_ports=dict(zip(names, free[4:], strict=True)),
        time_ms=time.time_ns() // 1_000_000, parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )  # fmt: skip
    processes.begin_keys(made.nodes)
    running = processes.start_all(made)
    try:
        yield made, running
    finally:
        processes.stop_all(running)


def call(net: Network, who: str, post: str, contract: str, method: str, args: Any) -> Any:
    """A call through the last bureau's node; its receipt's answer."""
    with Client(net.nodes[3].url, net.identity(who, post)) as client:
        spec = CallSpec(contract, method, args, f"{contract}.{method}")
        receipt = client.submit([spec])["receipts"][0]["receipt"]
    assert receipt["status"] == "ok", receipt
    return receipt["answer"]


def advance(net: Network, number: int) -> tuple[str, int]:
    """An advance between two provinces, ordered to be paid; the payment and its amount."""
    fen = 100_000 + number
    quota = {"home": "430000", "care": f"{number}0000", "scheme": "310", "quota_fen": fen}
    notice = call(net, "centre", "finance", "advance", "set_quota", quota)["notice"]
    payment = f"{FINANCE}:{number}"
    order = {"payment": payment, "notice": notice, "amount_fen": fen, "bank": BANK}
    call(net, FINANCE, "finance", "payment", "order", order)
    call(net, FINANCE, "checker", "payment", "approve", {"payment": payment})
    return payment, fen


def test_beside_four_bureaus_of_which_one_dies(
    tmp_path: Path, bureaus: tuple[Network, list[subprocess.Popen[bytes]]]
) -> None:
    net, running = bureaus
    bank = MemberProcess(
        tmp_path / "bank", organisation=BANK, chain=net.chain, genesis=net.genesis,
        seed=_seed(net, BANK, "finance"), addresses=[place.url for place in net.nodes[:3]],
    )  # fmt: skip
    first, fen = advance(net, 44)
    bank.start()
    try:
        bank.wait_for("out", 1)
        running[0].kill()
        running[0].wait()
        second, more = advance(net, 31)
        names = bank.wait_for("out", 2)
        shown = {o["order"]: o["amount_fen"] for name in names for o in bank.read("out", name)}
        assert shown == {first: fen, second: more}
        bank.drop("s.json", [row("A-1", first, fen), row("A-2", second, more)])
        bank.kill()
        bank.start()
        bank.wait_for("done", 2)
        lines = bank.read("done", "s.json.result.json")["lines"]
        assert [one["outcome"] for one in lines] == ["matched", "matched"]

        def settled() -> Any:
            status = bank.status()
            return status if status["open_orders"] == 0 and status["agree"] == 2 else None

        status = until(settled, bank.log)
        assert status["nodes"][0]["state"] == "silent"
        with Client(net.nodes[3].url, net.identity("centre", "finance")) as client:
            for payment, reference in ((first, "A-1"), (second, "A-2")):
                record = client.get(f"/v1/payments/{payment}")["record"]
                assert (record["stage"], record["reference"]) == ("paid", reference)
        assert len(bank.files("out")) == 2
    finally:
        code = bank.stop()
    assert code == Exit.STOPPED, bank.log()


def _seed(net: Network, organisation: str, post: str) -> bytes:
    """The seed in a key file of the network's folder."""
    passphrase = net.passphrase_file.read_text(encoding="utf-8")
    seed = open_sealed(net.key_path(organisation, post).read_bytes(), passphrase)
    assert identity_of_seed(organisation, seed).key == net.identity(organisation, post).key
    return seed
