//! Blocks under discussion: bodies, verdicts and executed overlays, by header hash.
//!
//! Bounds: [`MAX_CANDIDATES`] bodies and [`MAX_CANDIDATE_BYTES`] over this height and the next, two per round,
//! [`MAX_OVERLAYS`] executed overlays. What is certified is never pushed out; what is logged or built here only when
//! nothing else is left, the oldest round first.

use crate::assemble::{BlockInputs, Executed};
use crate::validity::InvalidBlock;
use ledger_protocol::chain::Header;
use ledger_protocol::{Hash, Height, Round};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most bodies held.
pub const MAX_CANDIDATES: usize = 256;
/// Most bytes of bodies held, but for one.
pub const MAX_CANDIDATE_BYTES: usize = 256 << 20;
/// Most executed overlays held.
pub const MAX_OVERLAYS: usize = 4;
/// Most proposals remembered of one block.
const MAX_PROPOSALS: usize = 64;

/// In which round a block is proposed, and the round in which a quorum prevoted for it if it is proposed again.
pub type ProposedIn = (Round, Option<Round>);

/// What is under way for a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    Idle,
    /// Its signatures are being verified.
    Verifying,
    /// It is being executed.
    Executing,
}

/// A block under discussion.
#[derive(Debug)]
pub struct Candidate {
    /// The header.
    pub header: Header,
    /// The inputs; they are those that the header names.
    pub inputs: Arc<BlockInputs>,
    /// The encoded block.
    pub bytes: Arc<Vec<u8>>,
    /// The round in which this replica built it.
    pub built_here: Option<Round>,
    /// Proposals seen, with the verdict told to consensus.
    pub proposals: BTreeMap<ProposedIn, Option<bool>>,
    /// Whether the log holds the body.
    pub logged: bool,
    /// Whether a quorum certified it, as far as this replica has verified.
    pub certified: bool,
    /// What is under way.
    pub work: Work,
    /// Whether it is a valid block on our parent; `None` before it is known.
    pub verdict: Option<Result<(), InvalidBlock>>,
    /// What it does.
    pub overlay: Option<Box<Executed>>,
}

impl Candidate {
    /// A body of which nothing is known yet.
    pub fn new(header: Header, inputs: Arc<BlockInputs>, bytes: Arc<Vec<u8>>) -> Self {
        Self {
            header,
            inputs,
            bytes,
            built_here: None,
            proposals: BTreeMap::new(),
            logged: false,
            certified: false,
            work: Work::Idle,
            verdict: None,
            overlay: None,
        }
    }

    /// Remembers a proposal of this block; beyond the bound it is ignored.
    pub fn propose(&mut self, proposed: ProposedIn) {
        if self.proposals.len() < MAX_PROPOSALS {
            self.proposals.entry(proposed).or_insert(None);
        }
    }

    /// The newest round in which it was proposed, as far as known.
    fn newest_round(&self) -> Round {
        self.proposals.keys().map(|(round, _)| *round).max().unwrap_or(self.header.round)
    }

    fn is_precious(&self) -> bool {
        self.certified || self.logged || self.built_here.is_some()
    }
}

/// All blocks under discussion.
#[derive(Debug, Default)]
pub struct Candidates {
    blocks: BTreeMap<Hash, Candidate>,
    bytes: usize,
}

impl Candidates {
    /// The candidate of this header hash.
    pub fn get(&self, hash: &Hash) -> Option<&Candidate> {
        self.blocks.get(hash)
    }

    /// The candidate of this header hash.
    pub fn get_mut(&mut self, hash: &Hash) -> Option<&mut Candidate> {
        self.blocks.get_mut(hash)
    }

    /// Header hashes of a height.
    pub fn of_height(&self, height: Height) -> Vec<Hash> {
        let own = self.blocks.iter().filter(|(_, candidate)| candidate.header.height == height);
        own.map(|(hash, _)| *hash).collect()
    }

    /// The block that this replica built in a round of a height.
    pub fn built(&self, height: Height, round: Round) -> Option<Hash> {
        let mut own = self.blocks.iter().filter(|(_, candidate)| candidate.header.height == height);
        own.find(|(_, candidate)| candidate.built_here == Some(round)).map(|(hash, _)| *hash)
    }

    /// Takes a candidate in, pushing others out where a bound is reached; `false` when there is no room for it.
    pub fn insert(&mut self, hash: Hash, candidate: Candidate) -> bool {
        if self.blocks.contains_key(&hash) {
            return true;
        }
        let precious = candidate.is_precious();
        let size = candidate.bytes.len();
        while self.blocks.len() >= MAX_CANDIDATES || (self.bytes + size > MAX_CANDIDATE_BYTES && self.bytes > 0) {
            let worst = self
                .blocks
                .iter()
                .filter(|(_, held)| !held.certified && held.work == Work::Idle)
                .min_by_key(|(_, held)| (held.is_precious(), Reverse(held.header.height), held.newest_round()));
            match worst.map(|(hash, _)| *hash) {
                Some(worst) => self.remove(&worst),
                None if precious => break,
                None => return false,
            }
        }
        self.bytes += size;
        self.blocks.insert(hash, candidate);
        true
    }

    fn remove(&mut self, hash: &Hash) {
        if let Some(gone) = self.blocks.remove(hash) {
            self.bytes -= gone.bytes.len();
        }
    }

    /// How many different blocks of this height are said to be proposed in this round.
    pub fn rivals(&self, height: Height, round: Round) -> usize {
        let own = self.blocks.values().filter(|candidate| candidate.header.height == height);
        own.filter(|candidate| candidate.proposals.keys().any(|(proposed, _)| *proposed == round)).count()
    }

    /// Stores an execution; at most [`MAX_OVERLAYS`] are kept, `spared` and the newest rounds first.
    pub fn set_overlay(&mut self, hash: &Hash, overlay: Box<Executed>, spared: Option<Hash>) {
        if let Some(candidate) = self.blocks.get_mut(hash) {
            candidate.overlay = Some(overlay);
        }
        let held: BTreeSet<(Round, Hash)> = self
            .blocks
            .iter()
            .filter(|(other, candidate)| candidate.overlay.is_some() && *other != hash && Some(**other) != spared)
            .map(|(other, candidate)| (candidate.newest_round(), *other))
            .collect();
        let others = self.blocks.values().filter(|candidate| candidate.overlay.is_some()).count();
        for (_, oldest) in held.into_iter().take(others.saturating_sub(MAX_OVERLAYS)) {
            if let Some(candidate) = self.blocks.get_mut(&oldest) {
                candidate.overlay = None;
            }
        }
    }

    /// Forgets everything up to a committed height; bodies of later heights stay.
    pub fn committed(&mut self, height: Height) {
        let dead: Vec<Hash> = self
            .blocks
            .iter()
            .filter(|(_, candidate)| candidate.header.height <= height)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in dead {
            self.remove(&hash);
        }
    }

    /// Bodies held.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether no body is held.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}
