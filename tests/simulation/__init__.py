"""The full-stack simulator: whole nodes in one thread, under one seed and virtual time.

``python -m tests.simulation run --seed N`` runs the product's ``node.service.node.Node`` (driver,
consensus core, mempool, admission, exchange, received blocks, execution, ``Database``) unmodified
on several simulated machines. Exit code 0: all invariants held; 1: the last line has seed, event
and invariant. ``replay`` prints the whole log, ``shrink`` a smaller run that fails alike (both take
``--file`` too), ``campaign --from A --to B --jobs 2 --json`` runs many seeds.

=================== =============================================================================
``loop.py``         ``World``: the one heap of time; ``NodeLoop``: a node's asyncio event loop
``clock.py``        clocks that drift and jump
``disk.py``         database rows and safety slots, what a power failure leaves of them;
                    ``files.py`` other files
``net.py``          frames between machines: weather, cuts, connections; ``SimPeers``
``keys.py``         signatures: fake, memo, real; ``memo.py`` pure functions remembered
``machine.py``      a machine: disk, clocks, lives of a node
``founding.py``     the chain that every seed begins with
``work.py``         clients; ``members.py`` votes about the validator set
``options.py``      what a seed is about; ``faults.py`` the plan of timed faults
``judge.py``        invariants while it runs; ``votes.py`` those about signatures
``audit.py``        invariants at the end; ``observers.py`` the place of the reference model
``model/``           the reference model: decides every call of a committed block again
``run.py``          one seed; ``command.py`` the commands; ``trace.py`` log and fingerprint
``strategy.py``     the seam for liars; ``strategies/`` the liars; ``messages.py`` their tools
``mutants.py``      planted bugs, by a switch of the tests; ``mutants_node.py`` more of them,
                    ``mutants_rules.py`` one for each invariant that needs one,
                    ``mutants_ours.py`` bugs that a run once found, ``killers.json`` the run that
                    kills each
``twins.py``        members with two processes and one key, on the bare core (``twins``)
``law.py``          what a block costs against n squared (``law``)
``regressions/``    runs that failed once: options and the expected verdict; they run first
=================== =============================================================================

**What is not in it**: sockets, TLS, processes. ``SimPeers`` stands in the place of
``node.p2p.peers`` and ``link``, whose tests (``tests/node/p2p``, ``tests/chaos``) are of their own.

**Liars.** A strategy is a class over a machine that runs the product's node. All frames that the
node sends pass ``send(organisation, frame)``, all that come in ``receive(organisation, frame)``;
``begin()`` is called at each start. It has ``self.node``, ``self.key``, ``self.sign(statement)``
(anything, but only with its own key), ``self.peers()``, ``self.pass_on(organisation, frame)``,
``self.later(ms, act)``, ``self.machine.wipe()``, and ``be_reckless()``, without which the product's
node stops signing as soon as it meets signatures of its own key that it does not know. Put it into
a module of ``strategies/`` under its number of SIMULATION.md section 4::

    @strategy("S1")
    class Silent(Strategy):
        def send(self, organisation, frame):
            return True                     # the node believes that it is on its way

``copies = 2`` makes twins: two machines with one identity. A peer talks to every machine of an
identity that it is connected with and takes them for one; which twin hears whom is the strategy's
business (``strategies/simple.py``). ``Options.strategies`` names the liars of a run, at most f;
``run_seed(replace(options, strategies=("S3",)))`` runs one at will. Liars count towards quorums and
are held to no rule; nothing they do may cost a correct node anything.

**Mutants.** ``mutants.py`` and the ``mutants_*.py`` beside it have context managers that plant a
bug into the product's code for the time of a test; ``python -m tests.simulation mutant NAME --from
A --to B`` looks for a killing seed.

**Reference model.** An ``Observer`` (``judge.py``) is told the state at the beginning, then every
block in order as the first correct node commits it, with reads of the state after it; what it
raises as ``AssertionError`` is a violation of I8. ``observers.MAKERS`` takes its maker.

**Determinism.** No wall clock, no thread, no order of a set; chance comes in named streams of the
seed. ``Trace.fingerprint`` hashes everything that happened, without signature bytes and block ids.
"""
