"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# What a screen looks like must not depend on where the tests run; typer asks when it is imported.
for name in ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS"):
    os.environ.pop(name, None)

# A slow shared machine must not turn a property into a timing test; a failure must replay.
settings.register_profile("yibao", deadline=None, derandomize=True)
settings.load_profile("yibao")

# Whoever looked at a network in the same shell exported these, as the README says.
for name in ("YIBAO_NODE", "YIBAO_KEY", "YIBAO_PASSPHRASE", "YIBAO_PASSPHRASE_FILE"):
    os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public rules, interfaces and vectors that the project does not carry."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("public test data is absent: expected at ../shared/data")
    return folder
