//! Explicit-state search of the proposal protocol: every interleaving of a small world, breadth first.
//!
//! The network is a monotone set: what was emitted stays deliverable for ever, in any order, any number of times.
//! Hence every progress step is monotone, the graph is acyclic, and A5 is "every state where no fair step (delivery,
//! relay block, header advance) changes anything is good".
//! Bounds: [`P`] proposals of [`G`] legs over [`C`] chains with [`K`] keys, [`L`] local transactions, and `Cfg::limit`
//! states; a search that reaches the limit says so.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};

pub const P: usize = 3;
pub const G: usize = 3;
pub const C: usize = 3;
pub const K: usize = 2;
pub const L: usize = 2;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    S,
    X,
    D,
    I,
} // shared, exclusive(rmw +d), delta, implicit (unlocked rmw)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Vote,
    Notify,
}
#[derive(Clone, Debug)]
pub struct Acc {
    pub k: usize,
    pub kind: Kind,
    pub d: i8,
}
#[derive(Clone, Debug)]
pub struct Leg {
    pub c: usize,
    pub mode: Mode,
    pub acc: Vec<Acc>,
}
#[derive(Clone, Debug)]
pub struct Prop {
    pub legs: Vec<Leg>,
}
#[derive(Clone, Debug)]
pub struct Local {
    pub c: usize,
    pub acc: Vec<Acc>,
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rel {
    Decision,
    Terminal,
    PerLeg,
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prune {
    No,
    Any,
    AfterDeadline,
}
#[derive(Clone, Debug)]
pub struct Cfg {
    pub name: &'static str,
    pub props: Vec<Prop>,
    pub locals: Vec<Local>,
    pub init: i8,
    pub max: i8,
    pub tp: u8,
    pub vu: u8,
    pub submit_by: u8,
    pub hmax: u8,
    pub byz: Option<usize>,
    pub cancel: bool,
    pub cancel_first: bool,
    pub freeze: Option<usize>,
    pub thaw: bool,
    pub execfail: bool,
    // reading of the spec
    pub rel: Rel,
    pub s_refused_emits: bool,
    pub no_closes: bool,
    pub merged: bool,
    pub local_reads_locked: bool,
    pub delta_overwrite: bool,
    pub sd_compat: bool,
    pub local_ignores_res: bool,
    pub frozen_refused: bool,
    pub frozen_closes: bool,
    pub broken_closes: bool,
    pub recheck_queue: bool,
    pub dup_answers_no: bool,
    pub prune: Prune,
    pub prune_answers_no: bool,
    pub rprune: bool,
    pub rollback_s: bool,
    pub none_commit_disputes: bool,
    pub rollback_r: u8, // 0 none 1 free 2 only above what any subchain has seen
    pub notify_fails_on_lock: bool,
    pub s5: bool,
    pub limit: usize,
    pub cancel_unknown_tombstone: bool,
    pub resubmit: bool,
    pub frozen_notify_ok: bool,
    pub abort_fresh_emits: bool,
    pub a3: bool,
    pub no_ghost: bool,
    pub reanchor_import: bool,
    /// The list of ADR 0012: it names every open leg without a record, and until it comes such legs hear nothing.
    pub reanchor_told: bool,
    pub rprune_real: bool,
    pub rprune_vu: bool,
    pub ignore: Vec<&'static str>,
}
impl Cfg {
    pub fn good(name: &'static str) -> Cfg {
        Cfg {
            name,
            props: vec![],
            locals: vec![],
            init: 0,
            max: 9,
            tp: 2,
            vu: 2,
            submit_by: 1,
            hmax: 0,
            byz: None,
            cancel: false,
            cancel_first: false,
            freeze: None,
            thaw: false,
            execfail: false,
            rel: Rel::PerLeg,
            s_refused_emits: false,
            no_closes: true,
            merged: false,
            local_reads_locked: false,
            delta_overwrite: false,
            sd_compat: false,
            local_ignores_res: false,
            frozen_refused: true,
            frozen_closes: true,
            broken_closes: true,
            recheck_queue: true,
            dup_answers_no: false,
            prune: Prune::No,
            prune_answers_no: false,
            rprune: false,
            rollback_s: false,
            none_commit_disputes: true,
            rollback_r: 0,
            notify_fails_on_lock: false,
            s5: true,
            limit: 60_000_000,
            cancel_unknown_tombstone: true,
            resubmit: false,
            frozen_notify_ok: true,
            abort_fresh_emits: true,
            a3: false,
            no_ghost: true,
            reanchor_import: true,
            reanchor_told: false,
            rprune_real: true,
            rprune_vu: true,
            ignore: vec![],
        }
    }
}

// relay states
pub const UN: u8 = 0;
pub const QU: u8 = 1;
pub const PR: u8 = 2;
pub const CG: u8 = 3;
pub const AG: u8 = 4;
pub const CD: u8 = 5;
pub const AD: u8 = 6;
pub const RJ: u8 = 7;
// participant states
pub const NONE: u8 = 0;
pub const LK: u8 = 1;
pub const RF: u8 = 2;
pub const TB: u8 = 3;
pub const AP: u8 = 4;
pub const RE: u8 = 5;
pub const DI: u8 = 6;
const RN: [&str; 8] = ["-", "QUEUED", "PREPARING", "COMMITTING", "ABORTING", "COMMITTED", "ABORTED", "REJECTED"];
const SN: [&str; 7] = ["NONE", "LOCKED", "REFUSED", "TOMBSTONE", "APPLIED", "RELEASED", "DISPUTED"];
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
}
// ghost flags
const F_R6: u16 = 1;
const F_STARVE: u16 = 2;
const F_LOSTNOTIFY: u16 = 4;
const F_FROZENRUN: u16 = 8;
const F_CANCELLED_RAN: u16 = 16;
const F_UNDEF: u16 = 32;
const F_LATE: u16 = 64;
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
    Resubmit(u8),
}

