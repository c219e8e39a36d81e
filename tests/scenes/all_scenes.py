"""All scenes in the order of the page: each module puts its own on the list when it is read."""

from __future__ import annotations

from tests.scenes import families, late_filings, lives, papers, travellers
from tests.scenes.told import SCENES

__all__ = ["SCENES", "families", "late_filings", "lives", "papers", "travellers"]
