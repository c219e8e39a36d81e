"""The node process: ledger vocabulary, storage, stages, edges and their composition.

Layers, high to low: ``__main__``, ``service``, ``api | p2p``, stages (``mempool``, ``ordering``,
``execution``, ``indexer``, ``sync``: they never import each other), ``store``, and at the bottom
``ledger | config | telemetry``. import-linter keeps the directions.
"""
