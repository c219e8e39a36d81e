"""What it takes to look at a year that was kept: a node's configuration and an auditor's key.

The year's keys are made from made-up seeds, the same in every run, so the passphrase beside the
key file guards nothing; it is there because key files have one.
"""

from __future__ import annotations

import os
from pathlib import Path

from node.benchmark.workload import Signer
from node.ledger import keystore
from node.ledger.genesis import Genesis
from node.year.places import AUDITOR

CONFIG, KEY, PASSPHRASE = "node.toml", "auditor.key", "passphrase"
WORDS = "a made-up year"
TEXT = f"""# The year's ledger, read by a node without a key: it orders nothing.
[node]
organisation = "{AUDITOR}"
genesis = "genesis.json"
data_dir = "data"
"""


def write_desk(folder: Path) -> list[str]:
    """Write the three files into the folder of a year; the commands that use them."""
    chain = Genesis.parse((folder / "genesis.json").read_bytes()).chain
    signer = Signer.of(AUDITOR, "audit")
    sealed = keystore.seal(
        signer.private.private_bytes_raw(), WORDS,
        keystore.Randomness(os.urandom(16), os.urandom(12)),
        chain=chain, role="read,sign", owner=AUDITOR, n=keystore.SCRYPT_N_LEAST,
    )  # fmt: skip
    (folder / CONFIG).write_text(TEXT, encoding="utf-8")
    for name, data in ((KEY, sealed), (PASSPHRASE, WORDS.encode())):
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(data)
    return [
        f"yibao node run {folder / CONFIG}",
        f"export YIBAO_KEY={folder / KEY} YIBAO_PASSPHRASE_FILE={folder / PASSPHRASE}",
    ]
