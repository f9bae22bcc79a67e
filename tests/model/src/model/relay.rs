//! The relay's steps: from Submit to the last Outcome (§3 of the protocol).

use super::G;
use super::config::{Mode, Rel};
use super::state::{AD, AG, CD, CG, F_FROZENRUN, F_LATE, F_STARVE, LO, PR, QU, R, RJ, St, UN};
use super::world::M;

impl M {
    pub(super) fn decide(&self, s: &mut St, p: usize, commit: bool) {
        let h = s.h;
        let r = &mut s.r[p];
        r.st = if commit { CG } else { AG };
        r.dh = h;
        r.dm |= if commit { 1 } else { 2 };
        self.close_check(s, p);
    }
    pub(super) fn close_check(&self, s: &mut St, p: usize) {
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
    /// A client submits.
    pub(super) fn submit(&self, s: &St, n: &mut St, p: u8) -> Option<()> {
        let p = p as usize;
        if s.r[p].st != UN || s.h > self.c.submit_by {
            return None;
        }
        n.ph = 2;
        n.nord += 1;
        if s.r[p].cancelled && self.c.cancel_unknown_tombstone {
            n.r[p].st = RJ;
        } else if self.legs(p).iter().any(|l| s.fz[l.c] || s.held[l.c]) {
            n.r[p].st = RJ;
        } else {
            n.r[p].st = QU;
            n.r[p].sub = s.h;
            n.r[p].ord = s.nord + 1;
        }
        Some(())
    }
    /// The same Submit once more, after its record was pruned.
    pub(super) fn resubmit(&self, s: &St, n: &mut St, p: u8) -> Option<()> {
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
        Some(())
    }
    /// A block ends: what is free starts, then the due work of the next one.
    pub(super) fn tick(&self, s: &St, n: &mut St) -> Option<()> {
        let np = self.c.props.len();
        if s.h >= self.c.hmax {
            if s.ph == 0 {
                return None;
            }
            n.ph = 0;
            return Some(());
        }
        let mut ord: Vec<usize> = (0..np).filter(|&p| n.r[p].st == QU).collect();
        ord.sort_by_key(|&p| n.r[p].ord);
        for (i, &p) in ord.iter().enumerate() {
            let blocked = self.legs(p).iter().any(|l| {
                (0..np).any(|q| {
                    q != p
                        && self.legs(q).iter().enumerate().any(|(g2, l2)| self.conflict(l, l2) && self.holds(n, q, g2))
                }) || ord[..i].iter().any(|&q| n.r[q].st == QU && self.legs(q).iter().any(|l2| self.conflict(l, l2)))
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
            if n.r[p].st == PR && n.h > self.dl(n, p) {
                self.decide(n, p, false);
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
                            if self.conflict(l, l2) && self.holds(n, q, g2) {
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
        Some(())
    }
    /// A Vote is ordered.
    pub(super) fn vote(&self, s: &St, n: &mut St, p: u8, g: u8, yes: bool) -> Option<()> {
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
                    self.decide(n, p, true);
                }
            } else {
                if self.c.no_closes {
                    n.r[p].closed |= mask;
                }
                self.decide(n, p, false);
            }
        } else if (s.r[p].st == AG || s.r[p].st == AD) && !yes && self.c.no_closes {
            n.r[p].closed |= mask;
            self.close_check(n, p);
        } else {
            return None;
        }
        if n.r == s.r {
            return None;
        }
        Some(())
    }
    /// An Outcome is ordered.
    pub(super) fn out(&self, s: &St, n: &mut St, p: u8, g: u8, o: u8) -> Option<()> {
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
                    self.close_check(n, p)
                }
            }
            AG => {
                if o != 1 || o == 8 || self.c.broken_closes {
                    n.r[p].closed |= mask;
                    self.close_check(n, p)
                }
            }
            LO if s.r[p].yes & (1 << g) != 0 => n.r[p].closed |= mask,
            CD | AD if self.c.rel == Rel::PerLeg => {
                n.r[p].closed |= mask;
            }
            _ => return None,
        }
        if n.r == s.r {
            return None;
        }
        Some(())
    }
    /// The proposer cancels.
    pub(super) fn cancel(&self, s: &St, n: &mut St, p: u8) -> Option<()> {
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
            PR => self.decide(n, p, false),
            UN => {}
            _ => return None,
        }
        n.r[p].cancelled = true;
        if s.r[p].st == PR && self.legs(p).iter().enumerate().all(|(g, l)| l.mode == Mode::Notify || s.vote[p][g] == 1)
        {
            n.flag |= F_LATE;
        }
        Some(())
    }
    /// A record leaves the state (R2).
    pub(super) fn prune_record(&self, s: &St, n: &mut St, p: u8) -> Option<()> {
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
        Some(())
    }
}
