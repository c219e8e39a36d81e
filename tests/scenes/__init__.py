"""Scenes: what happens to people, told end to end over the node's edge, for a bureau chief to read.

Every call in them is a transaction signed by the party that makes it, handed in over HTTP to a real
node, and every look is a signed request of the one who looks. ``country`` has the places, parties
and rules; each other module tells scenes. A scene's sentences carry the figures that the node
answered: ``docs/scenes.md`` is what they say, and a test holds page and node together.

    python -m tests.scenes > docs/scenes.md
"""
