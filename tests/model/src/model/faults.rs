//! What goes wrong: chains that are frozen, fall back and are re-anchored, and a relay that falls back.

use super::config::Mode;
use super::state::{AP, CD, CG, DI, F_LATE, LK, LO, NONE, PR, QU, R, RE, RJ, St, TB, UN};
use super::world::M;
use super::{C, K};

impl M {
    /// A leg without a record on a chain that fell back and was not re-anchored yet.
    pub(super) fn is_void(&self, s: &St, p: usize, g: usize) -> bool {
        let leg = &self.legs(p)[g];
        self.c.reanchor_told && s.rolled && s.fz[leg.c] && leg.mode == Mode::Vote && s.st[p][g] == NONE
    }
    /// The list of a re-anchor: every open leg without a record is disputed.
    pub(super) fn tell(&self, s: &mut St, c: usize) {
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
    /// The members freeze a chain.
    pub(super) fn freeze(&self, s: &St, n: &mut St, c: u8) -> Option<()> {
        let np = self.c.props.len();
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
                        if self.legs(p).iter().enumerate().all(|(g, l)| l.mode == Mode::Notify || s.vote[p][g] == 1) {
                            n.flag |= F_LATE;
                        }
                        self.decide(n, p, false)
                    }
                    QU if self.c.recheck_queue => n.r[p].st = RJ,
                    _ => {}
                }
                self.close_check(n, p);
            }
        }
        Some(())
    }
    /// A frozen chain is back.
    pub(super) fn thaw(&self, s: &St, n: &mut St, c: u8) -> Option<()> {
        let c = c as usize;
        if !self.c.thaw || !s.fz[c] || s.ph > 0 {
            return None;
        }
        n.fz[c] = false;
        if self.c.reanchor_told && s.rolled {
            self.tell(n, c);
        }
        Some(())
    }
    /// A frozen chain has forgotten what it locked.
    pub(super) fn fall_back(&self, s: &St, n: &mut St, c: u8) -> Option<()> {
        let np = self.c.props.len();
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
        Some(())
    }
    /// The relay has lost a decision.
    pub(super) fn fall_back_relay(&self, s: &St, n: &mut St, p: u8) -> Option<()> {
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
        Some(())
    }
    /// Whether a Decision cannot leave: its lane is held, or nobody has shown the leg of a lost proposal.
    pub(super) fn is_unsent(&self, s: &St, p: usize, g: usize) -> bool {
        s.held[self.legs(p)[g].c] || (s.r[p].st == LO && s.r[p].yes & (1 << g) == 0)
    }
    /// A block ends that will be kept when others are lost.
    pub(super) fn keep(&self, s: &St, n: &mut St) -> Option<()> {
        if s.kept.is_some() || s.rolled || s.ph > 0 || s.r.iter().any(|it| it.st == QU) {
            return None;
        }
        n.kept = Some((s.r.clone(), s.nord));
        Some(())
    }
    /// The relay goes on from the kept block, beyond everything lost, and its members say so (ADR 0013). What the lost
    /// branch decided is heard of nobody from here on, nor was before.
    pub(super) fn lose_interval(&self, s: &St, n: &mut St) -> Option<()> {
        let (kept, nord) = s.kept.clone()?;
        if s.rolled || s.h >= self.c.hmax {
            return None;
        }
        for p in 0..self.c.props.len() {
            let is_kept = kept[p].dm == s.r[p].dm;
            let was_heard = |g: usize| matches!(s.st[p][g], AP | RE | TB) || s.out[p][g] != 0;
            if !is_kept && !self.c.lost_decisions_heard && (0..self.legs(p).len()).any(was_heard) {
                return None;
            }
        }
        n.rolled = true;
        n.kept = None;
        n.r = kept;
        n.nord = nord;
        n.h += 1;
        n.ph = 0;
        n.held = [true; C];
        for p in 0..self.c.props.len() {
            let began = s.r[p].st >= PR && s.r[p].st != RJ;
            if n.r[p].st == UN && began {
                n.r[p] = R { st: LO, h0: s.r[p].h0, ..R::default() };
            }
            if n.r[p].st == PR && n.h > self.dl(n, p) {
                self.decide(n, p, false);
            }
        }
        Some(())
    }
    /// A subchain is given a block of the new branch as its anchor.
    pub(super) fn follow(&self, s: &St, n: &mut St, c: u8) -> Option<()> {
        let c = c as usize;
        if !s.held[c] {
            return None;
        }
        n.held[c] = false;
        n.kn[c] = s.h;
        Some(())
    }
    /// The relay is shown what a chain holds LOCKED of a lost interval, and decides ABORT.
    pub(super) fn show_locked(&self, s: &St, n: &mut St, p: u8, g: u8) -> Option<()> {
        let (p, g) = (p as usize, g as usize);
        let c = self.legs(p)[g].c;
        if !self.c.shows_locked || s.r[p].st != LO || s.held[c] || s.st[p][g] != LK || s.ph > 1 {
            return None;
        }
        n.r[p].yes |= 1 << g;
        n.r[p].dm = 2;
        n.r[p].dh = s.h;
        Some(())
    }
}
