"""The container files: compose's own schema, and the image starts what the network needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def folders_of_the_user(image: str) -> set[str]:
    """Folders that the image makes for the user as whom its containers run."""
    [user] = [line.split()[1] for line in image.splitlines() if line.startswith("USER ")]
    owned: set[str] = set()
    for line in image.splitlines():
        if line.startswith(f"RUN install -d -o {user} "):
            owned |= {word for word in line.split() if word.startswith("/")}
    return owned


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


def test_every_volume_is_writable_by_the_user_of_the_image() -> None:
    """Docker gives a new volume to root unless the image has its folder with another owner."""
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    mounts = {
        place
        for service in document["services"].values()
        for volume, place in (text.split(":") for text in service["volumes"])
        if volume in document["volumes"]
    }
    assert mounts == {"/network"}
    assert 'VOLUME ["/data"]' in image
    assert mounts | {"/data"} <= folders_of_the_user(image)
    assert not folders_of_the_user(image.replace("install -d -o yibao", "install -d -o root"))
