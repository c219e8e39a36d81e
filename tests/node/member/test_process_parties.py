"""Real processes: a hospital's and a finance department's member nodes, killed on the way; in the
end their files hold with every node off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.member.__main__ import Exit
from node.ports import free_ports
from tests.cli.month_desk import FINANCE_GUANGZHOU, JUNE
from tests.cli.running import process
from tests.contracts.world import HOSPITAL
from tests.node.member.processes import LyingProxy, MemberProcess, until
from tests.node.member.test_process import closed_month, node_of, seed_of

pytestmark = [pytest.mark.process, pytest.mark.slow]
NOTICE = f"institution:{JUNE}:{HOSPITAL}"


def test_a_hospital_and_who_pays_it_know_the_same_with_every_node_off(tmp_path: Path) -> None:
    genesis, chain, payment, owed, _ = closed_month(tmp_path)
    running: list[MemberProcess] = []

    def member(organisation: str, *addresses: str) -> MemberProcess:
        made = MemberProcess(
            tmp_path / organisation.replace(":", "."), organisation=organisation, chain=chain,
            genesis=genesis, seed=seed_of(organisation, "finance"), addresses=addresses,
        )  # fmt: skip
        running.append(made)
        made.start()
        return made

    def listed(one: MemberProcess, what: str, count: int) -> list[dict[str, Any]]:
        def known() -> Any:
            code, found = one.yibao("list", what)
            return found["records"] if code == 0 and len(found["records"]) >= count else None

        rows: list[dict[str, Any]] = until(known, one.log)
        return rows

    (port,) = free_ports(1)
    liar = LyingProxy(f"http://127.0.0.1:{port}")
    try:
        with node_of(tmp_path, genesis, chain, port, liar) as place:
            hospital = member(HOSPITAL, liar.address, place.url)
            hospital.wait_started()
            hospital.kill()
            hospital.start()
            office = member(FINANCE_GUANGZHOU, liar.address, place.url)
            for one in (hospital, office):
                listed(one, "payments", 1)
            listed(hospital, "settlements", 1)
            listed(hospital, "declared", 1)
        # Every node is off; a member node that starts now knows what it knew.
        office.kill()
        office.start()
        office.status()
        (notice,) = listed(office, "notices", 1)
        assert (notice["name"], notice["side"], notice["open_fen"]) == (NOTICE, "pay", owed)
        assert [one["state"] for one in notice["payments"]] == ["approved"]
        code, month = hospital.yibao("month", JUNE)
        assert (code, month["rows_agree"], month["expected_fen"]) == (0, True, owed)
        assert (month["received_fen"], month["open_fen"]) == (0, owed)
        for kind, name in (("month", JUNE), ("notice", NOTICE), ("payment", payment)):
            file = tmp_path / f"{kind}.evidence"
            assert hospital.yibao("proof", kind, name, "-o", file)[0] == 0
            assert process("proof", "verify", file, "--genesis", genesis).returncode == 0
    finally:
        codes = [one.stop() for one in running]
        liar.close()
    assert codes == [Exit.STOPPED, Exit.STOPPED], [one.log() for one in running]
