"""Planted words of a patient's case come out only where the right is, and never sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.settlement import enrolment
from node.api.settings import ApiSettings
from tests.node.api import story
from tests.node.api.conftest import make_edge
from tests.node.api.test_rights import ESTIMATE_BODY, EXPECTED, SEE_LINES, SEE_PATIENT, request_of
from tests.node.api.world import ORGANISATIONS, CallSpec, MemoryNode, reader

DIAGNOSIS, AGE_STEP = "C34.900-canary", "age-78-canary"
MANY = ApiSettings(address_rate=10**6, address_burst=10**6, key_rate=10**6, key_burst=10**6)
CONTENT_ROUTES = {"receipt_attachments", "claim_attachments"}
EXPLAINED_ROUTES = {"receipt_explanation", "claim_explanation"}


def plant(monkeypatch: Any) -> None:
    monkeypatch.setattr(story, "LINES", [[DIAGNOSIS, *story.LINES[0][1:]]])
    explanation = {**story.explanation(), "note": AGE_STEP}
    monkeypatch.setattr(story, "explanation", lambda: explanation)


def test_canaries_come_out_only_where_the_right_is(tmp_path: Path, monkeypatch: Any) -> None:
    """Every route is asked by everybody; who gets to see a planted word is compared by hand."""
    plant(monkeypatch)
    edge = make_edge(tmp_path, MANY)
    for name in sorted(EXPECTED):
        path, query = request_of(name, edge)
        for organisation, _, _ in ORGANISATIONS:
            for post in ("clerk", "finance"):
                who = reader(organisation, post)
                if name == "estimate":
                    reply = edge.api.post(path, ESTIMATE_BODY, "application/json", who)
                else:
                    reply = edge.api.get(path, who, query, hang_up_after=8)
                clinical = DIAGNOSIS.encode() in reply.body
                explained = AGE_STEP.encode() in reply.body
                assert clinical == (name in CONTENT_ROUTES and reply.status == 200), (
                    name,
                    organisation,
                    post,
                )
                assert explained == (name in EXPLAINED_ROUTES and reply.status == 200), (
                    name,
                    organisation,
                    post,
                )
                if clinical:
                    assert organisation in SEE_LINES
                if explained:
                    assert organisation in SEE_PATIENT
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for word in (DIAGNOSIS, AGE_STEP):
        assert word.encode() not in logged


def test_salts_and_link_tokens_never_come_out_of_the_person(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, MANY)
    salt = story.person().salt.hex().encode()
    for organisation, _, _ in ORGANISATIONS:
        for path in (
            f"/v1/persons/{story.PERSON}",
            f"/v1/persons/{story.PERSON}/account",
            f"/v1/persons/{story.PERSON}/filings",
        ):
            assert salt not in edge.api.get(path, reader(organisation)).body


def test_a_fault_tells_neither_the_client_nor_the_log_what_it_met(
    tmp_path: Path, monkeypatch: Any
) -> None:
    edge = make_edge(tmp_path, MANY)

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError(f"{story.PERSON} {DIAGNOSIS}")

    monkeypatch.setattr(enrolment, "load_person", broken)
    path = f"/v1/persons/{story.PERSON}"
    reply = edge.api.get(path, reader("bureau:430100"), may_fault=True)
    assert (reply.status, reply.code) == (500, "node.failed")
    assert edge.api.faults == [("KeyError", edge.api.faults[0][1])]
    told = reply.body + repr(edge.api.faults).encode()
    for word in (story.PERSON, DIAGNOSIS, "Traceback", ".py"):
        assert word.encode() not in told


def test_the_framework_exports_nothing_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """A planted observer of the framework's own telemetry is never told anything."""
    pytest.importorskip("opentelemetry")
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    told: list[object] = []

    class Observer:
        """Stands for any provider of spans, metrics or log records."""

        def __getattr__(self, name: str) -> Any:
            told.append(name)
            raise AssertionError(f"the framework asked its telemetry for {name}")

    for name in ("trace.get_tracer_provider", "metrics.get_meter_provider"):
        monkeypatch.setattr(f"opentelemetry.{name}", lambda: Observer())
    monkeypatch.setattr("opentelemetry._logs.get_logger_provider", lambda: Observer())
    edge = make_edge(tmp_path, MANY)
    assert edge.api.get(f"/v1/persons/{story.PERSON}", reader("bureau:430100")).status == 200
    assert edge.api.get("/v1/headers/x", reader("bureau:430100")).status == 422
    assert told == []


def test_a_rejection_s_values_are_all_that_a_receipt_tells() -> None:
    """The fake node keeps what contracts keep: nothing of an attachment is in block or receipt."""
    node = MemoryNode()
    node.commit([CallSpec(attachments=(("settlement", {"diagnosis": DIAGNOSIS}),))])
    block = node.blocks[-1]
    for data in (block.header, *block.leaves, *block.receipts):
        assert DIAGNOSIS.encode() not in data
