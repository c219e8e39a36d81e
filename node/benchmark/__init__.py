"""Benchmarks of one node: settled claims a second, in the process and over HTTP.

Everything is real: signed transactions, contracts, policies, the state tree, synced writes. Only
the people and bills are made up. ``workload`` makes them, ``in_process`` and ``over_http`` measure,
``python -m node.benchmark`` (also ``yibao bench``) prints. Results are checked: a run whose
receipts are not all ``ok`` is no result. Small sizes run inside the tests, so that it cannot rot.
"""
