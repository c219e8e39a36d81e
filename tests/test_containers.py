"""The container files: compose's own schema, and the image starts what the network needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_compose_file_is_of_the_compose_schema() -> None:
    result = check(ROOT / "docker-compose.yml")
    assert result.returncode == 0, result.stdout


def test_a_compose_file_with_an_unknown_field_is_noticed(tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text.replace("restart: on-failure", "restarts: on-failure"), encoding="utf-8")
    assert check(broken).returncode != 0


def test_containers_run_commands_that_exist_on_the_port_that_is_exposed() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = services["found"]["command"]
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", *found[1:3], "--help"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    port = found[found.index("--port") + 1]
    assert f"EXPOSE {port}" in image
    assert services["node"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    for package in ("consensus", "contracts", "node", "cli"):
        assert f"COPY {package} {package}" in image
