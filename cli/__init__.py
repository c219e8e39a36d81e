"""The command ``yibao``: an HTTP client, local signing, local proof checking, offline policy tools.

``main`` mounts one module per noun. Commands print tables for people and, with ``--json``, one
JSON document for programs. Exit codes are in ``exits``; they are stable.
"""
