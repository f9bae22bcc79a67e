//! The search: every state once, by its fingerprint, with the way to it.

use super::config::Cfg;
use super::state::{RN, St};
use super::world::M;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};

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