#[derive(Clone, Debug)]
pub struct M {
    pub c: Cfg,
}
impl M {
    pub fn start(&self) -> St {
        let mut start = St { h: 1, ..Default::default() };
        for c in 0..C {
            for k in 0..K {
                start.val[c][k] = self.c.init;
            }
        }
        start
    }
    pub fn dl(&self, s: &St, p: usize) -> u8 {
        s.r[p].h0 + self.c.tp
    }
    fn legs(&self, p: usize) -> &Vec<Leg> {
        &self.c.props[p].legs
    }
    fn voters(&self, p: usize) -> u8 {
        self.legs(p).iter().enumerate().filter(|(_, l)| l.mode == Mode::Vote).fold(0, |m, (i, _)| m | 1 << i)
    }
    fn correct(&self, c: usize) -> bool {
        self.c.byz != Some(c)
    }
    fn conflict(&self, a: &Leg, b: &Leg) -> bool {
        a.c == b.c
            && a.mode == Mode::Vote
            && b.mode == Mode::Vote
            && a.acc.iter().any(|x| b.acc.iter().any(|y| x.k == y.k && !self.compat(x.kind, y.kind)))
    }
    fn compat(&self, x: Kind, y: Kind) -> bool {
        use Kind::*;
        match (x, y) {
            (S, S) | (D, D) | (I, _) | (_, I) => true,
            (S, D) | (D, S) => self.c.sd_compat,
            _ => false,
        }
    }
    fn holds(&self, s: &St, p: usize, g: usize) -> bool {
        let r = &s.r[p];
        match (r.st, self.c.rel) {
            (PR, _) => true,
            (CG | AG, Rel::Decision) => false,
            (CG | AG, Rel::Terminal) => true,
            (CG | AG | CD | AD, Rel::PerLeg) => r.closed & (1 << g) == 0,
            _ => false,
        }
    }
    fn decide(&self, s: &mut St, p: usize, commit: bool) {
        let h = s.h;
        let r = &mut s.r[p];
        r.st = if commit { CG } else { AG };
        r.dh = h;
        r.dm |= if commit { 1 } else { 2 };
        self.close_check(s, p);
    }
    fn close_check(&self, s: &mut St, p: usize) {
        if s.r[p].st != CG && s.r[p].st != AG {
            return;
        }
        let need = self.voters(p);
        let mut cl = s.r[p].closed;
        if self.c.frozen_closes {
            for (g, l) in self.legs(p).iter().enumerate() {
                if s.fz[l.c] {
                    cl |= 1 << g;
                }
            }
        }
        // a frozen leg does not keep the *proposal* open; its own scope stays held (closed mask unchanged)
        if cl & need == need {
            s.r[p].st = if s.r[p].st == CG { CD } else { AD };
        }
    }
    fn edge(s: &mut St, from: u8, t: usize) {
        for f in 0..5 {
            if from & (1 << f) != 0 && f != t {
                s.edges |= 1 << (f * 5 + t);
            }
        }
    }
    fn read(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.dl[c][k];
        Self::edge(s, w, t);
        s.rd[c][k] |= 1 << t;
    }
    fn write(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.dl[c][k] | s.rd[c][k];
        Self::edge(s, w, t);
        s.wr[c][k] |= 1 << t;
    }
    fn delta(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.rd[c][k];
        Self::edge(s, w, t);
        s.dl[c][k] |= 1 << t;
    }
    fn locked_legs<'a>(&'a self, s: &'a St, c: usize) -> impl Iterator<Item = (usize, usize, &'a Leg)> + 'a {
        (0..self.c.props.len())
            .flat_map(move |p| self.legs(p).iter().enumerate().map(move |(g, l)| (p, g, l)))
            .filter(move |&(p, g, l)| l.c == c && s.st[p][g] == LK)
    }
    fn escrow_ok(&self, s: &St, c: usize, k: usize, d: i8, ignore: bool) -> bool {
        let (mut deb, mut cre) = (0i8, 0i8);
        if !ignore {
            for (_, _, l) in self.locked_legs(s, c) {
                for a in &l.acc {
                    if a.k == k && a.kind == Kind::D {
                        if a.d < 0 { deb -= a.d } else { cre += a.d }
                    }
                }
            }
        }
        let v = s.val[c][k];
        if d < 0 { v - deb + d >= 0 } else { v + cre + d <= self.c.max }
    }
    fn prepare(&self, s: &mut St, p: usize, g: usize, fail: bool) {
        let leg = &self.legs(p)[g];
        let c = leg.c;
        if self.c.merged {
            if let Some(j) = self.legs(p).iter().enumerate().position(|(j, l)| j != g && l.c == c && s.st[p][j] != NONE)
            {
                let _ = j;
                return;
            }
        } // "duplicate": same id
        match s.st[p][g] {
            NONE => {
                if self.c.no_ghost && s.kn[c] >= self.dl(s, p) {
                    return;
                } // no record, no vote
                if !self.c.no_ghost && s.prn[p][g] && self.c.s5 && s.kn[c] >= self.dl(s, p) {
                    if self.c.prune_answers_no {
                        s.st[p][g] = RF;
                        s.vote[p][g] |= 2;
                        s.fin[p][g] |= 2;
                    }
                    return;
                }
                s.kn[c] = s.kn[c].max(s.r[p].h0);
                let mut ok = !fail && !(self.c.s5 && s.kn[c] >= self.dl(s, p));
                let mut r6 = false;
                if ok {
                    for (p2, _, l2) in self.locked_legs(s, c) {
                        if p2 != p && self.conflict(leg, l2) {
                            ok = false;
                            r6 = true;
                        }
                    }
                    for a in &leg.acc {
                        if a.kind == Kind::D && !self.escrow_ok(s, c, a.k, a.d, false) {
                            ok = false;
                        }
                        if a.kind == Kind::X && !(0..=self.c.max).contains(&(s.val[c][a.k] + a.d)) {
                            ok = false;
                        }
                    }
                }
                if r6 && self.c.byz.is_none() {
                    s.flag |= F_R6;
                }
                if !ok {
                    s.st[p][g] = RF;
                    s.vote[p][g] |= 2;
                    s.fin[p][g] |= 2;
                    return;
                }
                s.st[p][g] = LK;
                s.vote[p][g] |= 1;
                for a in leg.acc.clone() {
                    s.snap[p][g][a.k] =
                        if matches!(a.kind, Kind::X | Kind::I) || (a.kind == Kind::D && self.c.delta_overwrite) {
                            s.val[c][a.k] + a.d
                        } else {
                            0
                        };
                    if matches!(a.kind, Kind::S | Kind::X) {
                        self.read(s, c, a.k, p);
                    }
                }
            }
            TB | RE | RF | AP => {
                if self.c.dup_answers_no {
                    s.vote[p][g] |= 2;
                }
            }
            _ => {}
        }
    }
    fn decision(&self, s: &mut St, p: usize, g: usize, commit: bool) {
        let leg = &self.legs(p)[g];
        let c = leg.c;
        s.kn[c] = s.kn[c].max(s.r[p].dh.min(s.h));
        if leg.mode == Mode::Notify {
            if !commit || s.st[p][g] != NONE {
                return;
            }
            let met = leg
                .acc
                .iter()
                .any(|a| self.locked_legs(s, c).any(|(_, _, l)| l.acc.iter().any(|b| b.k == a.k && b.kind != Kind::I)));
            if met {
                if self.c.notify_fails_on_lock {
                    s.st[p][g] = RF;
                    s.flag |= F_LOSTNOTIFY;
                }
                return;
            } // else stays in the inbox
            s.st[p][g] = AP;
            s.napp[p][g] += 1;
            for a in &leg.acc {
                s.val[c][a.k] += a.d;
            }
            return;
        }
        match (s.st[p][g], commit) {
            (LK, true) => {
                s.st[p][g] = AP;
                s.out[p][g] |= 1;
                s.fin[p][g] |= 1;
                s.napp[p][g] += 1;
                for a in leg.acc.clone() {
                    match a.kind {
                        Kind::X => {
                            s.val[c][a.k] = s.snap[p][g][a.k];
                            self.write(s, c, a.k, p);
                        }
                        Kind::I => {
                            s.val[c][a.k] = s.snap[p][g][a.k];
                        }
                        Kind::D => {
                            if self.c.delta_overwrite {
                                s.val[c][a.k] = s.snap[p][g][a.k]
                            } else {
                                s.val[c][a.k] += a.d
                            }
                            self.delta(s, c, a.k, p);
                        }
                        Kind::S => {}
                    }
                }
                s.snap[p][g] = [0; K];
            }
            (LK, false) => {
                s.st[p][g] = RE;
                s.out[p][g] |= 2;
                s.fin[p][g] |= 2;
                s.snap[p][g] = [0; K];
            }
            (NONE, false) if self.c.no_ghost => {
                if s.kn[c] < self.dl(s, p) {
                    s.st[p][g] = TB;
                }
                s.out[p][g] |= 4;
                s.fin[p][g] |= 2;
            }
            (NONE, true) if self.c.no_ghost => {}
            (NONE, false) => {
                if s.prn[p][g] {
                    if !self.c.abort_fresh_emits {
                        return;
                    }
                    if self.c.prune == Prune::AfterDeadline {
                        return;
                    }
                }
                s.st[p][g] = TB;
                s.out[p][g] |= 4;
                s.fin[p][g] |= 2;
            }
            (RF, false) => {
                if self.c.s_refused_emits {
                    s.out[p][g] |= 4;
                }
            }
            (NONE, true) => {
                if s.prn[p][g] {
                    if self.c.prune == Prune::Any {
                        s.flag |= F_UNDEF;
                    }
                } else if self.c.none_commit_disputes {
                    s.st[p][g] = DI;
                    s.out[p][g] |= 8;
                } else {
                    s.flag |= F_UNDEF;
                }
            }
            _ => {}
        }
    }
    /// A leg without a record on a chain that fell back and was not re-anchored yet.
    fn is_void(&self, s: &St, p: usize, g: usize) -> bool {
        let leg = &self.legs(p)[g];
        self.c.reanchor_told && s.rolled && s.fz[leg.c] && leg.mode == Mode::Vote && s.st[p][g] == NONE
    }
    /// The list of a re-anchor: every open leg without a record is disputed.
    fn tell(&self, s: &mut St, c: usize) {
        for p in 0..self.c.props.len() {
            if s.r[p].st < PR || s.r[p].st == RJ {
                continue;
            }
            for (g, l) in self.legs(p).iter().enumerate() {
                if l.c == c && l.mode == Mode::Vote && s.st[p][g] == NONE && s.r[p].closed & (1 << g) == 0 {
                    s.st[p][g] = DI;
                    s.out[p][g] |= 8;
                }
            }
        }
    }
    fn quant(&self, s: &mut St) {
        // only whether a deadline is known to have passed matters
        for c in 0..C {
            let mut q = 0;
            for p in 0..self.c.props.len() {
                if s.r[p].st >= PR && s.r[p].st != RJ && s.kn[c] >= self.dl(s, p) {
                    q = q.max(self.dl(s, p));
                }
            }
            s.kn[c] = q;
        }
    }
    pub fn next(&self, s: &St, a: A) -> Option<St> {
        let mut n = s.clone();
        let np = self.c.props.len();
        match a {
            A::Submit(p) => {
                let p = p as usize;
                if s.r[p].st != UN || s.h > self.c.submit_by {
                    return None;
                }
                n.ph = 2;
                n.nord += 1;
                if s.r[p].cancelled && self.c.cancel_unknown_tombstone {
                    n.r[p].st = RJ;
                } else if self.legs(p).iter().any(|l| s.fz[l.c]) {
                    n.r[p].st = RJ;
                } else {
                    n.r[p].st = QU;
                    n.r[p].sub = s.h;
                    n.r[p].ord = s.nord + 1;
                }
            }
            A::Resubmit(p) => {
                let p = p as usize;
                if !self.c.resubmit || !s.r[p].pruned || s.resub || s.h > s.r[p].sub + self.c.vu {
                    return None;
                }
                n.resub = true;
                n.vote[p] = [0; G];
                n.out[p] = [0; G];
                let o = s.nord + 1;
                n.nord = o;
                n.r[p] = R { st: QU, sub: s.h, ord: o, ..Default::default() };
            }
            A::Tick => {
                if s.h >= self.c.hmax {
                    if s.ph == 0 {
                        return None;
                    }
                    n.ph = 0;
                    return Some(n);
                }
                let mut ord: Vec<usize> = (0..np).filter(|&p| n.r[p].st == QU).collect();
                ord.sort_by_key(|&p| n.r[p].ord);
                for (i, &p) in ord.iter().enumerate() {
                    let blocked = self.legs(p).iter().any(|l| {
                        (0..np).any(|q| {
                            q != p
                                && self
                                    .legs(q)
                                    .iter()
                                    .enumerate()
                                    .any(|(g2, l2)| self.conflict(l, l2) && self.holds(&n, q, g2))
                        }) || ord[..i]
                            .iter()
                            .any(|&q| n.r[q].st == QU && self.legs(q).iter().any(|l2| self.conflict(l, l2)))
                    });
                    if !blocked {
                        if self.legs(p).iter().any(|l| n.fz[l.c]) {
                            n.flag |= F_FROZENRUN;
                        }
                        n.r[p].st = PR;
                        n.r[p].h0 = n.h;
                    }
                }
                n.h += 1;
                n.ph = 0;
                for p in 0..np {
                    if n.r[p].st == PR && n.h > self.dl(&n, p) {
                        self.decide(&mut n, p, false);
                    }
                    if n.r[p].st == QU && n.h > n.r[p].sub + self.c.vu {
                        // starved by a decided proposal although its legs on our chains are long finished?
                        let mut bl = false;
                        let mut only_done = true;
                        for l in self.legs(p) {
                            for q in 0..np {
                                if q == p {
                                    continue;
                                }
                                for (g2, l2) in self.legs(q).iter().enumerate() {
                                    if self.conflict(l, l2) && self.holds(&n, q, g2) {
                                        bl = true;
                                        if !((n.r[q].st == CG || n.r[q].st == AG) && n.r[q].closed & (1 << g2) != 0) {
                                            only_done = false;
                                        }
                                    }
                                }
                            }
                        }
                        if bl && only_done {
                            n.flag |= F_STARVE;
                        }
                        n.r[p].st = RJ;
                    }
                }
            }
            A::Vote(p, g, yes) => {
                let (p, g) = (p as usize, g as usize);
                if s.ph > 1 {
                    return None;
                }
                if s.r[p].pruned {
                    return None;
                }
                let c = self.legs(p)[g].c;
                let has = if self.correct(c) { s.vote[p][g] & if yes { 1 } else { 2 } != 0 } else { true };
                if !has || self.legs(p)[g].mode == Mode::Notify || (s.fz[c] && self.c.frozen_refused) {
                    return None;
                }
                n.ph = 1;
                let mut mask = 1u8 << g;
                if self.c.merged {
                    for (j, l) in self.legs(p).iter().enumerate() {
                        if l.c == c {
                            mask |= 1 << j;
                        }
                    }
                }
                if s.r[p].st == PR {
                    if yes {
                        n.r[p].yes |= mask;
                        let v = self.voters(p);
                        if n.r[p].yes & v == v {
                            self.decide(&mut n, p, true);
                        }
                    } else {
                        if self.c.no_closes {
                            n.r[p].closed |= mask;
                        }
                        self.decide(&mut n, p, false);
                    }
                } else if (s.r[p].st == AG || s.r[p].st == AD) && !yes && self.c.no_closes {
                    n.r[p].closed |= mask;
                    self.close_check(&mut n, p);
                } else {
                    return None;
                }
                if n.r == s.r {
                    return None;
                }
            }
            A::Out(p, g, o) => {
                let (p, g) = (p as usize, g as usize);
                if s.ph > 1 || s.r[p].pruned {
                    return None;
                }
                let c = self.legs(p)[g].c;
                let has = if self.correct(c) { s.out[p][g] & o != 0 } else { o <= 4 };
                if !has || (s.fz[c] && self.c.frozen_refused) {
                    return None;
                }
                n.ph = 1;
                let mut mask = 1u8 << g;
                if self.c.merged {
                    for (j, l) in self.legs(p).iter().enumerate() {
                        if l.c == c {
                            mask |= 1 << j;
                        }
                    }
                }
                match s.r[p].st {
                    CG => {
                        if o == 1 || self.c.broken_closes || o == 8 {
                            n.r[p].closed |= mask;
                            self.close_check(&mut n, p)
                        }
                    }
                    AG => {
                        if o != 1 || o == 8 || self.c.broken_closes {
                            n.r[p].closed |= mask;
                            self.close_check(&mut n, p)
                        }
                    }
                    CD | AD if self.c.rel == Rel::PerLeg => {
                        n.r[p].closed |= mask;
                    }
                    _ => return None,
                }
                if n.r == s.r {
                    return None;
                }
            }
            A::Cancel(p) => {
                let p = p as usize;
                if !self.c.cancel || s.r[p].cancelled {
                    return None;
                }
                if self.c.cancel_first {
                    if s.ph > 0 {
                        return None;
                    }
                } else {
                    n.ph = 2;
                }
                match s.r[p].st {
                    QU => n.r[p].st = RJ,
                    PR => self.decide(&mut n, p, false),
                    UN => {}
                    _ => return None,
                }
                n.r[p].cancelled = true;
                if s.r[p].st == PR
                    && self.legs(p).iter().enumerate().all(|(g, l)| l.mode == Mode::Notify || s.vote[p][g] == 1)
                {
                    n.flag |= F_LATE;
                }
            }
            A::Freeze(c) => {
                let c = c as usize;
                if self.c.freeze != Some(c) || s.frz_used || s.ph > 0 {
                    return None;
                }
                n.fz[c] = true;
                n.frz_used = true;
                for p in 0..np {
                    if self.legs(p).iter().any(|l| l.c == c && l.mode == Mode::Vote) {
                        match n.r[p].st {
                            PR => {
                                if self
                                    .legs(p)
                                    .iter()
                                    .enumerate()
                                    .all(|(g, l)| l.mode == Mode::Notify || s.vote[p][g] == 1)
                                {
                                    n.flag |= F_LATE;
                                }
                                self.decide(&mut n, p, false)
                            }
                            QU if self.c.recheck_queue => n.r[p].st = RJ,
                            _ => {}
                        }
                        self.close_check(&mut n, p);
                    }
                }
            }
            A::Thaw(c) => {
                let c = c as usize;
                if !self.c.thaw || !s.fz[c] || s.ph > 0 {
                    return None;
                }
                n.fz[c] = false;
                if self.c.reanchor_told && s.rolled {
                    self.tell(&mut n, c);
                }
            }
            A::Prep(p, g, fail) => {
                let (p, g) = (p as usize, g as usize);
                let c = self.legs(p)[g].c;
                if s.r[p].h0 == 0 && !(s.r[p].st >= PR && s.r[p].st != RJ) {
                    return None;
                }
                if self.legs(p)[g].mode == Mode::Notify || !self.correct(c) || (fail && !self.c.execfail) {
                    return None;
                }
                if self.is_void(s, p, g) {
                    return None;
                }
                self.prepare(&mut n, p, g, fail);
            }
            A::Dec(p, g, commit) => {
                let (p, g) = (p as usize, g as usize);
                if !self.correct(self.legs(p)[g].c) || s.r[p].pruned {
                    return None;
                }
                if s.r[p].dm & if commit { 1 } else { 2 } == 0 || self.is_void(s, p, g) {
                    return None;
                }
                self.decision(&mut n, p, g, commit);
            }
            A::Learn(c) => {
                n.kn[c as usize] = s.h;
            }
            A::Local(l) => {
                let l = l as usize;
                if s.loc[l] != 0 {
                    return None;
                }
                let lo = &self.c.locals[l];
                let t = 3 + l;
                for a in &lo.acc {
                    for (_, _, g) in self.locked_legs(s, lo.c) {
                        for b in &g.acc {
                            if b.k == a.k && b.kind != Kind::I {
                                match a.kind {
                                    Kind::S => {
                                        if b.kind != Kind::S && !self.c.local_reads_locked {
                                            return None;
                                        }
                                    }
                                    Kind::D => {
                                        if b.kind != Kind::D {
                                            return None;
                                        }
                                    }
                                    _ => return None,
                                }
                            }
                        }
                    }
                    match a.kind {
                        Kind::D => {
                            if !self.escrow_ok(s, lo.c, a.k, a.d, self.c.local_ignores_res) {
                                return None;
                            }
                        }
                        Kind::X => {
                            if !(0..=self.c.max).contains(&(s.val[lo.c][a.k] + a.d)) {
                                return None;
                            }
                        }
                        _ => {}
                    }
                }
                for a in lo.acc.clone() {
                    match a.kind {
                        Kind::S => self.read(&mut n, lo.c, a.k, t),
                        Kind::D => {
                            self.delta(&mut n, lo.c, a.k, t);
                            n.val[lo.c][a.k] += a.d
                        }
                        _ => {
                            self.read(&mut n, lo.c, a.k, t);
                            self.write(&mut n, lo.c, a.k, t);
                            n.val[lo.c][a.k] += a.d
                        }
                    }
                }
                n.loc[l] = 1;
            }
            A::Prune(p, g) => {
                let (p, g) = (p as usize, g as usize);
                let c = self.legs(p)[g].c;
                if self.c.prune == Prune::No || s.prn[p][g] || !self.correct(c) {
                    return None;
                }
                if !matches!(s.st[p][g], RF | TB | AP | RE) {
                    return None;
                }
                if self.c.prune == Prune::AfterDeadline && s.kn[c] < self.dl(s, p) {
                    return None;
                }
                if self.c.no_ghost && s.r[p].closed & (1 << g) == 0 {
                    return None;
                } // outcome confirmed by the relay's record
                n.st[p][g] = NONE;
                n.prn[p][g] = true;
            }
            A::RPrune(p) => {
                let p = p as usize;
                if !self.c.rprune || s.r[p].pruned || !matches!(s.r[p].st, CD | AD) {
                    return None;
                }
                if self.c.rprune_real {
                    let v = self.voters(p);
                    if s.r[p].closed & v != v {
                        return None;
                    }
                }
                if self.c.rprune_vu && s.h <= s.r[p].sub + self.c.vu {
                    return None;
                }
                n.r[p].pruned = true;
            }
            A::RollS(c) => {
                let c = c as usize;
                if !self.c.rollback_s || s.rolled || !s.fz[c] {
                    return None;
                }
                n.rolled = true;
                for p in 0..np {
                    for (g, l) in self.legs(p).iter().enumerate() {
                        if l.c == c && s.st[p][g] == LK {
                            n.st[p][g] = if self.c.reanchor_import {
                                n.out[p][g] |= 8;
                                DI
                            } else {
                                NONE
                            };
                            n.snap[p][g] = [0; K];
                        }
                    }
                }
            }
            A::RollR(p) => {
                let p = p as usize;
                if self.c.rollback_r == 0 || s.rolled || !matches!(s.r[p].st, CG | CD) {
                    return None;
                }
                if self.c.rollback_r == 2 && self.legs(p).iter().enumerate().any(|(g, _)| s.st[p][g] == AP) {
                    return None;
                }
                n.rolled = true;
                n.r[p].st = PR;
                n.r[p].yes = 0;
                n.r[p].closed = 0;
                if self.c.rollback_r == 2 {
                    n.r[p].dm = 0;
                }
            }
        }
        if matches!(n.r, _) {
            for p in 0..np {
                if n.r[p].st == PR && n.r[p].cancelled {
                    n.flag |= F_CANCELLED_RAN;
                }
            }
        }
        self.quant(&mut n);
        if n == *s { None } else { Some(n) }
    }
    pub fn actions(&self) -> Vec<(A, bool)> {
        // (action, fair)
        let mut v = vec![(A::Tick, true)];
        let byz = |c: usize| self.c.byz == Some(c);
        for p in 0..self.c.props.len() {
            let q = p as u8;
            v.push((A::Submit(q), false));
            v.push((A::Cancel(q), false));
            v.push((A::RPrune(q), false));
            v.push((A::RollR(q), false));
            v.push((A::Resubmit(q), false));
            for (g, l) in self.legs(p).iter().enumerate() {
                let g = g as u8;
                let b = byz(l.c);
                v.push((A::Prep(q, g, false), true));
                v.push((A::Prep(q, g, true), false));
                v.push((A::Dec(q, g, true), true));
                v.push((A::Dec(q, g, false), true));
                for y in [true, false] {
                    v.push((A::Vote(q, g, y), !b));
                }
                for o in [1, 2, 4, 8] {
                    v.push((A::Out(q, g, o), !b));
                }
                v.push((A::Prune(q, g), false));
            }
        }
        for c in 0..C as u8 {
            if !(0..self.c.props.len()).any(|p| self.legs(p).iter().any(|l| l.c == c as usize)) {
                continue;
            }
            v.push((A::Learn(c), true));
            v.push((A::Freeze(c), false));
            v.push((A::Thaw(c), true));
            v.push((A::RollS(c), false));
        }
        for l in 0..self.c.locals.len() {
            v.push((A::Local(l as u8), false));
        }
        v
    }
    fn check(&self, s: &St, sink: bool, bad: &mut Vec<&'static str>) {
        let np = self.c.props.len();
        for p in 0..np {
            let mut all = 0;
            for (g, l) in self.legs(p).iter().enumerate() {
                if !self.correct(l.c) {
                    continue;
                }
                if l.mode == Mode::Vote {
                    all |= s.fin[p][g];
                    if s.vote[p][g] == 3 {
                        bad.push("V1 correct chain emitted two different votes");
                    }
                    if s.out[p][g] & 1 != 0 && s.out[p][g] & 6 != 0 {
                        bad.push("V2 correct chain emitted contradicting outcomes");
                    }
                    if matches!(s.r[p].st, CG | CD) && !s.r[p].pruned && s.vote[p][g] & 1 == 0 {
                        bad.push("A2 COMMIT without a YES of every leg");
                    }
                }
                if s.napp[p][g] > 1 {
                    bad.push("AMO applied twice");
                }
            }
            if all == 3 {
                bad.push("A1 applied here, refused/released there");
            }
        }
        for c in 0..C {
            if !self.correct(c) {
                continue;
            }
            for k in 0..K {
                let mut want = self.c.init;
                for p in 0..np {
                    for (g, l) in self.legs(p).iter().enumerate() {
                        if l.c == c {
                            for a in &l.acc {
                                if a.k == k {
                                    want += a.d * s.napp[p][g] as i8;
                                }
                            }
                        }
                    }
                }
                for (l, lo) in self.c.locals.iter().enumerate() {
                    if lo.c == c && s.loc[l] == 1 {
                        for a in &lo.acc {
                            if a.k == k {
                                want += a.d;
                            }
                        }
                    }
                }
                if s.val[c][k] != want {
                    bad.push("CONS value is not the sum of what was applied");
                }
                if s.val[c][k] < 0 || s.val[c][k] > self.c.max {
                    bad.push("BOUND violated");
                }
            }
        }
        // serialisability of what committed
        let mut live = 0u32;
        for p in 0..np {
            if s.fin[p].iter().any(|f| f & 1 != 0) || matches!(s.r[p].st, CG | CD) {
                live |= 1 << p;
            }
        }
        for l in 0..L {
            if s.loc[l] == 1 {
                live |= 1 << (3 + l);
            }
        }
        let mut reach = [0u32; 5];
        for f in 0..5 {
            if live & (1 << f) != 0 {
                for t in 0..5 {
                    if live & (1 << t) != 0 && s.edges & (1 << (f * 5 + t)) != 0 {
                        reach[f] |= 1 << t;
                    }
                }
            }
        }
        for k in 0..5 {
            for i in 0..5 {
                if reach[i] & (1 << k) != 0 {
                    reach[i] |= reach[k];
                }
            }
        }
        for p in 0..np {
            if reach[p] & (1 << p) != 0 {
                bad.push(if (3..5).any(|t| reach[p] & (1 << t) != 0 && reach[t] & (1 << p) != 0) {
                    "A4 cycle through a local transaction"
                } else {
                    "A4 cycle among proposals"
                });
            }
        }
        if s.flag & F_R6 != 0 {
            bad.push("R6 NO(CONFLICT) between two proposals the queue released");
        }
        if s.flag & F_STARVE != 0 {
            bad.push("A6q expired behind a decided proposal although our chain had finished its leg");
        }
        if s.flag & F_LOSTNOTIFY != 0 {
            bad.push("NOTIFY lost");
        }
        if s.flag & F_FROZENRUN != 0 {
            bad.push("R5 QUEUED proposal started with a frozen/paused chain");
        }
        if s.flag & F_CANCELLED_RAN != 0 {
            bad.push("CANCEL ordered before Submit, proposal ran");
        }
        if s.flag & F_LATE != 0 && self.c.a3 {
            bad.push("A3 all YES emitted in time, yet ABORT (cancel or freeze)");
        }
        for p in 0..np {
            if s.r[p].st == PR && s.h > self.dl(s, p) {
                bad.push("A5b undecided after h0+t_prep+1");
            }
        }
        if s.flag & F_UNDEF != 0 {
            bad.push("UNDEF COMMIT met NONE");
        }
        if sink {
            for p in 0..np {
                let st = s.r[p].st;
                if !matches!(st, UN | CD | AD | RJ) {
                    let only_byz = self.legs(p).iter().enumerate().all(|(g, l)| {
                        l.mode == Mode::Notify || s.r[p].closed & (1 << g) != 0 || !self.correct(l.c) || s.fz[l.c]
                    });
                    bad.push(if only_byz {
                        "A5r proposal open for ever because of a faulty/frozen chain"
                    } else {
                        "A5 proposal never terminal"
                    });
                }
                for (g, l) in self.legs(p).iter().enumerate() {
                    if self.correct(l.c) && s.st[p][g] == LK {
                        bad.push("A5 lock held for ever");
                    }
                    if l.mode == Mode::Notify && matches!(st, CG | CD) && s.st[p][g] == NONE && self.correct(l.c) {
                        bad.push("NOTIFY never delivered");
                    }
                }
            }
        }
    }
    pub fn show(&self, s: &St) -> String {
        let mut o = format!("h={}", s.h);
        for p in 0..self.c.props.len() {
            o += &format!(" | P{}:{}", p + 1, RN[s.r[p].st as usize]);
            for (g, l) in self.legs(p).iter().enumerate() {
                o += &format!(" {}={}", (b'A' + l.c as u8) as char, SN[s.st[p][g] as usize]);
            }
        }
        o
    }
}
#[derive(Default, Clone, Copy)]
struct H2(u64, u64);
impl Hasher for H2 {
    fn write(&mut self, b: &[u8]) {
        for ch in b.chunks(8) {
            let mut x = [0u8; 8];
            x[..ch.len()].copy_from_slice(ch);
            self.write_u64(u64::from_le_bytes(x));
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = (self.0 ^ x).wrapping_mul(0x9E3779B97F4A7C15).rotate_left(29) ^ self.1;
        self.1 = (self.1 ^ x.rotate_left(17)).wrapping_mul(0xC2B2AE3D27D4EB4F).rotate_left(31).wrapping_add(self.0);
    }
    fn write_u8(&mut self, x: u8) {
        self.write_u64(x as u64 + 1)
    }
    fn write_u32(&mut self, x: u32) {
        self.write_u64(x as u64)
    }
    fn write_u16(&mut self, x: u16) {
        self.write_u64(x as u64)
    }
    fn write_usize(&mut self, _: usize) {}
    fn finish(&self) -> u64 {
        self.0
    }
}
fn fp(s: &St) -> u128 {
    let mut h = H2(1, 2);
    s.hash(&mut h);
    h.write_u64(7);
    (h.0 as u128) << 64 | h.1 as u128
}
#[derive(Default)]
struct Id(u64);
impl Hasher for Id {
    fn write(&mut self, _: &[u8]) {}
    fn write_u128(&mut self, x: u128) {
        self.0 = x as u64
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: &'static str,
    pub states: usize,
    pub transitions: u64,
    pub depth: usize,
    pub settled: u64,
    /// Whether the limit of states was reached: then the search is not complete.
    pub is_capped: bool,
    /// How proposals ended, with how many settled states each.
    pub endings: Vec<(String, u64)>,
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether this scenario is the protocol as specified, and not a careless reading of it.
    pub fn keeps_promises(&self) -> bool {
        !(self.name.starts_with("lit-") || self.name.starts_with("mut-"))
    }
}

/// A promise that is broken somewhere, with the shortest way there.
#[derive(Clone, Debug)]
pub struct Violation {
    pub promise: &'static str,
    pub depth: usize,
    pub states: u64,
    /// Action and state after it.
    pub trace: Vec<(String, String)>,
}

/// Searches a whole world.
pub fn run(mut c: Cfg) -> Report {
    if c.hmax == 0 {
        c.hmax = c.submit_by + c.vu + c.tp + 2;
    }
    let m = M { c };
    let acts = m.actions();
    let s0 = m.start();
    let mut seen: HashSet<u128, BuildHasherDefault<Id>> = HashSet::default();
    let mut par: Vec<(u32, u8)> = vec![(u32::MAX, 0)];
    seen.insert(fp(&s0));
    let mut front = vec![(s0.clone(), 0u32)];
    let mut depth = 0;
    let mut transitions = 0u64;
    let mut settled = 0u64;
    let mut found: Vec<(&'static str, u32, usize, u64)> = vec![];
    let mut outcome: HashMap<String, u64> = HashMap::new();
    let mut is_capped = false;
    while !front.is_empty() {
        let mut nf = vec![];
        for (s, id) in front.drain(..) {
            let mut sink = true;
            for (ai, (a, fair)) in acts.iter().enumerate() {
                if let Some(n) = m.next(&s, *a) {
                    transitions += 1;
                    if *fair {
                        sink = false;
                    }
                    if par.len() < m.c.limit {
                        if seen.insert(fp(&n)) {
                            par.push((id, ai as u8));
                            nf.push((n, par.len() as u32 - 1));
                        }
                    } else {
                        is_capped = true;
                    }
                }
            }
            if sink {
                settled += 1;
                let k: Vec<&str> = (0..m.c.props.len()).map(|p| RN[s.r[p].st as usize]).collect();
                *outcome.entry(k.join("+")).or_default() += 1;
            }
            let mut bad = vec![];
            m.check(&s, sink, &mut bad);
            for b in bad {
                if m.c.ignore.contains(&b) {
                    continue;
                }
                match found.iter_mut().find(|f| f.0 == b) {
                    Some(f) => f.3 += 1,
                    None => found.push((b, id, depth, 1)),
                }
            }
        }
        front = nf;
        depth += 1;
    }
    let mut endings: Vec<_> = outcome.into_iter().collect();
    endings.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let violations = found
        .into_iter()
        .map(|(promise, id, depth, states)| {
            let mut path = vec![];
            let mut i = id;
            while par[i as usize].0 != u32::MAX {
                path.push(par[i as usize].1);
                i = par[i as usize].0;
            }
            path.reverse();
            let mut s = s0.clone();
            let trace = path
                .into_iter()
                .map(|ai| {
                    let a = acts[ai as usize].0;
                    s = m.next(&s, a).unwrap();
                    (format!("{a:?}"), m.show(&s))
                })
                .collect();
            Violation { promise, depth, states, trace }
        })
        .collect();
    Report { name: m.c.name, states: par.len(), transitions, depth: depth - 1, settled, is_capped, endings, violations }
}
