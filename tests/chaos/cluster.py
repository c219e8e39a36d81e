"""Node processes of one run, and what can be done to them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import httpx

from node.benchmark import nodes
from node.benchmark.workload import Country, Size
from node.ports import free_ports

SETTINGS = """[store]
tree_depth = 8

[log]
format = "json"
"""
DISK_MIB = 512
READY_S_MAX = 90.0
LOOK_S = 0.1
SIZE = Size(persons=48, areas=4, institutions=6)


class Cluster:
    """The processes of a network in a folder."""

    def __init__(self, folder: Path, size: int, now_ms: int) -> None:
        ports = free_ports(2 * size)
        self.country = Country(SIZE, now_ms, peers=ports[:size])
        listen = dict(zip(self.country.validators, ports[size:], strict=True))
        self.ports = {name: (self.country.peers[name], listen[name]) for name in listen}
        self.folder = folder
        self._places = nodes.found(folder, self.country, SETTINGS, listen)
        self.places = {place.organisation: place for place in self._places}
        self.chain = nodes.chain_of(folder)
        self.genesis_bytes = (folder / "genesis.json").read_bytes()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.paused: set[str] = set()
        self.lives = dict.fromkeys(self.places, 0)
        """How often each node's folder was wiped."""
        self.mounted: str | None = None

    @property
    def names(self) -> list[str]:
        return list(self.places)

    def pids(self) -> dict[str, int]:
        """Of processes that run."""
        return {name: p.pid for name, p in self._processes.items() if p.poll() is None}

    def is_running(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def exit_code(self, name: str) -> int | None:
        return self._processes[name].poll()

    def start(self, name: str) -> None:
        assert not self.is_running(name), f"{name} runs already"
        self._processes[name] = nodes.start(self.places[name])

    async def wait_serving(self, name: str) -> None:
        """Until the node answers at all. Raises ``TimeoutError``, ``RuntimeError``."""
        async with asyncio.timeout(READY_S_MAX), httpx.AsyncClient(timeout=2.0) as client:
            while self.is_running(name):
                try:
                    await client.get(f"{self.places[name].url}/v1/health")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(LOOK_S)
        raise RuntimeError(f"{name} ended with {self.exit_code(name)}:\n{self.tail(name)}")

    # --- Faults -------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL, wherever it is."""
        process = self._processes[name]
        process.kill()
        process.wait()
        self.paused.discard(name)

    async def terminate(self, name: str) -> None:
        """SIGTERM, and wait for the end."""
        process = self._processes[name]
        process.terminate()
        await asyncio.to_thread(process.wait, nodes.STOP_S_MAX)

    def pause(self, name: str) -> None:
        """SIGSTOP: it holds everything it has and says nothing."""
        os.kill(self._processes[name].pid, signal.SIGSTOP)
        self.paused.add(name)

    def resume(self, name: str) -> None:
        if name in self.paused and self.is_running(name):
            os.kill(self._processes[name].pid, signal.SIGCONT)
        self.paused.discard(name)

    def wipe(self, name: str) -> None:
        """The disk was replaced: everything but keys and configuration is gone."""
        assert not self.is_running(name)
        data = self.places[name].folder / "data"
        for entry in list(data.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.lives[name] += 1

    def mount(self, name: str) -> str | None:
        """Put a node's data on a disk of its own that can be made small. None, or why not."""
        if os.geteuid():
            return "a tmpfs can only be mounted as root"
        data = self.places[name].folder / "data"
        kept = data.with_name("data.kept")
        if data.exists():
            data.rename(kept)
        data.mkdir(mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "yibao-chaos", str(data)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if kept.exists():
            shutil.copytree(kept, data, dirs_exist_ok=True)
            shutil.rmtree(kept)
        if done.returncode:
            return f"no tmpfs can be mounted here: {done.stderr.strip()}"
        self.mounted = name
        return None

    def fill_disk(self) -> None:
        """The disk of the node with a disk of its own is as small as what lies on it."""
        assert self.mounted is not None
        data = self.places[self.mounted].folder / "data"
        usage = os.statvfs(data)
        used_kib = (usage.f_blocks - usage.f_bfree) * usage.f_frsize // 1024
        self._resize(f"{used_kib + 8}k")

    def empty_disk(self) -> None:
        """Room again."""
        if self.mounted is not None:
            self._resize(f"{DISK_MIB}m")

    def _resize(self, size: str) -> None:
        assert self.mounted is not None
        data = self.places[self.mounted].folder / "data"
        subprocess.run(["mount", "-o", f"remount,size={size}", str(data)], check=True)

    def tail(self, name: str) -> str:
        """The last lines of a node's log."""
        log = self.places[name].folder / "node.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-12:])

    def close(self) -> None:
        """End all, unmount."""
        for name in list(self.paused):
            self.resume(name)
        nodes.stop(list(self._processes.values()))
        if self.mounted is not None:
            data = self.places[self.mounted].folder / "data"
            subprocess.run(["umount", str(data)], check=False)
            self.mounted = None
