"""The ledger's vocabulary: what its bytes mean and how they are proved. No I/O, no clock.

Everything that two parties must agree on to the last bit lives here, and nothing else does: the
node, the command line and an auditor's laptop read the same files with the same code.

====================  =========================================================================
``types``             names for numbers and digests; every limit, with where it comes from
``errors``            refusals sorted by whose fault they are, each with a stable code and values
``codec``             the one canonical encoding: what does not re-encode to the same bytes is
                      refused
``crypto``            hashing with tags, strict Ed25519 with contexts, proof of possession
``points``            the group arithmetic that a key passes once, when it is registered
``shape``             checks of a decoded record's fields, each naming the field that is wrong
``merkle``            RFC 6962 trees over transactions and receipts: proofs of inclusion
``state_proof``       the proof that a state entry is, or is not, under a state root
``state_tree``        the authenticated state: compact sparse Merkle tree over a fixed top
``transaction``       calls, body, signature, attachments behind blinded commitments
``receipt``           what a call did, one record per call
``block``             header, vote, commit certificate, the roots
``genesis``           the file that begins a network: its hash is the chain's name
``evidence``          one file that proves a receipt or a state entry from the genesis file alone
``snapshot``          a state as it travels: manifest and chunks under a certified state root
``keystore``          a private key sealed with a passphrase
``http_signature``    a read request signed by its sender, one spelling for signer and verifier
====================  =========================================================================

Imports point upwards in this table. Verifying raises, it never returns a bool. Decoding is strict
everywhere but for ``codec.decode_trusted``, which reads what this process itself wrote.
"""
