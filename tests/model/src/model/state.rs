//! A state of the world, and the actions that lead from one to the next.

use super::{C, G, K, L, P};

// relay states
pub const UN: u8 = 0;
pub const QU: u8 = 1;
pub const PR: u8 = 2;
pub const CG: u8 = 3;
pub const AG: u8 = 4;
pub const CD: u8 = 5;
pub const AD: u8 = 6;
pub const RJ: u8 = 7;
/// Began on a branch of the relay that was lost: `yes` are the legs that it was shown LOCKED.
pub const LO: u8 = 8;
// participant states
pub const NONE: u8 = 0;
pub const LK: u8 = 1;
pub const RF: u8 = 2;
pub const TB: u8 = 3;
pub const AP: u8 = 4;
pub const RE: u8 = 5;
pub const DI: u8 = 6;
pub(super) const RN: [&str; 9] =
    ["-", "QUEUED", "PREPARING", "COMMITTING", "ABORTING", "COMMITTED", "ABORTED", "REJECTED", "LOST"];
pub(super) const SN: [&str; 7] = ["NONE", "LOCKED", "REFUSED", "TOMBSTONE", "APPLIED", "RELEASED", "DISPUTED"];
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct R {
    pub st: u8,
    pub sub: u8,
    pub ord: u8,
    pub h0: u8,
    pub dh: u8,
    pub yes: u8,
    pub closed: u8,
    pub dm: u8,
    pub cancelled: bool,
    pub pruned: bool,
}
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct St {
    pub h: u8,
    pub ph: u8,
    pub nord: u8,
    pub r: [R; P],
    pub st: [[u8; G]; P],
    pub vote: [[u8; G]; P],
    pub out: [[u8; G]; P],
    pub fin: [[u8; G]; P],
    pub napp: [[u8; G]; P],
    pub prn: [[bool; G]; P],
    pub snap: [[[i8; K]; G]; P],
    pub kn: [u8; C],
    pub val: [[i8; K]; C],
    pub rd: [[u8; K]; C],
    pub wr: [[u8; K]; C],
    pub dl: [[u8; K]; C],
    pub edges: u32,
    pub loc: [u8; L],
    pub fz: [bool; C],
    pub frz_used: bool,
    pub rolled: bool,
    pub resub: bool,
    pub flag: u16,
    /// The relay's part as it was at the end of the last block that will be kept.
    pub kept: Option<([R; P], u8)>,
    /// Chains that do not follow the relay's new branch yet, and whose lane is held.
    pub held: [bool; C],
}
// ghost flags
pub(super) const F_R6: u16 = 1;
pub(super) const F_STARVE: u16 = 2;
pub(super) const F_LOSTNOTIFY: u16 = 4;
pub(super) const F_FROZENRUN: u16 = 8;
pub(super) const F_CANCELLED_RAN: u16 = 16;
pub(super) const F_UNDEF: u16 = 32;
pub(super) const F_LATE: u16 = 64;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum A {
    Submit(u8),
    Tick,
    Vote(u8, u8, bool),
    Out(u8, u8, u8),
    Cancel(u8),
    Freeze(u8),
    Thaw(u8),
    Prep(u8, u8, bool),
    Dec(u8, u8, bool),
    Learn(u8),
    Local(u8),
    Prune(u8, u8),
    RPrune(u8),
    RollS(u8),
    RollR(u8),
    Keep,
    Follow(u8),
    Show(u8, u8),
    Resubmit(u8),
}
