//! The promises that every state must keep (§1 of the protocol).

use super::config::Mode;
use super::state::{
    AD, CD, CG, F_CANCELLED_RAN, F_FROZENRUN, F_LATE, F_LOSTNOTIFY, F_R6, F_STARVE, F_UNDEF, LK, LO, NONE, PR, RJ, St,
    UN,
};
use super::world::M;
use super::{C, K, L};

impl M {
    pub(super) fn check(&self, s: &St, sink: bool, bad: &mut Vec<&'static str>) {
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
                if !matches!(st, UN | CD | AD | RJ | LO) {
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
}
