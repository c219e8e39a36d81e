"""Real node processes under faults, and a checker that judges from outside.

Four or seven nodes run as processes on loopback. Peers reach each other through a TCP proxy of
these tests only, which delays, stalls, throttles and cuts; nodes are killed (SIGKILL), stopped
(SIGSTOP), run out of disk and lose their folder. Meanwhile clients settle and reverse claims and
move money through all nodes and read what they did. Nothing inside a node is looked at:

================== ============================================================================
``proxy.py``       the network between peers, with its faults
``cluster.py``     node processes: kill, stop, fill the disk, wipe, start
``nemesis.py``     which fault comes when: a list made from a seed
``clients.py``     sessions that submit and read, and write down what they were told
``history.py``     what they wrote down, and what the nodes hold at the end
``survey.py``      reads that at the end, over HTTP
``checker.py``     history -> violations; pure, and itself tested with planted histories
``run.py``         one run from start to verdict
================== ============================================================================

    python -m tests.chaos run --seed 7 --minutes 20 --nodes 4 --profile provinces

Everything that can come from the seed does: keys, bills, the order and targets of faults. What the
operating system makes of it does not, so a failing run is kept (``--keep``), not replayed.
The test command makes a bounded run (``test_chaos.py``); long ones are in docs/chaos-runs.md.
"""
