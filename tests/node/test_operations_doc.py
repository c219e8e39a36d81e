"""docs/operations.md says what the program does: every setting, exit code and stage is in it."""

from __future__ import annotations

from pathlib import Path

from node.__main__ import FAILURES, Exit
from node.config import describe
from node.store import errors
from node.telemetry import STAGES, Metrics

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_setting_stands_there_as_it_is() -> None:
    for name, kind, default, says in describe():
        assert f"| `{name}` | {kind} | {default} | {says} |" in TEXT, name


def test_every_exit_code_stands_there() -> None:
    for code in Exit:
        assert f"| {code.value} | {code.name} |" in TEXT, code


def test_every_stage_stands_there() -> None:
    for stage in STAGES:
        assert f"| `{stage}` |" in TEXT, stage


def test_metrics_that_it_names_exist() -> None:
    exposition = Metrics().exposition().decode()
    for name in (
        "yibao_height", "yibao_ready", "yibao_behind_blocks", "yibao_pool_fill_ratio",
        "yibao_alarms", "yibao_quarantined", "yibao_rejections", "yibao_stage_seconds",
    ):  # fmt: skip
        assert name in TEXT
        assert f"# TYPE {name}" in exposition


def test_every_error_of_the_database_has_an_exit_code_and_advice() -> None:
    kinds = [kind for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, errors.StoreError)]  # fmt: skip
    assert len(kinds) == 5
    for kind in kinds:
        found = next(code for mapped, code in FAILURES if issubclass(kind, mapped))
        assert found in (Exit.DAMAGED, Exit.IN_USE, Exit.FOREIGN, Exit.DISK)
        assert kind("x").advice in str(kind("x"))
