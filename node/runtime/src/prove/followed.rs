//! What this chain trusts of another, and which headers it was shown on the way there.
//!
//! Every head and hand-off that moved the trust brought the place of the one before it in its history. So the inputs
//! of this chain's own blocks tie every header that it was ever shown to the trusted one, whatever became of the chain
//! that made them. Bounds: at most [`MAX_BLOCKS`] blocks are read for one answer.

use super::{Proven, Prover, gap, not_found};
use chain_state::{BlockState, Place};
use ledger_protocol::chain::{Header, Input};
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{DeliveredBlock, Head, HistoryPath};
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::system::{accounts, client_key};
use ledger_protocol::{ChainId, Hash, Height, Sequence, Version};
use node_api::{ShownHeadView, ShownHeaderView, TrustView};

/// Most of this chain's blocks that are read for one answer.
const MAX_BLOCKS: usize = 256;

/// What is trusted of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The trusted header.
    pub trusted: TrustedHeader,
    /// Its history root, where a header was shown.
    pub history: Option<Hash>,
    /// Height and hash of the chain's last registration or re-anchor header.
    pub anchor: (Height, Hash),
    /// The next message expected.
    pub next_expected: Sequence,
    /// Headers that moved the trust, newest first.
    pub heads: Vec<ShownHead>,
    /// From where older ones go on; none when the last head stands on the anchor.
    pub before: Option<Version>,
}

/// A header that moved the trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownHead {
    /// The header.
    pub header: Header,
    /// The head before it, or the anchor, in its history.
    pub previous_path: HistoryPath,
    /// Headers below it that came with it, ascending.
    pub older: Vec<(Header, HistoryPath)>,
}

impl Prover<'_> {
    /// What this chain trusts of another at its newest block, with the heads from the newest on, or from before a
    /// version that an earlier answer named.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn trust(&self, source: &ChainId, before: Option<Version>) -> Proven<Trust> {
        let state = BlockState::open(self.reader, self.chain().suite, self.tip.height.saturating_add(1))?;
        let (trusted, anchor) = (chain_interchain::trusted(&state, source)?, chain_interchain::anchor(&state, source)?);
        let (Some(trusted), Some(anchor)) = (trusted, anchor) else {
            return not_found(format!("nothing is trusted here of {source}"));
        };
        let mut trust = Trust {
            trusted,
            history: chain_interchain::trusted_history(&state, source)?,
            anchor,
            next_expected: chain_interchain::next_expected(&state, source)?,
            heads: Vec::new(),
            before: None,
        };
        let place = Place::system(accounts::CLIENTS, client_key(source));
        let newest = self.version_at(&place, self.tip.height)?.map(|made| made.version);
        let mut next = match before {
            Some(version) => version.0.checked_sub(1).map(Version).min(newest),
            None => newest,
        };
        for _ in 0..MAX_BLOCKS {
            let Some(version) = next else { return Ok(trust) };
            let Some((made, record)) = self.client_version(&place, version)? else {
                return Err(gap(format!("version {version} of the client of {source} is not on record")));
            };
            if (record.height_on_source, record.header_hash_on_source.hash) == anchor {
                return Ok(trust);
            }
            let mut heads = self.heads_shown_in(made.height, source)?;
            heads.sort_by_key(|head| std::cmp::Reverse(head.header.height));
            trust.heads.append(&mut heads);
            // Several versions of one block are one step.
            next = self.version_before(&place, made.height, version)?;
        }
        trust.before = next.and_then(Version::next);
        Ok(trust)
    }

    /// The newest version that an older block made.
    fn version_before(&self, place: &Place, height: Height, version: Version) -> Proven<Option<Version>> {
        let mut version = version;
        while let Some(older) = version.0.checked_sub(1).map(Version) {
            if self.made(place, older)?.is_some_and(|made| made.height < height) {
                return Ok(Some(older));
            }
            version = older;
        }
        Ok(None)
    }

    /// Every header of a chain that the inputs of a block made this one trust.
    fn heads_shown_in(&self, height: Height, source: &ChainId) -> Proven<Vec<ShownHead>> {
        let mut heads = Vec::new();
        for input in self.inputs(height)? {
            match input {
                Input::Handoff(handoff) if handoff.source == *source => heads.push(ShownHead {
                    header: handoff.header,
                    previous_path: handoff.trusted_path,
                    older: Vec::new(),
                }),
                Input::Advance(advance) if advance.source == *source => {
                    let Head::New { header, trusted_path, .. } = advance.head else { continue };
                    let older = advance.blocks.into_vec().into_iter().filter_map(|block| match block {
                        DeliveredBlock::Older { header, history_path, .. } => Some((header, history_path)),
                        DeliveredBlock::Head { .. } => None,
                    });
                    heads.push(ShownHead { header, previous_path: trusted_path, older: older.collect() });
                }
                _ => {}
            }
        }
        Ok(heads)
    }
}

impl From<Trust> for TrustView {
    fn from(trust: Trust) -> Self {
        let shown = |(header, path): (Header, HistoryPath)| ShownHeaderView {
            height: header.height.0,
            header_hash: header.hash().to_string(),
            path: hex::encode(encode(&path)),
        };
        let head = |it: ShownHead| ShownHeadView {
            height: it.header.height.0,
            header_hash: it.header.hash().to_string(),
            previous_path: hex::encode(encode(&it.previous_path)),
            older: it.older.into_iter().map(shown).collect(),
        };
        Self {
            chain: trust.trusted.chain.to_string(),
            trusted: hex::encode(encode(&trust.trusted)),
            history: trust.history.map(|root| root.to_string()),
            anchor_height: trust.anchor.0.0,
            anchor_hash: trust.anchor.1.to_string(),
            next_expected: trust.next_expected.0,
            heads: trust.heads.into_iter().map(head).collect(),
            before: trust.before.map(|version| version.0),
        }
    }
}
