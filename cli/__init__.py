"""The command ``yibao``: an HTTP client, local signing, local proof checking, offline policy tools.

``nouns`` says in which module each command is at home. Commands print tables for people and, with
``--json``, one JSON document for programs. Exit codes are in ``exits``; they are stable.
"""
