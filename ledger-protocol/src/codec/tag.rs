//! Domain tags: the first bytes of everything that is hashed or signed.

/// A domain tag `crosstie/<object>/v1` with a closing zero byte.
///
/// No tag is a prefix of another: the zero byte ends each of them and occurs nowhere else (tested over [`Tag::ALL`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(&'static str);

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Tag {
            $($(#[$doc])* pub const $name: Tag = Tag(concat!("crosstie/", $text, "/v1\0"));)*
            /// Every tag of the protocol.
            pub const ALL: &'static [Tag] = &[$(Tag::$name),*];
        }
    };
}

tags! {
    /// Chain id over the genesis object.
    GENESIS = "genesis";
    /// Header hash.
    HEADER = "header";
    /// Validators hash.
    VALIDATORS = "validators";
    /// Parameters hash.
    PARAMETERS = "parameters";
    /// Address over a public key.
    ADDRESS = "address";
    /// A node's network key.
    NETWORK_KEY = "network-key";
    /// Transaction id over its body.
    TRANSACTION = "transaction";
    /// What a transaction's signer signs.
    TRANSACTION_SIGNATURE = "transaction-signature";
    /// Hash of a transaction's signatures.
    TRANSACTION_SIGNATURES = "transaction-signatures";
    /// Hash of a system input.
    SYSTEM_INPUT = "system-input";
    /// Hash of what a receipt's operations answered.
    RESULT = "result";
    /// Hash of a stored value.
    VALUE = "value";
    /// Key of the state tree.
    STATE_KEY = "state-key";
    /// Hash of a ledger's settings.
    LEDGER_SETTINGS = "ledger-settings";
    /// A prevote for a block.
    PREVOTE = "prevote";
    /// A prevote for nil.
    PREVOTE_NIL = "prevote-nil";
    /// A precommit for a block: what a finality certificate holds.
    PRECOMMIT = "precommit";
    /// A precommit for nil.
    PRECOMMIT_NIL = "precommit-nil";
    /// A consensus proposal of a block.
    BLOCK_PROPOSAL = "block-proposal";
    /// Checkpoint fingerprint.
    CHECKPOINT = "checkpoint";
    /// Proposal id over relay chain, proposer, nonce and body.
    PROPOSAL = "proposal";
    /// What an approving member signs.
    PROPOSAL_APPROVAL = "proposal-approval";
    /// What a leg's authorising address signs.
    LEG_AUTHORISATION = "leg-authorisation";
    /// Hash of one leg's calls, as shown to the other legs.
    CALL = "call";
    /// Commitment to a sealed call.
    SEALED_CALL = "sealed-call";
    /// Leaf of a write-set tree.
    WRITE = "write";
    /// Leaf of a lock-set tree.
    LOCK = "lock";
    /// Leaf of a votes tree.
    VOTE = "vote";
    /// A motion's id.
    MOTION = "motion";
    /// Proof of possession of a validator key.
    POSSESSION = "possession";
}

impl Tag {
    /// The tag's bytes, the closing zero included.
    pub const fn bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}
