//! Making proofs from a replica's store. Nothing here is trusted: the verifiers of the ledger protocol check all of it.
