"""The domain: who is insured where, what was done, what it costs, who pays (SETTLEMENT.md)."""
