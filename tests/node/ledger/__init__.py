"""Tests of the ledger's vocabulary; ``world`` builds the small networks that they look at."""
