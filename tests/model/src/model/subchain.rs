//! The subchain's steps: the table of §4 of the protocol, and its local transactions.

use super::K;
use super::config::{Kind, Mode, Prune};
use super::state::{AP, DI, F_LOSTNOTIFY, F_R6, F_UNDEF, LK, LO, NONE, PR, RE, RF, RJ, St, TB};
use super::world::M;

impl M {
    pub(super) fn prepare(&self, s: &mut St, p: usize, g: usize, fail: bool) {
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
    pub(super) fn decision(&self, s: &mut St, p: usize, g: usize, commit: bool) {
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
    /// A Prepare comes.
    pub(super) fn hear_prepare(&self, s: &St, n: &mut St, p: u8, g: u8, fail: bool) -> Option<()> {
        let (p, g) = (p as usize, g as usize);
        let c = self.legs(p)[g].c;
        if s.r[p].h0 == 0 && !(s.r[p].st >= PR && s.r[p].st != RJ) {
            return None;
        }
        if self.legs(p)[g].mode == Mode::Notify || !self.correct(c) || (fail && !self.c.execfail) {
            return None;
        }
        // What only the lost branch said is void for a chain that follows the new one.
        if self.is_void(s, p, g) || (s.r[p].st == LO && !s.held[c]) {
            return None;
        }
        self.prepare(n, p, g, fail);
        Some(())
    }
    /// A Decision comes.
    pub(super) fn hear_decision(&self, s: &St, n: &mut St, p: u8, g: u8, commit: bool) -> Option<()> {
        let (p, g) = (p as usize, g as usize);
        if !self.correct(self.legs(p)[g].c) || s.r[p].pruned {
            return None;
        }
        if s.r[p].dm & if commit { 1 } else { 2 } == 0 || self.is_void(s, p, g) || self.is_unsent(s, p, g) {
            return None;
        }
        self.decision(n, p, g, commit);
        Some(())
    }
    /// A local transaction runs, if nothing is in its way.
    pub(super) fn local(&self, s: &St, n: &mut St, l: u8) -> Option<()> {
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
                Kind::S => self.read(n, lo.c, a.k, t),
                Kind::D => {
                    self.delta(n, lo.c, a.k, t);
                    n.val[lo.c][a.k] += a.d
                }
                _ => {
                    self.read(n, lo.c, a.k, t);
                    self.write(n, lo.c, a.k, t);
                    n.val[lo.c][a.k] += a.d
                }
            }
        }
        n.loc[l] = 1;
        Some(())
    }
    /// A record leaves the state (S8).
    pub(super) fn prune_leg(&self, s: &St, n: &mut St, p: u8, g: u8) -> Option<()> {
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
        Some(())
    }
}
