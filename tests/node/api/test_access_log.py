"""Looks at a person's data: logged before the answer, chained, rooted by day, shown to them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.api.access_log import AccessLog, AccessLogBroken, Look, day_of, line_digest
from node.ledger import merkle
from tests.node.api.conftest import Edge
from tests.node.api.story import CLAIM, PERSON
from tests.node.api.world import HOSPITAL, OTHER_HOSPITAL, START_MS, reader

DAY_MS = 86_400_000


def look(number: int = 0, time_ms: int = START_MS, person: str = PERSON) -> Look:
    return Look(time_ms, 7, HOSPITAL, "staff-clerk", "clerk", "person", f"person/{number}", person)


def test_looks_are_logged_and_shown_to_the_home_bureau(edge: Edge) -> None:
    edge.api.get(f"/v1/claims/{CLAIM}/explanation", reader(HOSPITAL, "doctor"))
    edge.api.get(f"/v1/persons/{PERSON}", reader("auditor:national", "audit"))
    edge.api.get(f"/v1/claims/{CLAIM}/attachments", reader("bureau:440100"))
    reply = edge.api.get(f"/v1/persons/{PERSON}/looks", reader("bureau:430100"))
    looks = reply.json()["looks"]
    assert [(one["organisation"], one["post"], one["route"]) for one in looks] == [
        ("bureau:430100", "clerk", "person_looks"),
        ("bureau:440100", "clerk", "claim_attachments"),
        ("auditor:national", "audit", "person"),
        (HOSPITAL, "doctor", "claim_explanation"),
    ]
    assert all(one["person"] == PERSON and one["holder"] for one in looks)
    assert edge.log.check() == 4


def test_an_estimate_is_a_look_at_whom_it_is_about(edge: Edge) -> None:
    """The person stands inside the visit of a settlement that was never registered."""
    body = json.dumps(
        {"contract": "claim", "method": "estimate", "args": {"visit": {"person": PERSON}}}
    ).encode()
    reply = edge.api.post("/v1/estimate", body, "application/json", reader(HOSPITAL, "operator"))
    assert reply.status == 200
    (entry,) = list(edge.log)
    assert (entry["person"], entry["subject"]) == (PERSON, "claim.estimate")


def test_a_refused_look_and_a_look_at_amounts_are_no_looks(edge: Edge) -> None:
    assert edge.api.get(f"/v1/persons/{PERSON}", reader(OTHER_HOSPITAL)).status == 403
    assert edge.api.get(f"/v1/claims/{CLAIM}", reader("finance:430100")).status == 200
    assert edge.api.get("/v1/accounts/fund:430100", reader("bureau:430100")).status == 200
    assert list(edge.log) == []
    assert edge.api.get(f"/v1/claims/{CLAIM}", reader("bureau:430100")).status == 200
    assert [one["subject"] for one in edge.log] == [f"claim/{CLAIM}"]


def test_a_look_that_cannot_be_logged_is_not_answered(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    reply = edge.api.get(f"/v1/persons/{PERSON}", reader("bureau:430100"))
    assert (reply.status, reply.code) == (503, "node.unavailable")
    monkeypatch.undo()
    assert list(edge.log) == [], "what was half written was taken back"
    assert edge.api.get(f"/v1/persons/{PERSON}", reader("bureau:430100")).status == 200
    assert edge.log.check() == 1


def test_the_root_of_a_day_for_the_operator_s_transaction(edge: Edge) -> None:
    for _ in range(3):
        edge.api.get(f"/v1/persons/{PERSON}", reader("bureau:430100"))
    answer = edge.api.get(
        "/v1/access-log/2026-01-01/root", reader("bureau:430000", "operator")
    ).json()
    lines = (next(edge.log._folder.glob("*.jsonl"))).read_bytes().splitlines()
    assert answer["count"] == len(lines) == 3
    assert answer["root"] == merkle.compute_root(lines).hex()
    # One look is shown with a proof that shows nobody else's.
    hashes = [merkle.leaf_hash(line) for line in lines]
    merkle.verify_inclusion(
        bytes.fromhex(answer["root"]), 3, 1, hashes[1], merkle.inclusion_path(hashes, 1)
    )


def test_days_are_those_of_the_ledger_and_the_chain_runs_across(tmp_path: Path) -> None:
    log = AccessLog(tmp_path)
    midnight = START_MS + 16 * 3_600_000  # 2026-01-02 00:00 in UTC+8
    for number, time_ms in enumerate((midnight - 1, midnight, midnight + DAY_MS)):
        log.write(look(number, time_ms))
    assert log.days() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert [log.root(day).count for day in log.days()] == [1, 1, 1]
    lines = [json.loads(line) for day in log.days() for line in log._lines(day)]
    assert lines[0]["previous"] == "00" * 32
    assert lines[1]["previous"] == line_digest(log._lines("2026-01-01")[0])
    log.write(look(3, midnight))  # a clock that was set back goes on in the newest day
    assert log.root("2026-01-03").count == 2
    log.close()
    again = AccessLog(tmp_path)
    again.write(look(4, midnight + DAY_MS))
    assert again.check() == 5
    again.close()


@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.sampled_from(["look", "full disk", "crash", "start"])),
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_clocks_full_disks_and_crashes_break_no_chain(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, str]]
) -> None:
    """Whatever the day is by the clock, and whatever became of the write before."""
    folder = tmp_path_factory.mktemp("looks")
    log, time_ms, count = AccessLog(folder), START_MS, 0
    for days, event in events:
        time_ms += days * DAY_MS
        if event == "look":
            log.write(look(count, time_ms))
            count += 1
        elif event == "full disk":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fdatasync", lambda _file: (_ for _ in ()).throw(OSError(28)))
                with pytest.raises(OSError, match="28"):
                    log.write(look(count, time_ms))
        else:
            log.close()
            if event == "crash":  # the first bytes of a look, in the file of its day
                day = max([day_of(time_ms), *log.days()])
                with (folder / f"access-{day}.jsonl").open("ab") as file:
                    file.write(b'{"time_ms"')
            log = AccessLog(folder)
        assert log.check() == count
    log.close()
    last = AccessLog(folder)
    assert last.check() == count
    assert len(last.looks_at(PERSON, 100)) == count
    last.close()


def test_the_index_of_persons_is_mended_and_built_again(tmp_path: Path) -> None:
    """Derived from the days: a crash, a torn row or a lost folder change no answer."""
    log = AccessLog(tmp_path)
    people = [f"p:430100:{number % 5}" for number in range(40)]
    for number, person in enumerate(people):
        log.write(look(number, START_MS + number * DAY_MS // 8, person))
    wanted = {person: log.looks_at(person, 100) for person in people}
    assert [one["subject"] for one in wanted["p:430100:3"]] == [
        f"person/{number}" for number in range(38, 0, -5)
    ]
    assert log.looks_at("p:430100:3", 2) == wanted["p:430100:3"][:2]
    assert log.looks_at("p:430100:9", 2) == []
    log.close()
    newest = log.days()[-1]
    for path in (tmp_path / "index").iterdir():
        rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join(row for row in rows if not row.startswith(newest)))
    mended = AccessLog(tmp_path)
    assert {person: mended.looks_at(person, 100) for person in people} == wanted
    mended.close()
    shutil.rmtree(tmp_path / "index")
    again = AccessLog(tmp_path)
    assert {person: again.looks_at(person, 100) for person in people} == wanted
    again.close()


def test_a_torn_last_line_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    log = AccessLog(tmp_path)
    for number in range(3):
        log.write(look(number))
    log.close()
    path = tmp_path / "access-2026-01-01.jsonl"
    whole = path.read_bytes()
    third = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in (*range(third, len(whole), 17), len(whole) - 1):
        path.write_bytes(whole[:cut])
        again = AccessLog(tmp_path)
        again.write(look(9))
        assert [one["subject"] for one in again] == ["person/0", "person/1", "person/9"]
        assert again.check() == 3
        again.close()


@settings(max_examples=25)
@given(st.data())
def test_a_changed_or_missing_line_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("looks")
    log = AccessLog(folder)
    for number in range(6):
        log.write(look(number, START_MS + number * DAY_MS // 2))
    paths = sorted(folder.glob("*.jsonl"))
    lines = [line for path in paths for line in path.read_bytes().splitlines(keepends=True)]
    place = data.draw(st.integers(0, len(lines) - 2))
    path = next(p for p in paths if lines[place] in p.read_bytes())
    content = path.read_bytes()
    if data.draw(st.booleans()):
        damaged = content.replace(lines[place], b"")
    else:
        offset = data.draw(st.integers(0, len(lines[place]) - 2))
        bit = 1 << data.draw(st.integers(0, 7))
        start = content.index(lines[place])
        changed = bytes([content[start + offset] ^ bit])
        damaged = content[: start + offset] + changed + content[start + offset + 1 :]
    path.write_bytes(damaged)
    with pytest.raises(AccessLogBroken):
        log.check()
    log.close()


def test_a_broken_newest_day_is_refused_at_the_start(tmp_path: Path) -> None:
    log = AccessLog(tmp_path)
    for number in range(3):
        log.write(look(number))
    log.close()
    path = tmp_path / "access-2026-01-01.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(AccessLogBroken, match="line 2"):
        AccessLog(tmp_path)


def test_the_files_are_for_the_node_s_user_alone(edge: Edge) -> None:
    edge.api.get(f"/v1/persons/{PERSON}", reader("bureau:430100"))
    assert edge.log._folder.stat().st_mode & 0o077 == 0
    files = [path for path in edge.log._folder.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
