//! What a small world holds, and which reading of the protocol it follows.

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
    /// 0 none, 1 free, 2 only above what any subchain has seen, 3 an interval that they may have seen (ADR 0013).
    pub rollback_r: u8,
    /// Whether a lost decision may have been heard.
    pub lost_decisions_heard: bool,
    /// Whether somebody shows what is LOCKED of a lost interval.
    pub shows_locked: bool,
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
            lost_decisions_heard: false,
            shows_locked: true,
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
