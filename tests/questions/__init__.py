"""Questions that a reviewer asks, each answered by commands whose output is on a page.

``asked`` runs the commands as the party that asks, before a real node in this process, and keeps
what they print. Each other module answers some of the questions; ``docs/questions.md`` is what
they came to, and a test holds the page and the commands together.

    python -m tests.questions > docs/questions.md
"""
