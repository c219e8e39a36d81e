"""The state tree's bucket roots at another depth: ``store.tree_depth`` may change between starts.

Bucket roots are derived from the state and stored so that a start need not hash a large state
before it can be compared. They depend on the depth of the tree's top, the state root does not.
"""

from __future__ import annotations

from node.ledger.state_proof import value_hash
from node.ledger.state_tree import StateTree, compute_bucket_roots
from node.store.database import Database, StoredHead
from node.store.errors import DatabaseDamaged


def fit_depth(database: Database, depth: int, head: StoredHead) -> bool:
    """Compute the bucket roots anew where the stored ones are of another depth; whether it did.

    One synced batch, so a crash leaves the old ones or the new ones. Raises ``DatabaseDamaged``
    where the state does not give the head's state root: then nothing is written.
    """
    if database.tree_depth() == depth:
        return False
    entries = ((path, value_hash(value)) for path, _, value in database.state.entries())
    roots = list(compute_bucket_roots(depth, entries))
    tree = StateTree.load(depth, lambda number: database.state.bucket(number, depth), roots)
    if tree.root != head.state_root:
        raise DatabaseDamaged(
            f"The state gives root {tree.root.hex()[:16]}, "
            f"the head has {head.state_root.hex()[:16]}."
        )
    database.replace_buckets(depth, roots)
    return True
