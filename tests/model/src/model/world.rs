//! What every step asks of the world: whose leg it is, what conflicts, who reads and writes.

use super::config::{Cfg, Kind, Leg, Mode, Rel};
use super::state::{AD, AG, CD, CG, LK, PR, RJ, RN, SN, St};
use super::{C, K};

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
    pub(super) fn legs(&self, p: usize) -> &Vec<Leg> {
        &self.c.props[p].legs
    }
    pub(super) fn voters(&self, p: usize) -> u8 {
        self.legs(p).iter().enumerate().filter(|(_, l)| l.mode == Mode::Vote).fold(0, |m, (i, _)| m | 1 << i)
    }
    pub(super) fn correct(&self, c: usize) -> bool {
        self.c.byz != Some(c)
    }
    pub(super) fn conflict(&self, a: &Leg, b: &Leg) -> bool {
        a.c == b.c
            && a.mode == Mode::Vote
            && b.mode == Mode::Vote
            && a.acc.iter().any(|x| b.acc.iter().any(|y| x.k == y.k && !self.compat(x.kind, y.kind)))
    }
    pub(super) fn compat(&self, x: Kind, y: Kind) -> bool {
        use Kind::*;
        match (x, y) {
            (S, S) | (D, D) | (I, _) | (_, I) => true,
            (S, D) | (D, S) => self.c.sd_compat,
            _ => false,
        }
    }
    pub(super) fn holds(&self, s: &St, p: usize, g: usize) -> bool {
        let r = &s.r[p];
        match (r.st, self.c.rel) {
            (PR, _) => true,
            (CG | AG, Rel::Decision) => false,
            (CG | AG, Rel::Terminal) => true,
            (CG | AG | CD | AD, Rel::PerLeg) => r.closed & (1 << g) == 0,
            _ => false,
        }
    }
    pub(super) fn edge(s: &mut St, from: u8, t: usize) {
        for f in 0..5 {
            if from & (1 << f) != 0 && f != t {
                s.edges |= 1 << (f * 5 + t);
            }
        }
    }
    pub(super) fn read(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.dl[c][k];
        Self::edge(s, w, t);
        s.rd[c][k] |= 1 << t;
    }
    pub(super) fn write(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.dl[c][k] | s.rd[c][k];
        Self::edge(s, w, t);
        s.wr[c][k] |= 1 << t;
    }
    pub(super) fn delta(&self, s: &mut St, c: usize, k: usize, t: usize) {
        if !self.correct(c) {
            return;
        }
        let w = s.wr[c][k] | s.rd[c][k];
        Self::edge(s, w, t);
        s.dl[c][k] |= 1 << t;
    }
    pub(super) fn locked_legs<'a>(&'a self, s: &'a St, c: usize) -> impl Iterator<Item = (usize, usize, &'a Leg)> + 'a {
        (0..self.c.props.len())
            .flat_map(move |p| self.legs(p).iter().enumerate().map(move |(g, l)| (p, g, l)))
            .filter(move |&(p, g, l)| l.c == c && s.st[p][g] == LK)
    }
    pub(super) fn escrow_ok(&self, s: &St, c: usize, k: usize, d: i8, ignore: bool) -> bool {
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
    pub(super) fn quant(&self, s: &mut St) {
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
