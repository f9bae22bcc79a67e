//! Which actions a world offers, and what each leads to.

use super::C;
use super::state::{A, F_CANCELLED_RAN, PR, St};
use super::world::M;

impl M {
    /// The state after an action, if it can be done and changes anything.
    pub fn next(&self, s: &St, a: A) -> Option<St> {
        let mut n = s.clone();
        match a {
            A::Submit(p) => self.submit(s, &mut n, p)?,
            A::Resubmit(p) => self.resubmit(s, &mut n, p)?,
            A::Tick => self.tick(s, &mut n)?,
            A::Vote(p, g, yes) => self.vote(s, &mut n, p, g, yes)?,
            A::Out(p, g, o) => self.out(s, &mut n, p, g, o)?,
            A::Cancel(p) => self.cancel(s, &mut n, p)?,
            A::Freeze(c) => self.freeze(s, &mut n, c)?,
            A::Thaw(c) => self.thaw(s, &mut n, c)?,
            A::Prep(p, g, fail) => self.hear_prepare(s, &mut n, p, g, fail)?,
            A::Dec(p, g, commit) => self.hear_decision(s, &mut n, p, g, commit)?,
            A::Learn(c) => n.kn[c as usize] = s.h,
            A::Local(l) => self.local(s, &mut n, l)?,
            A::Prune(p, g) => self.prune_leg(s, &mut n, p, g)?,
            A::RPrune(p) => self.prune_record(s, &mut n, p)?,
            A::RollS(c) => self.fall_back(s, &mut n, c)?,
            A::RollR(_) if self.c.rollback_r == 3 => self.lose_interval(s, &mut n)?,
            A::RollR(p) => self.fall_back_relay(s, &mut n, p)?,
            A::Keep => self.keep(s, &mut n)?,
            A::Follow(c) => self.follow(s, &mut n, c)?,
            A::Show(p, g) => self.show_locked(s, &mut n, p, g)?,
        }
        if n.r.iter().any(|it| it.st == PR && it.cancelled) {
            n.flag |= F_CANCELLED_RAN;
        }
        self.quant(&mut n);
        if n == *s { None } else { Some(n) }
    }
    pub fn actions(&self) -> Vec<(A, bool)> {
        // (action, fair)
        let mut v = vec![(A::Tick, true)];
        if self.c.rollback_r == 3 {
            v.push((A::Keep, false));
        }
        let byz = |c: usize| self.c.byz == Some(c);
        for p in 0..self.c.props.len() {
            let q = p as u8;
            v.push((A::Submit(q), false));
            v.push((A::Cancel(q), false));
            v.push((A::RPrune(q), false));
            if self.c.rollback_r != 3 || p == 0 {
                v.push((A::RollR(q), false));
            }
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
                if self.c.rollback_r == 3 {
                    v.push((A::Show(q, g), true));
                }
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
            if self.c.rollback_r == 3 {
                v.push((A::Follow(c), true));
            }
        }
        for l in 0..self.c.locals.len() {
            v.push((A::Local(l as u8), false));
        }
        v
    }
}
