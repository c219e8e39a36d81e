"""System contract ``provider``: its methods are in ``standards`` and ``pay``."""

from __future__ import annotations

from contracts.api import Contract

CONTRACT = Contract("provider", version=1)
