//! One replica of one chain: mempool, build, execute, vote, commit and block sync.
