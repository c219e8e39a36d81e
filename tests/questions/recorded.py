"""The question whose answer needs several processes: a recorded run, and the tests that repeat it.

All other answers are made anew whenever the page is; this one takes a network of four processes and
a minute, so the page has what they printed once.
"""

from __future__ import annotations

from tests.questions.asked import Asked, question

RUN = """```console
# four bureaus, every step of docs/first-claim.md up to the visit; then the home bureau's node dies
$ yibao devnet up --dir net --bureaus 4
$ kill -9 $(cat net/nodes/2/node.pid)
# the hospital in Shanghai, by Beijing's node
$ yibao --key hospital.key claim settle bill.json
│ status         │ ok                                                               │
│ cash           │ 544.00 元                                                        │
│ funds          │ 756.00 元                                                        │
│ state          │ settled                                                          │
$ yibao --key net/keys/bureau.110000.clerk.key status
│ height       │ 9                                                                                                   │
│ ready        │ yes                                                                                                 │
│ waiting_for  │ Height 10, view 1: waits for a block to be proposed; not connected: bureau:430000 for 8 s           │
│              │ (Connection refused).                                                                               │
$ yibao devnet up --dir net
│ bureau:110000 │ http://127.0.0.1:56841 │ 13113 │ yes   │ 9      │
│ bureau:310000 │ http://127.0.0.1:59727 │ 13114 │ yes   │ 9      │
│ bureau:430000 │ http://127.0.0.1:41975 │ 13747 │ yes   │ 8      │
│ bureau:440000 │ http://127.0.0.1:41475 │ 13116 │ yes   │ 9      │
```
"""  # noqa: E501


@question(6)
def a_node_is_offline(asked: Asked) -> None:
    """A bureau node is offline during a discharge: does the patient leave? (seconds are
    expected)"""
    asked.tell(
        "Yes: three of four bureaus order and decide, also when the one that is missing is the "
        "insured place's own; its policy, its fund and the person's record are on every node. A "
        "recorded run on two cores that were busy with other work: the command took 4.9 s from "
        "start to receipt, a view change among them; the restarted node is a block behind and "
        "takes it from the others."
    )
    asked.parts.append(RUN)
    asked.tell(
        "Repeated by `tests/node/service/test_network_process.py` and "
        "`tests/node/service/test_cluster.py`; minutes of it under load are in "
        "[chaos-runs.md](chaos-runs.md). With a line down at the hospital's end the bill is "
        "settled when it is back, by the facts of admission ([scenes.md](scenes.md))."
    )
